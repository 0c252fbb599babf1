"""What an answer says about its pages beside the data: an order that ends, a walk that is long."""

from typing import Any

import pytest

from app.resources import Resources
from db.transaction import Database
from domain.paging import LONG_WALK, NEWEST_CONTACTS, RELEVANCE_LIMIT, Cursor
from tests.apps import App
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute

BEST = """query ($first: Int, $after: String, $last: Int, $before: String, $offset: Int,
               $orderBy: [ContactOrder!] = {field: RELEVANCE}, $search: String = "ada") {
  contacts(first: $first, after: $after, last: $last, before: $before, offset: $offset,
           orderBy: $orderBy, filter: {search: $search}) {
    nodes { id firstName }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
OF_COMPANIES = """{ companies(first: 2, orderBy: {field: NAME}) { nodes {
  contacts(first: 1000, filter: {search: "ada"}, orderBy: {field: RELEVANCE}) {
    nodes { firstName } pageInfo { hasNextPage } } } } }"""
NEWEST = """query ($after: String, $before: String) {
  newest: contacts(after: $after, before: $before) { nodes { id } } }"""
_INSERT = """INSERT INTO contacts (first_name, company_id)
    SELECT 'Ada' || n, $1::bigint FROM generate_series(1, $2::int) AS n"""


async def test_order_by_relevance_ends_with_a_notice(
    client: Client, resources_database: Database
) -> None:
    """The thousandth row is the last one; that more match is told, and only then."""
    await execute(resources_database, _INSERT, None, RELEVANCE_LIMIT + 5)
    first = await client.send(BEST, first=600)
    assert "extensions" not in first
    info = first["data"]["contacts"]["pageInfo"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
    rest = await client.send(BEST, first=600, after=info["endCursor"])
    assert len(rest["data"]["contacts"]["nodes"]) == 400
    info = rest["data"]["contacts"]["pageInfo"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (False, True)
    notice = {"code": "RELEVANCE_CAPPED", "path": ["contacts"], "limit": 1000}
    assert rest["extensions"] == {"notices": [notice]}
    beyond = await client.send(BEST, after=info["endCursor"])
    assert beyond["data"]["contacts"]["nodes"] == []
    assert beyond["data"]["contacts"]["pageInfo"]["hasNextPage"] is False
    assert beyond["extensions"] == {"notices": [notice]}
    back = await client.query(BEST, last=2, before=info["startCursor"])
    nodes = first["data"]["contacts"]["nodes"]
    assert back["contacts"]["nodes"] == nodes[-2:]
    assert back["contacts"]["pageInfo"]["hasNextPage"] is True


async def test_contacts_of_companies_are_cut_each_by_itself(
    client: Client, resources_database: Database
) -> None:
    """One notice tells that some company has more matches than the order shows."""
    small, large = [await make_company(resources_database, name=name) for name in "AB"]
    await execute(resources_database, _INSERT, small.id, 2)
    await execute(resources_database, _INSERT, large.id, RELEVANCE_LIMIT + 1)
    answer = await client.send(OF_COMPANIES)
    pages = [company["contacts"] for company in answer["data"]["companies"]["nodes"]]
    assert [len(page["nodes"]) for page in pages] == [2, 1000]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [False, False]
    path = ["companies", "nodes", "contacts"]
    assert answer["extensions"]["notices"] == [
        {"code": "RELEVANCE_CAPPED", "path": path, "limit": 1000}
    ]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no search": (
        {"search": " "},
        "RELEVANCE orders by how well search matches. Add search to the filter itself, not within"
        " and, or, not, or choose another order.",
    ),
    "second key": (
        {"orderBy": [{"field": "NAME"}, {"field": "RELEVANCE"}]},
        "RELEVANCE is the first key of orderBy. Move it to the front.",
    ),
    "worst first": (
        {"orderBy": {"field": "RELEVANCE", "direction": "DESC"}},
        "RELEVANCE goes from the best match on. Leave its direction out.",
    ),
    "from the end": (
        {"last": 3},
        "RELEVANCE has no last page. Begin with first, or pass a cursor as before.",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG.keys())
async def test_relevance_where_it_cannot_be_is_bad_user_input(
    empty_app: App, arguments: dict[str, Any], message: str
) -> None:
    """The error has a code, the place of the field and words that say what to change."""
    error = await empty_app.client().fail(BEST, **arguments)
    assert (error["extensions"]["code"], error["message"]) == ("BAD_USER_INPUT", message)
    assert error["path"] == ["contacts"]


async def test_cursor_of_a_search_serves_another_one(
    client: Client, resources_database: Database
) -> None:
    """A cursor belongs to its order, not to its filter: it continues after the same distance."""
    for name in ("Ada", "Adam", "Eve", "Evelyn"):
        await make_contact(resources_database, first_name=name)
    found = (await client.query(BEST, first=1))["contacts"]
    after = found["pageInfo"]["endCursor"]
    rest = (await client.query(BEST, after=after, search="eve"))["contacts"]
    assert [node["firstName"] for node in rest["nodes"]] == ["Eve", "Evelyn"]


@pytest.mark.parametrize(
    ("ordinal", "hinted"),
    [(LONG_WALK - 1, False), (LONG_WALK, True), (-LONG_WALK, True), (1 - LONG_WALK, False)],
)
@pytest.mark.parametrize("way", ["after", "before"])
async def test_long_walk_is_told_of_the_stream(
    empty_app: App, ordinal: int, hinted: bool, way: str
) -> None:
    """Who has passed ten thousand rows page by page, from either end, learns of a better way."""
    cursor = empty_app.resources.cursors.writer(NEWEST_CONTACTS)(Cursor((1,), 1, ordinal))
    answer = await empty_app.client().send(NEWEST, **{way: cursor})
    hint = {"code": "USE_STREAM", "path": ["newest"], "ordinal": LONG_WALK}
    assert answer.get("extensions") == ({"hints": [hint]} if hinted else None)


async def test_ordinals_count_on_from_the_cursor_and_down_from_the_end(
    client: Client, resources: Resources, resources_database: Database
) -> None:
    """What a cursor carries is how far its walk has come."""
    rows = [await make_contact(resources_database, first_name=str(n)) for n in range(5)]
    document = """query ($first: Int, $after: String, $last: Int, $before: String) {
        contacts(first: $first, after: $after, last: $last, before: $before) {
          edges { cursor node { id } } } }"""
    read = resources.cursors.decode

    async def ordinals(**arguments: object) -> tuple[list[str], dict[str, int]]:
        edges = (await client.query(document, **arguments))["contacts"]["edges"]
        cursors = [edge["cursor"] for edge in edges]
        places = {edge["node"]["id"]: read(edge["cursor"], NEWEST_CONTACTS) for edge in edges}
        return cursors, {row_id: place.ordinal for row_id, place in places.items()}

    cursors, counted = await ordinals(first=2)
    assert counted == {id_of(rows[4]): 1, id_of(rows[3]): 2}
    assert (await ordinals(first=1, after=cursors[1]))[1] == {id_of(rows[2]): 3}
    cursors, counted = await ordinals(last=2)
    assert counted == {id_of(rows[1]): -2, id_of(rows[0]): -1}
    assert (await ordinals(last=1, before=cursors[0]))[1] == {id_of(rows[2]): -3}
