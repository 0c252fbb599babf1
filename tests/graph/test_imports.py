"""Imports through GraphQL: looked into, made once, refused with a place."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from app.resources import Resources
from domain.enums import Role
from domain.imports import ImportOptions
from domain.node_ids import NodeKind, encode_node_id
from domain.uploads import UploadKind
from streaming.import_fields import field_names
from tests.client import Client
from tests.graph.bulk import problems
from tests.graph.imports import (
    LIST,
    PEOPLE,
    an_import,
    create,
    preview,
    sent,
    shown,
    take_back,
)
from tests.graph.rows import read_rows

NO_UPLOAD: Final = encode_node_id(NodeKind.UPLOAD, 10**9)
ClientAs = Callable[[Role], Awaitable[Client]]


@pytest.fixture
async def upload_id(client: Client, resources: Resources) -> str:
    """A file of two people that an editor has sent."""
    return await sent(resources, client, PEOPLE)


async def test_preview_tells_how_a_file_would_be_read(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """Where its columns would go and why, its first rows, and what is wrong; nothing is written."""
    payload = await preview(client, upload_id, clientMutationId="m")
    assert (payload["userErrors"], payload["clientMutationId"]) == ([], "m")
    found = payload["preview"]
    assert {name: found[name] for name in ("entity", "encoding", "delimiter", "headerLine")} == {
        "entity": "CONTACTS",
        "encoding": "utf-8",
        "delimiter": ";",
        "headerLine": 1,
    }
    assert (found["vendor"], found["rowsRead"], found["estimatedRows"]) == (None, 2, "2")
    fields = [column["field"] for column in found["columns"]]
    assert fields == ["email", "first_name", None]
    assert set(fields[:2]) < set(found["fields"])
    assert found["columns"][0]["samples"] == ["ada@example.com", "bob@"]
    assert all(column["reason"] for column in found["columns"])
    first, second = found["sample"]
    assert (first["line"], first["cells"]) == (2, ["ada@example.com", "Ada", "37"])
    assert first["values"]["first_name"] == "Ada"
    assert second["line"] == 3
    codes = {(each["line"], each["column"], each["code"]) for each in found["problems"]}
    assert {(1, "Shoe size", "UNMAPPED_COLUMN"), (3, "E-mail", "INVALID_EMAIL")} <= codes
    assert await read_rows(resources.database, "SELECT FROM jobs") == []
    assert await read_rows(resources.database, "SELECT FROM contacts") == []


async def test_preview_heeds_the_mapping_and_the_options(client: Client, upload_id: str) -> None:
    """What is said goes before what is found; null passes a column over."""
    mapping = [{"column": "Shoe size", "field": "title"}, {"column": "First Name", "field": None}]
    payload = await preview(client, upload_id, mapping=mapping, options={"delimiter": ";"})
    columns = payload["preview"]["columns"]
    assert [column["field"] for column in columns] == ["email", None, "title"]
    payload = await preview(client, upload_id, options={"delimiter": ","})
    assert (payload["preview"], problems(payload)) == (None, [("INVALID_VALUE", "uploadId")])
    assert "'E-mail;First Name;Shoe size'" in payload["userErrors"][0]["message"]


async def test_file_that_is_no_table_is_refused_with_what_to_do(
    client: Client, resources: Resources
) -> None:
    """At the place of the file."""
    for content, words in (
        (b"PK\x03\x04" + bytes(100), "save the sheet as CSV"),
        (b"\x89PNG\r\n" + bytes(100), "a PNG picture"),
        (bytes(4), "The file is empty."),
    ):
        payload = await preview(client, await sent(resources, client, content))
        assert payload["preview"] is None
        assert problems(payload) == [("INVALID_VALUE", "uploadId")]
        assert words in payload["userErrors"][0]["message"]


async def test_preview_shows_bytes_that_are_no_text(client: Client, resources: Resources) -> None:
    """What cannot be written as JSON is no reason to answer nothing."""
    content = b"email,first_name\nada@example.com,\xff\xfe\0\xed\xa0\x80\nbob@example.com,Bob\n"
    upload_id = await sent(resources, client, content)
    for encoding in (None, "utf-8", "ascii"):
        found = (await preview(client, upload_id, options={"encoding": encoding}))["preview"]
        assert [row["line"] for row in found["sample"]] == [2, 3]
        assert [each["line"] for each in found["problems"]] == [2]
    payload = await preview(client, upload_id, options={"encoding": "utf-16"})
    assert problems(payload) == [("INVALID_VALUE", "uploadId")]


async def test_preview_refuses_codecs_that_are_no_charsets(
    client: Client, resources: Resources
) -> None:
    """What they make of a file could not be shown."""
    upload_id = await sent(resources, client, b"email,\\ud800\nada@example.com,\\ud800\n")
    for encoding in ("unicode_escape", "raw_unicode_escape"):
        payload = await preview(client, upload_id, options={"encoding": encoding})
        assert problems(payload) == [("INVALID_VALUE", "options.encoding")]


async def test_preview_of_cells_without_end_is_answered(
    client: Client, resources: Resources
) -> None:
    """With a few of the problems of each row."""
    row = b"Ada," + b"a@b;" * 15_000 + b"\n"
    upload_id = await sent(resources, client, b"First Name,Email\n" + row * 20)
    found = (await preview(client, upload_id))["preview"]
    assert found["rowsRead"] == 20
    lines = [each["line"] for each in found["problems"]]
    assert max(lines.count(line) for line in set(lines)) < 25


async def test_import_is_shown_with_all_that_was_asked_for(client: Client, upload_id: str) -> None:
    """Options that were left out are shown as they are by default."""
    payload = await create(
        client,
        upload_id,
        mapping=[{"column": "Shoe size", "field": None}],
        options={"mode": "CREATE_ONLY", "matchOn": ["EMAIL"], "tag": "fair", "dryRun": True},
        clientMutationId="m",
    )
    job = payload["job"]
    usual = ImportOptions()
    assert job == {
        "__typename": "ImportJob",
        "id": job["id"],
        "uuid": job["uuid"],
        "kind": "IMPORT_RECORDS",
        "status": "QUEUED",
        "progress": 0.0,
        "done": "0",
        "total": str(len(PEOPLE)),
        "canCancel": True,
        "entity": "CONTACTS",
        "filename": "people.csv",
        "mapping": {"Shoe size": None},
        "options": {
            "mode": "CREATE_ONLY",
            "matchOn": ["EMAIL"],
            "onConflict": usual.on_conflict.name,
            "errorPolicy": usual.error_policy.name,
            "createMissingCompanies": True,
            "emptyCell": usual.empty_cell.name,
            "multiValueMode": usual.multi_value_mode.name,
            "defaultCountry": None,
            "dateOrder": None,
            "numberLocale": None,
            "keepUnmapped": False,
            "tag": "fair",
            "encoding": None,
            "delimiter": None,
            "dryRun": True,
        },
        "dryRun": True,
        "vendor": None,
        "totalRows": None,
        **dict.fromkeys(
            (
                "processedRows",
                "createdCount",
                "updatedCount",
                "unchangedCount",
                "skippedCount",
                "duplicateCount",
                "failedCount",
                "warningCount",
                "companiesCount",
            ),
            0,
        ),
        **dict.fromkeys(("rowsPerSecond", "estimatedCompletion", "undoneAt", "undoJob")),
    }
    assert (payload["alreadyImported"], payload["userErrors"]) == (False, [])
    assert payload["clientMutationId"] == "m"
    assert await shown(client, job["id"]) == job
    assert (await client.query(LIST))["jobs"]["nodes"] == [job]


async def test_same_file_in_the_same_way_is_the_same_job(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """However it was sent; another way, or `force`, makes another. Null is as if left out."""
    first = await create(client, upload_id)
    again = await sent(resources, client, PEOPLE, filename="other.csv")
    nothing = dict.fromkeys(("mapping", "options", "force", "entity"))
    repeated = await create(client, again, **nothing)
    assert repeated["job"] == first["job"]
    assert (first["alreadyImported"], repeated["alreadyImported"]) == (False, True)
    tagged = await create(client, again, options={"tag": "fair"})
    forced = await create(client, again, force=True)
    assert len({each["job"]["id"] for each in (first, tagged, forced)}) == 3
    assert [each["alreadyImported"] for each in (tagged, forced)] == [False, False]


async def test_import_is_made_once_under_its_key(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """Sent again the mutation answers the same, also that it is a new one."""
    given = {"force": True, "idempotencyKey": "k"}
    first, again = [await create(client, upload_id, **given) for _ in range(2)]
    assert first == again
    assert not again["alreadyImported"]
    assert len(await read_rows(resources.database, "SELECT FROM jobs")) == 1


MISTAKES: Final[list[tuple[dict[str, Any], list[str]]]] = [
    ({"mapping": [{"column": "a", "field": "emial"}]}, ["mapping.0.field"]),
    (
        {"mapping": [{"column": "a"}, {"column": "a", "field": "x"}, {"column": "\0"}]},
        ["mapping.1.column", "mapping.1.field", "mapping.2.column"],
    ),
    ({"mapping": [{"column": f"{at}"} for at in range(2001)]}, ["mapping"]),
    ({"options": {"matchOn": []}}, ["options.matchOn"]),
    (
        {"options": {"emptyCell": "CLEAR", "multiValueMode": "REPLACE"}},
        ["options.emptyCell", "options.multiValueMode"],
    ),
    (
        {"options": {"defaultCountry": "Germany", "tag": "\0", "encoding": "klingon"}},
        ["options.defaultCountry", "options.encoding", "options.tag"],
    ),
    ({"options": {"tag": "", "delimiter": "ab"}}, ["options.delimiter", "options.tag"]),
    ({"options": {"encoding": "raw_unicode_escape"}}, ["options.encoding"]),
    ({"entity": "COMPANIES"}, ["uploadId"]),
]


async def test_mistakes_are_told_where_they_stand(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """All of a kind at once; there is no job then."""
    for given, paths in MISTAKES:
        payload = await create(client, upload_id, **given)
        assert payload["job"] is None
        assert sorted(path for _, path in problems(payload)) == paths
    assert await read_rows(resources.database, "SELECT FROM jobs") == []


async def test_unknown_field_is_told_with_one_like_it(client: Client, upload_id: str) -> None:
    """Which names there are is told by the preview."""
    payload = await create(client, upload_id, mapping=[{"column": "a", "field": "emial"}])
    assert payload["userErrors"][0]["message"] == "There is no such field. Did you mean email?"
    assert "email" in field_names("contacts")


async def test_file_that_is_not_there_is_refused_by_both(
    client: Client, client_as: ClientAs, resources: Resources
) -> None:
    """That of another user as one that never was; one that is not complete, or for another use."""
    part = await sent(resources, client, PEOPLE, up_to=10)
    picture = await sent(resources, client, PEOPLE, kind=UploadKind.AVATAR)
    theirs = await sent(resources, await client_as(Role.ADMIN), PEOPLE)
    for ask in (preview, create):
        payloads = [await ask(client, id_) for id_ in (NO_UPLOAD, theirs, part, picture)]
        assert payloads[0] == payloads[1]
        assert [problems(each) for each in payloads] == [
            [("NOT_FOUND", "uploadId")],
            [("NOT_FOUND", "uploadId")],
            [("NOT_ALLOWED_IN_STATE", "uploadId")],
            [("INVALID_VALUE", "uploadId")],
        ]
    assert await read_rows(resources.database, "SELECT FROM jobs") == []


async def test_viewer_may_do_none_of_it(
    client: Client, client_as: ClientAs, upload_id: str
) -> None:
    """Imports need the role EDITOR, whatever is asked for."""
    id_ = await an_import(client, upload_id)
    viewer = await client_as(Role.VIEWER)
    for ask, about in ((preview, upload_id), (create, upload_id), (take_back, id_)):
        with pytest.raises(AssertionError, match="FORBIDDEN"):
            await ask(viewer, about)
