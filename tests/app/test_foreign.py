"""What is somebody else's is answered as what does not exist, byte for byte, at every door."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from domain.enums import Role
from domain.node_ids import NodeKind, decode_node_id, encode_node_id
from tests.apps import App, OpenSharedApp
from tests.graph.accounts import DOCUMENTS, Person, new_person
from tests.graph.answers import as_body
from tests.graph.exports import CREATE as EXPORT
from tests.graph.imports import CREATE as IMPORT
from tests.graph.imports import PEOPLE, PREVIEW, TAKE_BACK, TOLD, sent
from tests.graph.jobs import CANCEL
from tests.graph.rows import execute, read_rows

pytestmark = pytest.mark.one_executor

FAR: Final = 10**9
TUS: Final = {"Tus-Resumable": "1.0.0"}
CHANGING: Final = {
    "PATCH",
    "DELETE",
    "cancelJob",
    "undoImport",
    "createImport",
    "revokeApiToken",
}
"""Doors that are tried by nobody but those whose the thing is not."""
NOT_TOLD: Final = {"filter", "jobProgress"}
"""An import that has written nothing yet is a filter of nothing; a job that waits tells nothing."""
BYTES: Final = {
    **TUS,
    "Upload-Offset": "0",
    "Content-Type": "application/offset+octet-stream",
}


@dataclass(frozen=True)
class Thing:
    """Something of a user's.

    Attributes:
        uuid: By what REST routes know it.
        id: By what GraphQL knows it.
    """

    uuid: UUID
    id: str


@dataclass(frozen=True)
class Belongings:
    """An owner with one of each kind of thing, and somebody else."""

    app: App
    owner: Person
    other: Person
    things: Mapping[str, Thing]

    def absent(self, name: str) -> Thing:
        """A thing of the same kind that never was."""
        kind, row_id = decode_node_id(self.things[name].id)
        return Thing(UUID(int=FAR), encode_node_id(kind, FAR + row_id))

    async def answer(self, thing: Thing, door: "Door", *, by: Person) -> httpx.Response:
        """How a door answers somebody about a thing."""
        method, path, more = door(thing)
        authorization = {"Authorization": by.client.headers["Authorization"]}
        headers = authorization | more.pop("headers", {})
        return await self.app.http.request(method, path, headers=headers, **more)


Door = Callable[[Thing], tuple[str, str, dict[str, Any]]]
"""Makes the request about a thing: its method, its path and what comes along."""


def query(document: str) -> Door:
    """Asks in GraphQL, with `$id`."""
    return _graphql(document, lambda thing: {"id": thing.id})


def mutation(document: str, name: str = "id", **given: Any) -> Door:
    """Changes in GraphQL, with the id in the input."""
    return _graphql(document, lambda thing: {"input": {name: thing.id, **given}})


def _graphql(document: str, variables: Callable[[Thing], dict[str, Any]]) -> Door:
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}

    def ask(thing: Thing) -> tuple[str, str, dict[str, Any]]:
        content = as_body(document, variables=variables(thing))
        return "POST", "/graphql", {"content": content, "headers": headers}

    return ask


def rest(method: str, path: str, **more: Any) -> Door:
    """Asks at a route."""
    return lambda thing: (method, path.format(thing.uuid.hex), dict(more))


NODE: Final = "query ($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { id } }"
DOORS: Final[Mapping[tuple[str, str], Door]] = {
    ("job", "job"): query("query ($id: ID!) { job(id: $id) { id status } }"),
    ("job", "node"): query(NODE),
    ("job", "jobProgress"): query("subscription ($id: ID!) { jobProgress(id: $id) { id } }"),
    ("job", "cancelJob"): mutation(CANCEL),
    ("job", "jobs"): query("query ($id: ID!) { jobs(filter: {id: {eq: $id}}) { totalCount } }"),
    ("job", "route"): rest("GET", "/api/v1/jobs/{}"),
    ("import", "node"): query(NODE),
    ("import", "importErrors"): query(TOLD),
    ("import", "undoImport"): mutation(TAKE_BACK),
    ("import", "filter"): query(
        "query ($id: ID!) { contactsCount(filter: {importedBy: {eq: $id}}) { count } }"
    ),
    ("import", "route"): rest("GET", "/api/v1/jobs/{}"),
    ("import", "rejects"): rest("GET", "/api/v1/imports/{}/rejects"),
    ("import error", "node"): query(NODE),
    ("upload", "upload"): query("query ($id: ID!) { upload(id: $id) { id state } }"),
    ("upload", "node"): query(NODE),
    ("upload", "previewImport"): mutation(PREVIEW, "uploadId"),
    ("upload", "createImport"): mutation(IMPORT, "uploadId"),
    ("upload", "HEAD"): rest("HEAD", "/api/v1/uploads/{}", headers=TUS),
    ("upload", "PATCH"): rest("PATCH", "/api/v1/uploads/{}", headers=BYTES, content=b"x"),
    ("upload", "DELETE"): rest("DELETE", "/api/v1/uploads/{}", headers=TUS),
    ("export", "route"): rest("GET", "/api/v1/exports/{}"),
    ("export", "HEAD"): rest("HEAD", "/api/v1/exports/{}"),
    ("export", "manifest"): rest("GET", "/api/v1/exports/{}/manifest"),
    ("export job", "job"): query("query ($id: ID!) { job(id: $id) { id } }"),
    ("export job", "route"): rest("GET", "/api/v1/jobs/{}"),
    ("API token", "node"): query(NODE),
    ("API token", "revokeApiToken"): mutation(DOCUMENTS["revokeApiToken"]),
}
"""By the kind of thing and the name of the door."""


@pytest.fixture(scope="module")
async def belongings(open_shared_app: OpenSharedApp) -> AsyncIterator[Belongings]:
    """An owner who has one of everything."""
    async with open_shared_app("foreign") as app:
        owner, other = [await new_person(app, Role.EDITOR) for _ in range(2)]
        yield Belongings(app, owner, other, await make_things(app, owner))


async def make_things(app: App, owner: Person) -> dict[str, Thing]:
    """One of each kind."""
    client, database = owner.client, app.resources.database
    upload = await sent(app.resources, client, PEOPLE)
    imported = await sent(app.resources, client, PEOPLE)
    importing = await client.query(IMPORT, input={"uploadId": imported})
    exporting = await client.query(EXPORT, input={"contacts": {}, "columns": ["uuid"]})
    things = {
        "import": await _thing(app, "jobs", importing["createImport"]["job"]["id"]),
        "export job": await _thing(app, "jobs", exporting["createExport"]["job"]["id"]),
    }
    _, import_row = decode_node_id(things["import"].id)
    await execute(
        database,
        'INSERT INTO import_errors (job_id, line, code, severity, message, "column", field, raw,'
        " suggestion) VALUES ($1, 2, 'INVALID_EMAIL', 'ERROR', 'Why', '', '', '', '')",
        import_row,
    )
    ((error_row,),) = await read_rows(database, "SELECT id FROM import_errors")
    token = await owner.device.send("createApiToken", name="Sync", scopes=["READ"])
    streamed = await app.http.get("/api/v1/contacts/stream", headers=client.headers)
    manifest: str = streamed.links["describedby"]["url"]
    export = UUID(manifest.removesuffix("/manifest").rpartition("/")[2])
    return things | {
        "job": things["export job"],
        "upload": await _thing(app, "uploads", upload),
        "import error": Thing(UUID(int=1), encode_node_id(NodeKind.IMPORT_ERROR, error_row)),
        "API token": Thing(UUID(int=1), token["apiToken"]["id"]),
        "export": Thing(export, things["export job"].id),
    }


async def _thing(app: App, table: str, id_: str) -> Thing:
    _, row_id = decode_node_id(id_)
    database = app.resources.database
    ((uuid,),) = await read_rows(database, f"SELECT uuid FROM {table} WHERE id = $1", row_id)
    return Thing(uuid, id_)


def told(response: httpx.Response, thing: Thing) -> tuple[int, dict[str, str], str]:
    """An answer without what tells requests from each other, and the ids that were asked about."""
    request_id = response.headers["x-request-id"]
    text = response.text
    for echoed in (request_id, thing.id, str(thing.uuid), thing.uuid.hex):
        text = text.replace(echoed, "…")
    left = {
        # How often the database was asked is compared, how long it took is not.
        name: re.sub(r"dur=[\d.]+", "dur=…", value)
        for name, value in response.headers.items()
        if name not in {"x-request-id", "content-length", "date"}
    }
    return response.status_code, left, text


@pytest.mark.parametrize("name", DOORS, ids=" by ".join)
async def test_foreign_is_absent(belongings: Belongings, name: tuple[str, str]) -> None:
    """Status, headers and body are those of an id that was never given."""
    thing, absent = belongings.things[name[0]], belongings.absent(name[0])
    foreign = await belongings.answer(thing, DOORS[name], by=belongings.other)
    nothing = await belongings.answer(absent, DOORS[name], by=belongings.other)
    assert told(foreign, thing) == told(nothing, absent)


async def test_owner_is_answered_otherwise(belongings: Belongings) -> None:
    """Each of the things is there, or the comparison would show nothing."""
    for (kind, door), ask in DOORS.items():
        if door in CHANGING or door in NOT_TOLD:
            continue
        thing, absent = belongings.things[kind], belongings.absent(kind)
        own = await belongings.answer(thing, ask, by=belongings.owner)
        nothing = await belongings.answer(absent, ask, by=belongings.owner)
        assert told(own, thing) != told(nothing, absent), (kind, door)


async def test_nothing_has_happened_to_the_things(belongings: Belongings) -> None:
    """Whoever asked in vain has changed nothing."""
    database = belongings.app.resources.database
    now = datetime.now(UTC)
    assert await read_rows(database, "SELECT count(*) FROM jobs WHERE status <> 'QUEUED'") == [(0,)]
    assert await read_rows(
        database, "SELECT count(*) FROM api_tokens WHERE revoked_at < $1", now
    ) == [(0,)]
    assert await read_rows(database, "SELECT count(*) FROM uploads WHERE sha256 IS NULL") == [(0,)]
