"""Uploads through GraphQL: announced by who may, seen by who sends them, refused with a place."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import pytest

from app.resources import Resources
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import write_datetime
from tests.apps import App
from tests.client import Client
from tests.graph.bulk import problems
from tests.graph.rows import execute, read_rows

WHOLE: Final = """
fragment Whole on Upload {
  __typename id uuid kind filename mediaType totalBytes receivedBytes sha256 state url chunkBytes
  createdAt finishedAt expiresAt }
"""
CREATE: Final = (
    "mutation ($input: CreateUploadInput!) { createUpload(input: $input) {"
    " upload { ...Whole } userErrors { code message path } clientMutationId } }" + WHOLE
)
ONE: Final = "query ($id: ID!) { upload(id: $id) { ...Whole } node(id: $id) { ...Whole } }" + WHOLE
BYTES: Final = b"email\nada@example.com\n"
NOWHERE: Final = encode_node_id(NodeKind.UPLOAD, 10**9)

ClientAs = Callable[[Role], Awaitable[Client]]


async def create(client: Client, **given: Any) -> dict[str, Any]:
    """The payload of `createUpload`, of a small file of contacts unless it is said otherwise."""
    usual = {"kind": "CONTACTS", "filename": "people.csv", "totalBytes": len(BYTES)}
    payload: dict[str, Any] = (await client.query(CREATE, input=usual | given))["createUpload"]
    return payload


async def shown(client: Client, id_: str) -> Any:
    """The upload as it is, which `upload` and `node` show alike."""
    data = await client.query(ONE, id=id_)
    assert data["upload"] == data["node"]
    return data["upload"]


async def send(resources: Resources, uuid: str, content: bytes, *, offset: int = 0) -> None:
    """Send some bytes of a file."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    (owner,) = (await read_rows(resources.database, "SELECT user_uuid FROM uploads"))[0]
    row = await resources.uploads.find(UUID(uuid), owner=owner)
    await resources.uploads.append(row, offset, chunks())


async def test_upload_is_shown_as_far_as_it_has_come(client: Client, resources: Resources) -> None:
    """From its announcement to its digest; where its bytes go is told from the beginning."""
    payload = await create(client, mediaType="text/csv", clientMutationId="m")
    upload = payload["upload"]
    assert (payload["userErrors"], payload["clientMutationId"]) == ([], "m")
    assert upload == {
        "__typename": "Upload",
        "id": upload["id"],
        "uuid": upload["uuid"],
        "kind": "CONTACTS",
        "filename": "people.csv",
        "mediaType": "text/csv",
        "totalBytes": str(len(BYTES)),
        "receivedBytes": "0",
        "sha256": None,
        "state": "RECEIVING",
        "url": f"/api/v1/uploads/{UUID(upload['uuid']).hex}",
        "chunkBytes": 65536,
        "createdAt": upload["createdAt"],
        "finishedAt": None,
        "expiresAt": upload["expiresAt"],
    }
    now, day = datetime.now(UTC), timedelta(days=1)
    assert write_datetime(now) < upload["expiresAt"] < write_datetime(now + day)
    await send(resources, upload["uuid"], BYTES[:5])
    assert await shown(client, upload["id"]) == upload | {"receivedBytes": "5"}
    await send(resources, upload["uuid"], BYTES[5:], offset=5)
    complete = await shown(client, upload["id"])
    assert (complete["state"], complete["receivedBytes"]) == ("COMPLETE", str(len(BYTES)))
    assert complete["sha256"] == sha256(BYTES).hexdigest()
    assert complete["finishedAt"] is not None


async def test_upload_of_another_user_is_nobodys_to_see(
    client: Client, client_as: ClientAs, resources: Resources
) -> None:
    """An admin is no exception; it is answered as one that never was, and so is an expired one."""
    id_ = (await create(client))["upload"]["id"]
    assert (await shown(client, id_))["id"] == id_
    for role in (Role.VIEWER, Role.ADMIN):
        stranger = await client_as(role)
        assert await stranger.send(ONE, id=id_) == await stranger.send(ONE, id=NOWHERE)
        assert await shown(stranger, id_) is None
    await execute(resources.database, "UPDATE uploads SET expires_at = now()")
    assert await shown(client, id_) is None


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"totalBytes": 0}, "INVALID_VALUE", "totalBytes"),
        ({"totalBytes": "-5"}, "INVALID_VALUE", "totalBytes"),
        ({"totalBytes": str(2**62)}, "TOO_LONG", "totalBytes"),
        ({"kind": "AVATAR", "totalBytes": 6 * 2**20}, "TOO_LONG", "totalBytes"),
        ({"filename": " "}, "INVALID_VALUE", "filename"),
        ({"filename": "a" * 300}, "INVALID_VALUE", "filename"),
        ({"mediaType": "text"}, "INVALID_VALUE", "mediaType"),
    ],
)
async def test_mistakes_are_told_where_they_stand(
    empty_app: App, given: dict[str, Any], code: str, path: str
) -> None:
    """No upload is made."""
    payload = await create(empty_app.client(Role.EDITOR), **given)
    assert payload["upload"] is None
    assert problems(payload) == [(code, path)]


async def test_file_without_room_is_an_error_with_a_code(
    client: Client, resources: Resources
) -> None:
    """It is not the client's mistake, so it is no userError."""
    held = (
        "INSERT INTO uploads (uuid, user_uuid, kind, filename, media_type, total_bytes, expires_at)"
        " SELECT gen_random_uuid(), uuid, 'contacts', '', '', $1, now() + '1 h' FROM users"
    )
    await execute(resources.database, held, resources.uploads.settings.quota_bytes)
    usual = {"kind": "CONTACTS", "filename": "people.csv", "totalBytes": 1}
    failed = await client.fail(CREATE, input=usual)
    assert failed["extensions"]["code"] == "INSUFFICIENT_STORAGE"


async def test_viewer_may_send_an_avatar_and_nothing_else(client_as: ClientAs) -> None:
    """Imports are for editors; a picture of oneself is for everybody."""
    viewer = await client_as(Role.VIEWER)
    for kind in ("CONTACTS", "COMPANIES"):
        usual = {"kind": kind, "filename": "people.csv", "totalBytes": 1}
        failed = await viewer.fail(CREATE, input=usual)
        assert failed["extensions"]["code"] == "FORBIDDEN"
    upload = (await create(viewer, kind="AVATAR", mediaType="image/png"))["upload"]
    assert (upload["kind"], upload["mediaType"]) == ("AVATAR", "image/png")


async def test_pieces_depend_on_the_size_and_on_the_network(
    client: Client, resources: Resources
) -> None:
    """What is said of the network is meant for this answer alone."""
    sizes = {}
    for network in ("SLOW", "NORMAL", "FAST", None):
        payload = await create(client, totalBytes=2**30, networkCondition=network)
        sizes[network] = payload["upload"]["chunkBytes"]
    assert 65536 < sizes["SLOW"] < sizes["NORMAL"] < sizes["FAST"]
    assert sizes[None] == sizes["NORMAL"]
    assert len(await read_rows(resources.database, "SELECT FROM uploads")) == 4


@pytest.mark.parametrize("id_", ["nonsense", encode_node_id(NodeKind.JOB, 1)])
async def test_id_of_something_else_is_bad_user_input(empty_app: App, id_: str) -> None:
    """A job is no upload."""
    failed = await empty_app.client().fail("query ($id: ID!) { upload(id: $id) { id } }", id=id_)
    assert failed["extensions"]["code"] == "BAD_USER_INPUT"
