"""Connections: which page comes, what surrounds it, and that a walk neither repeats nor loses."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from db.contacts import delete_contact
from db.transaction import Database
from tests.apps import App
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute
from tests.statements import Statements

PAGE = """query ($first: Int, $after: String, $last: Int, $before: String, $offset: Int,
               $orderBy: [ContactOrder!], $filter: ContactFilter) {
  contacts(first: $first, after: $after, last: $last, before: $before, offset: $offset,
           orderBy: $orderBy, filter: $filter) {
    edges { cursor node { id firstName } } nodes { id firstName }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
BY_NAME = [{"field": "NAME"}]
NEWEST = [{"field": "CREATED_AT", "direction": "DESC"}]
SIX_KEYS = ["NAME", "LAST_NAME", "TITLE", "COMPANY_NAME", "EMAIL", "CREATED_AT"]
BOTH_WAYS = "Use first and after, or last and before; not both."
OFFSET_RANGE = "offset goes from 0 to 1000; further on pass the endCursor as after."
WRONG_ARGUMENTS: dict[str, tuple[dict[str, object], str]] = {
    "first: 0": ({"first": 0}, "A page has at least 1 row, 0 were asked for."),
    "first: -1": ({"first": -1}, "A page has at least 1 row, -1 were asked for."),
    "last: 0": ({"last": 0}, "A page has at least 1 row, 0 were asked for."),
    "last: -5": ({"last": -5}, "A page has at least 1 row, -5 were asked for."),
    "first and last": ({"first": 1, "last": 1}, BOTH_WAYS),
    "after and before": ({"after": "x", "before": "x"}, BOTH_WAYS),
    "first and before": ({"first": 1, "before": "x"}, BOTH_WAYS),
    "last and after": ({"last": 1, "after": "x"}, BOTH_WAYS),
    "offset: -1": ({"offset": -1}, OFFSET_RANGE),
    "offset: 1001": ({"offset": 1001}, OFFSET_RANGE),
    "offset and after": ({"offset": 1, "after": "x"}, "offset goes with first alone."),
    "offset and last": ({"offset": 1, "last": 1}, "offset goes with first alone."),
    "no key": ({"orderBy": []}, "orderBy is empty. Leave it out, or name a field."),
    "six keys": (
        {"orderBy": [{"field": key} for key in SIX_KEYS]},
        "orderBy has 6 keys; at most 5 fit.",
    ),
    "a key twice": (
        {"orderBy": [{"field": "NAME"}, {"field": "NAME", "direction": "DESC"}]},
        "orderBy names a field twice.",
    ),
}


async def make_named(database: Database, names: str) -> None:
    """A contact for each letter, in their order."""
    for name in names:
        await make_contact(database, first_name=name)


async def page(client: Client, **arguments: object) -> dict[str, Any]:
    """A page of contacts by name unless another order is given."""
    data = await client.query(PAGE, **{"orderBy": BY_NAME, **arguments})
    found: dict[str, Any] = data["contacts"]
    return found


def names_of(found: dict[str, Any]) -> str:
    """The first names of a page."""
    return "".join(node["firstName"] for node in found["nodes"])


async def test_connection_answers_edges_nodes_page_info_and_total(
    client: Client, resources_database: Database
) -> None:
    """A page is the same rows as edges and as nodes, with its ends and the size of the list."""
    rows = [await make_company(resources_database, name=name) for name in ("A", "B", "C")]
    data = await client.query(
        """{ companies(first: 2) { totalCount nodes { id } edges { cursor node { id } }
             pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    )
    found = data["companies"]
    newest = [{"id": id_of(rows[2])}, {"id": id_of(rows[1])}]
    assert found["totalCount"] == 3
    assert found["nodes"] == newest
    assert [edge["node"] for edge in found["edges"]] == newest
    assert found["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": found["edges"][0]["cursor"],
        "endCursor": found["edges"][1]["cursor"],
    }


async def test_page_size_has_a_default_and_a_cap_with_a_notice(
    client: Client, resources_database: Database
) -> None:
    """Without a number a page has 100 rows; beyond 1 000 it is capped, and the client told."""
    await execute(
        resources_database,
        "INSERT INTO contacts (first_name) SELECT 'n' || n FROM generate_series(1, 1005) AS n",
    )
    await make_company(resources_database)
    default = await client.send("{ contacts { nodes { id } } }")
    assert len(default["data"]["contacts"]["nodes"]) == 100
    assert "extensions" not in default
    most = await client.send("{ contacts(first: 1000) { nodes { id } } }")
    assert len(most["data"]["contacts"]["nodes"]) == 1000
    assert "extensions" not in most
    capped = await client.send(
        """{ all: contacts(first: 5000) { totalCount nodes { id } pageInfo { hasNextPage } }
             end: contacts(last: 1001) { nodes { id } }
             companies(first: 5) { nodes { contacts(first: 2000) { nodes { id } } } } }"""
    )
    assert len(capped["data"]["all"]["nodes"]) == 1000
    assert capped["data"]["all"]["totalCount"] == 1005
    assert capped["data"]["all"]["pageInfo"] == {"hasNextPage": True}
    assert len(capped["data"]["end"]["nodes"]) == 1000
    notice = {"code": "PAGE_SIZE_CAPPED", "applied": 1000}
    assert capped["extensions"]["notices"] == [
        notice | {"path": ["all"], "requested": 5000},
        notice | {"path": ["companies", "nodes", "contacts"], "requested": 2000},
        notice | {"path": ["end"], "requested": 1001},
    ]


@pytest.mark.parametrize(
    ("arguments", "message"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS.keys()
)
async def test_wrong_page_arguments_are_bad_user_input(
    empty_app: App, arguments: dict[str, object], message: str
) -> None:
    """Arguments that mean no page are refused with what is allowed."""
    error = await empty_app.client().fail(PAGE, **arguments)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == message
    assert error["path"] == ["contacts"]


async def test_wrong_arguments_of_a_nested_connection_name_its_place(
    client: Client, resources_database: Database
) -> None:
    """The contacts of a company refuse wrong arguments as the root field does."""
    await make_company(resources_database)
    for arguments in ("first: 0", "first: 1, last: 1", "orderBy: []"):
        document = f"{{ companies {{ nodes {{ contacts({arguments}) {{ nodes {{ id }} }} }} }} }}"
        error = await client.fail(document)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["path"] == ["companies", "nodes", 0, "contacts"]


async def test_cursor_that_cannot_be_used_is_cursor_invalid(
    client: Client, resources_database: Database
) -> None:
    """A damaged, invented or foreign cursor has a code of its own and is not echoed at length."""
    await make_named(resources_database, "ABC")
    cursor = (await page(client, first=1))["pageInfo"]["endCursor"]
    head, tail = cursor[:24], cursor[24:]
    forged = {
        "empty": "",
        "nonsense": "nonsense",
        "not ascii": "ÆØÅ",
        "padding": "====",
        "long": "A" * 20_000,
        "mac changed": head[:-1] + ("A" if head[-1] != "A" else "B") + tail,
        "value changed": head + tail[:-4] + ("AAAA" if tail[-4:] != "AAAA" else "BBBB"),
        "cut": cursor[:-3],
        "only its head": cursor[:20],
        "doubled": cursor * 2,
    }
    for what, text in forged.items():
        for way in ("after", "before"):
            error = await client.fail(PAGE, orderBy=BY_NAME, **{way: text})
            assert error["extensions"]["code"] == "CURSOR_INVALID", what
            assert error["message"] == (
                "This is not a cursor of this server. Pass one exactly as it was given."
            )


async def test_cursor_of_another_order_is_cursor_invalid(
    client: Client, resources_database: Database
) -> None:
    """A cursor belongs to its `orderBy`: another field, direction, place of nulls or kind fails."""
    await make_named(resources_database, "AB")
    cursor = (await page(client, first=1))["pageInfo"]["endCursor"]
    message = "This cursor belongs to another orderBy. Start without a cursor."
    others: list[list[dict[str, str]] | None] = [
        None,
        [{"field": "LAST_NAME"}],
        [{"field": "NAME", "direction": "DESC"}],
        [{"field": "NAME", "nulls": "FIRST"}],
        [{"field": "NAME"}, {"field": "TITLE"}],
    ]
    for order in others:
        error = await client.fail(PAGE, orderBy=order, after=cursor)
        assert (error["extensions"]["code"], error["message"]) == ("CURSOR_INVALID", message)
    error = await client.fail(
        "query ($c: String) { companies(after: $c, orderBy: {field: NAME}) { nodes { id } } }",
        c=cursor,
    )
    assert (error["extensions"]["code"], error["message"]) == ("CURSOR_INVALID", message)


async def test_cursor_under_another_filter_continues_at_the_same_place(
    client: Client, resources_database: Database
) -> None:
    """A cursor names a place in an order, whatever is filtered on either side of it."""
    await make_named(resources_database, "ABCDE")
    cursor = (await page(client, first=2))["pageInfo"]["endCursor"]
    wanted = {"name": {"in": ["A", "B", "D"]}}
    found = await page(client, after=cursor, filter=wanted)
    assert names_of(found) == "D"
    assert found["pageInfo"]["hasPreviousPage"] is True


async def test_page_info_tells_the_truth_in_both_directions(
    client: Client, resources_database: Database
) -> None:
    """`hasNextPage` and `hasPreviousPage` say what is there, also against the way of the walk."""
    await make_named(resources_database, "ABCDE")
    everything = await page(client)
    cursors = [edge["cursor"] for edge in everything["edges"]]
    a, b, _, d, e = cursors
    expected: list[tuple[dict[str, object], str, bool, bool]] = [
        ({}, "ABCDE", False, False),
        ({"first": 5}, "ABCDE", False, False),
        ({"first": 4}, "ABCD", False, True),
        ({"first": 2, "after": b}, "CD", True, True),
        ({"first": 3, "after": b}, "CDE", True, False),
        ({"first": 1, "after": e}, "", True, False),
        ({"last": 5}, "ABCDE", False, False),
        ({"last": 2}, "DE", True, False),
        ({"last": 2, "before": d}, "BC", True, True),
        ({"last": 3, "before": d}, "ABC", False, True),
        ({"before": a}, "", False, True),
        ({"first": 2, "offset": 0}, "AB", False, True),
        ({"first": 2, "offset": 3}, "DE", True, False),
        ({"first": 2, "offset": 5}, "", True, False),
    ]
    for arguments, names, previous, following in expected:
        found = await page(client, **arguments)
        info = found["pageInfo"]
        assert names_of(found) == names, arguments
        assert (info["hasPreviousPage"], info["hasNextPage"]) == (previous, following), arguments
        ends = [edge["cursor"] for edge in found["edges"]]
        assert info["startCursor"] == (ends[0] if ends else None)
        assert info["endCursor"] == (ends[-1] if ends else None)


async def test_page_info_does_not_count_deleted_rows(
    client: Client, resources_database: Database
) -> None:
    """When all rows before the cursor are deleted there is no previous page any more."""
    gone = await make_contact(resources_database, first_name="A")
    await make_named(resources_database, "BC")
    cursor = (await page(client, first=1))["pageInfo"]["endCursor"]
    async with resources_database.write() as tx:
        await delete_contact(tx, gone.id)
    found = await page(client, after=cursor)
    assert names_of(found) == "BC"
    assert found["pageInfo"]["hasPreviousPage"] is False


async def test_empty_list_has_no_cursors_and_no_other_pages(empty_app: App) -> None:
    """An empty page is no error; its cursors are null and nothing surrounds it."""
    for arguments in ({}, {"last": 3}, {"first": 1, "offset": 7}):
        data = await empty_app.client().query(PAGE, **arguments)
        assert data["contacts"] == {
            "edges": [],
            "nodes": [],
            "pageInfo": {
                "hasNextPage": False,
                "hasPreviousPage": False,
                "startCursor": None,
                "endCursor": None,
            },
        }


async def walk(
    client: Client, database: Database, order: list[dict[str, str]], *, backward: bool
) -> AsyncIterator[str]:
    """Ids of a walk by three; before every further page rows are written on either side."""
    cursor = None
    for step in range(100):
        size, place = ("last", "before") if backward else ("first", "after")
        found = await page(client, orderBy=order, **{size: 3, place: cursor})
        ids = [node["id"] for node in found["nodes"]]
        for node_id in reversed(ids) if backward else ids:
            yield node_id
        info = found["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return
        cursor = info["startCursor" if backward else "endCursor"]
        for title, last_name in ((None, None), ("a", "zz"), ("zz", None), (None, "m")):
            name = f"new {step}"
            if step < 5:
                await make_contact(database, first_name=name, title=title, last_name=last_name)
    pytest.fail("The walk does not end.")


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
async def test_walk_over_two_keys_with_nulls_repeats_and_loses_nothing(
    client: Client, resources_database: Database, *, backward: bool
) -> None:
    """Rows written during a walk neither hide nor repeat those that stood there, NULLs included."""
    stood = [
        await make_contact(resources_database, first_name="old", title=title, last_name=last_name)
        for _ in range(2)
        for title in (None, "a", "B", "c")
        for last_name in ("x", None, "Y")
    ]
    # Title A to Z with NULLs first, then family name Z to A with NULLs last, then the id.
    ranks = {"Y": 0, "x": 1, None: 2}
    expected = [
        id_of(row)
        for row in sorted(
            stood, key=lambda row: ((row["title"] or "").lower(), ranks[row.last_name], row.id)
        )
    ]
    order = [{"field": "TITLE", "nulls": "FIRST"}, {"field": "LAST_NAME", "direction": "DESC"}]
    walked = [
        node_id async for node_id in walk(client, resources_database, order, backward=backward)
    ]
    assert len(walked) == len(set(walked))
    assert len(walked) > len(expected)
    met = [node_id for node_id in walked if node_id in set(expected)]
    assert met == (expected[::-1] if backward else expected)


async def test_ten_rows_written_while_paging_newest_first_change_nothing(
    client: Client, resources_database: Database
) -> None:
    """Newest first, what comes in during the walk stands before its start and is not met."""
    await make_named(resources_database, "ABCDEFG")
    first = await page(client, orderBy=NEWEST, first=3)
    await make_named(resources_database, "0123456789")
    rest = await page(client, orderBy=NEWEST, after=first["pageInfo"]["endCursor"])
    assert (names_of(first), names_of(rest)) == ("GFE", "DCBA")
    before = await page(client, orderBy=NEWEST, before=first["pageInfo"]["startCursor"])
    assert names_of(before) == "9876543210"


async def test_only_what_is_selected_is_read(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """The count and the look around cost a statement each, and only when they are asked for."""
    await make_named(resources_database, "ABC")
    cursor = (await page(client, first=1))["pageInfo"]["endCursor"]
    costs = {
        "nodes { id }": 1,
        "nodes { id } pageInfo { hasNextPage startCursor endCursor }": 1,
        "nodes { id } pageInfo { hasPreviousPage }": 2,
        "nodes { id } totalCount": 2,
        "totalCount pageInfo { hasNextPage hasPreviousPage }": 3,
    }
    for selection, cost in costs.items():
        document = "query ($after: String) { contacts(first: 1, after: $after, orderBy: "
        document += f"{{field: NAME}}) {{ {selection} }} }}"
        with statements.recorded() as recorded:
            await client.query(document, after=cursor)
        assert len(recorded) == cost, selection
        counted = any(sql.startswith("SELECT count(*)") for sql in recorded)
        assert counted is ("totalCount" in selection)
