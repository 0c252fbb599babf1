"""Promises of the routes of uploads: what tus 1.0 says, to whom it is said, and what is refused."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, Final
from uuid import UUID

import pytest

from domain.enums import Role
from tests.apps import STRANGER
from tests.streaming.tus import (
    BINARY,
    BYTES,
    LARGEST,
    OTHER,
    ROOT,
    Tus,
    digest,
    metadata,
    problem_of,
)


async def test_file_in_pieces_arrives_whole(tus: Tus) -> None:
    """Each piece is told how far the file is; at the end its digest is stored."""
    path = await tus.created()
    for start in range(0, len(BYTES), 70_000):
        assert await tus.offset(path) == start
        answer = await tus.patch(path, start, BYTES[start : start + 70_000])
        assert answer.status_code == 204
        assert answer.headers["upload-offset"] == str(min(start + 70_000, len(BYTES)))
    row = await tus.resources.uploads.find(UUID(path.rpartition("/")[2]), owner=STRANGER)
    assert row.sha256 == hashlib.sha256(BYTES).hexdigest()
    assert tus.file(path).read_bytes() == BYTES
    assert (row.filename, row.media_type, row.kind) == ("people.csv", "text/csv", "contacts")


@pytest.mark.parametrize("path", [ROOT, ROOT.rstrip("/"), f"{ROOT}{OTHER.hex}"])
async def test_what_is_spoken_is_told_to_anybody(tus: Tus, path: str) -> None:
    """Without a token and without a version, also where there is no upload."""
    answer = await tus.send("OPTIONS", path, authorization="", tus_resumable="")
    assert answer.status_code == 204
    told = {name: value for name, value in answer.headers.items() if name.startswith("tus-")}
    assert told == {
        "tus-resumable": "1.0.0",
        "tus-version": "1.0.0",
        "tus-extension": "creation,creation-with-upload,termination,checksum,expiration",
        "tus-max-size": str(LARGEST),
        "tus-checksum-algorithm": "sha1,sha256,md5",
    }


@pytest.mark.parametrize("version", ["", "0.2.2"], ids=["none", "another"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
async def test_other_versions_are_refused(tus: Tus, method: str, version: str) -> None:
    """They are told which one is spoken, before anything else is looked at."""
    path = ROOT if method == "POST" else f"{ROOT}{OTHER.hex}"
    answer = await tus.send(method, path, tus_resumable=version)
    assert answer.status_code == 412
    assert answer.headers["tus-version"] == "1.0.0"


@pytest.mark.parametrize("slash", ["", "/"])
async def test_upload_is_created_at_a_path_of_the_server(tus: Tus, slash: str) -> None:
    """Of no host, so that it is right behind a proxy; and it is told how long it waits."""
    told = metadata(filename="a.csv", kind="companies")
    answer = await tus.send(
        "POST", ROOT.rstrip("/") + slash, upload_length="5", upload_metadata=told
    )
    assert answer.status_code == 201
    folder, _, upload_id = answer.headers["location"].rpartition("/")
    assert (folder + "/", UUID(upload_id).hex) == (ROOT, upload_id)
    expires = parsedate_to_datetime(answer.headers["upload-expires"])
    row = await tus.resources.uploads.find(UUID(upload_id), owner=STRANGER)
    assert expires == row.expires_at.replace(microsecond=0)
    assert (tus.file(f"/{upload_id}").stat().st_mode & 0o777) == 0o600


BAD: Final[Mapping[str, Mapping[str, Any]]] = {
    "no length": {"upload_length": ""},
    "negative length": {"upload_length": "-1"},
    "empty file": {"upload_length": "0"},
    "length later": {"upload_length": "", "upload_defer_length": "1"},
    "length later as well": {"upload_defer_length": "1"},
    "of several": {"upload_concat": "partial"},
    "no metadata": {"upload_metadata": ""},
    "no file name": {"upload_metadata": metadata(kind="contacts")},
    "no kind": {"upload_metadata": metadata(filename="a.csv")},
    "another kind": {"upload_metadata": metadata(filename="a.csv", kind="people")},
    "no base64": {"upload_metadata": "filename a.csv,kind Y29udGFjdHM="},
    "no UTF-8": {"upload_metadata": "filename /w==,kind Y29udGFjdHM="},
    "a name twice": {"upload_metadata": metadata(kind="contacts") + ",kind Y29udGFjdHM="},
    "nothing between commas": {"upload_metadata": metadata(kind="contacts", filename="a") + ",,"},
    "a name that nobody sees": {
        "upload_metadata": metadata(kind="contacts", filename="a") + ",a\tb"
    },
    "more than a header needs": {
        "upload_metadata": metadata(kind="contacts", filename="a", note="x" * 3100),
    },
    "a folder for a name": {"upload_metadata": metadata(filename="../", kind="contacts")},
    "a long name": {"upload_metadata": metadata(filename="a" * 300, kind="contacts")},
    "no media type": {
        "upload_metadata": metadata(filename="a", kind="contacts", filetype="a b"),
    },
}


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD)
async def test_creation_that_cannot_be_read_is_refused(
    tus: Tus, headers: Mapping[str, Any]
) -> None:
    """With words of what to do, and nothing is made."""
    before = list(tus.file("/").iterdir())
    assert problem_of(await tus.create(**headers)) == (400, "BAD_USER_INPUT")
    assert list(tus.file("/").iterdir()) == before


@pytest.mark.parametrize(
    ("kind", "most"), [("contacts", 6 * 2**20), ("companies", 6 * 2**20), ("avatar", 5 * 2**20)]
)
async def test_each_kind_has_a_largest_file(tus: Tus, kind: str, most: int) -> None:
    """One byte more is refused before any is sent."""
    assert (await tus.create(most, kind)).status_code == 201
    refused = await tus.create(most + 1, kind)
    assert problem_of(refused) == (413, "PAYLOAD_TOO_LARGE")
    assert refused.json()["limit"] == most


async def test_viewers_send_pictures_of_themselves_alone(tus: Tus) -> None:
    """Imports are for editors, and nothing is for strangers."""
    viewer = replace(tus, role=Role.VIEWER)
    assert (await viewer.create(kind="avatar")).status_code == 201
    assert problem_of(await viewer.create()) == (403, "FORBIDDEN")
    assert problem_of(await tus.create(authorization="")) == (401, "UNAUTHENTICATED")
    path = await tus.created()
    assert problem_of(await viewer.patch(path, 0, BYTES)) == (403, "FORBIDDEN")


async def test_bytes_can_come_with_the_creation(tus: Tus) -> None:
    """The first of them, or all."""
    answer = await tus.create(content_type=BINARY, content=BYTES[:1000])
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "1000")
    path = answer.headers["location"]
    assert (await tus.patch(path, 1000, BYTES[1000:])).status_code == 204
    assert tus.file(path).read_bytes() == BYTES


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/csv"}, 415),
        ({"content_type": BINARY, "upload_checksum": digest("sha1", b"other")}, 460),
        ({"content_type": BINARY, "upload_length": "3"}, 413),
    ],
    ids=["type", "checksum", "length"],
)
async def test_creation_with_bad_bytes_leaves_nothing(
    tus: Tus, headers: dict[str, Any], status: int
) -> None:
    """Its client is told of no upload to go on with."""
    before = set(tus.file("/").iterdir())
    answer = await tus.create(content=BYTES, **headers)
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert set(tus.file("/").iterdir()) == before


async def test_head_tells_all_that_a_client_needs_to_go_on(tus: Tus) -> None:
    """How far it is, how long it gets, what it is called; and that nobody may keep the answer."""
    path = await tus.created()
    answer = await tus.send("HEAD", path)
    assert answer.status_code == 200
    assert answer.headers["upload-offset"] == "0"
    assert answer.headers["upload-length"] == str(len(BYTES))
    told = metadata(filename="people.csv", filetype="text/csv", kind="contacts")
    assert answer.headers["upload-metadata"] == told
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["tus-resumable"] == "1.0.0"


async def test_head_tells_what_a_client_has_said_letter_by_letter(tus: Tus) -> None:
    """Also names that mean nothing here, and what is shown otherwise; up to some length."""
    more = metadata(note="x" * 2900, filename="C:\\a.csv", kind="contacts")
    told = f"relativePath bnVsbA==, {more},is_confidential"
    path = (await tus.create(upload_metadata=told)).headers["location"]
    assert (await tus.send("HEAD", path)).headers["upload-metadata"] == told


async def test_uploads_of_others_are_not_there(tus: Tus) -> None:
    """Not even for an admin, and in the same words as those that never were."""
    path = await tus.created()
    other = replace(tus, user=OTHER, role=Role.ADMIN)
    for method in ("HEAD", "PATCH", "DELETE"):
        foreign = await other.send(method, path, content_type=BINARY, upload_offset="0")
        absent = await other.send(
            method, f"{ROOT}{OTHER.hex}", content_type=BINARY, upload_offset="0"
        )
        assert foreign.status_code == absent.status_code == 404
    assert await tus.offset(path) == 0


@pytest.mark.parametrize(
    "given", ["..%2F..%2Fx", "%2e%2e", "x", "0" * 31, "0" * 33, "%00", f"{OTHER.hex}.json"]
)
async def test_id_is_never_a_path(tus: Tus, given: str) -> None:
    """What is no id is refused, whatever is asked for."""
    for method in ("HEAD", "PATCH", "DELETE"):
        answer = await tus.send(method, ROOT + given, content_type=BINARY, upload_offset="0")
        assert answer.status_code in {400, 404}


async def test_bytes_for_another_place_are_refused(tus: Tus) -> None:
    """With the place where the file goes on."""
    path = await tus.created()
    await tus.patch(path, 0, BYTES[:10])
    for wrong in (0, 11):
        answer = await tus.patch(path, wrong, BYTES[:10])
        assert problem_of(answer) == (409, "UPLOAD_OFFSET_MISMATCH")
        assert answer.json()["offset"] == 10
        assert answer.headers["upload-offset"] == "10"


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"content_type": "application/octet-stream"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"content_encoding": "gzip"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"upload_offset": ""}, (400, "BAD_USER_INPUT")),
        ({"upload_offset": "x"}, (400, "BAD_USER_INPUT")),
        ({"upload_checksum": "crc32 AAAA"}, (400, "BAD_USER_INPUT")),
        ({"upload_checksum": "sha1 AAAA"}, (400, "BAD_USER_INPUT")),
        ({"upload_checksum": "sha1"}, (400, "BAD_USER_INPUT")),
    ],
)
async def test_bytes_that_are_announced_wrongly_are_refused(
    tus: Tus, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    """And none of them is taken."""
    path = await tus.created()
    assert problem_of(await tus.patch(path, 0, BYTES[:10], **headers)) == refusal
    assert await tus.offset(path) == 0


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    """A body whose length is not told."""
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "not-told"])
async def test_more_than_was_announced_is_refused(tus: Tus, is_told: bool) -> None:
    """Whether its length is told or not, nothing of it is kept."""
    path = await tus.created(100)
    content = BYTES[:101] if is_told else in_pieces(BYTES[:50], BYTES[50:101])
    assert problem_of(await tus.patch(path, 0, content)) == (413, "PAYLOAD_TOO_LARGE")
    assert await tus.offset(path) == 0
    await tus.patch(path, 0, BYTES[:100])
    assert problem_of(await tus.patch(path, 100, b"x")) == (413, "PAYLOAD_TOO_LARGE")
    assert (await tus.patch(path, 100, b"")).headers["upload-offset"] == "100"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_bytes_with_a_checksum_are_kept_when_they_are_right(tus: Tus, algorithm: str) -> None:
    """Else the client is told, and sends them again."""
    path = await tus.created()
    wrong = await tus.patch(path, 0, BYTES, upload_checksum=digest(algorithm, BYTES + b"x"))
    assert problem_of(wrong) == (460, "CHECKSUM_MISMATCH")
    assert await tus.offset(path) == 0
    for start, end in ((0, 1000), (1000, len(BYTES))):
        part = BYTES[start:end]
        right = await tus.patch(path, start, part, upload_checksum=digest(algorithm, part))
        assert right.headers["upload-offset"] == str(end)
    assert tus.file(path).read_bytes() == BYTES


async def test_clients_without_patch_say_what_they_mean(tus: Tus) -> None:
    """By a header of whatever method; what means nothing here is refused in words of tus."""
    path = await tus.created()
    answer = await tus.send(
        "GET",
        path,
        x_http_method_override="PATCH",
        content_type=BINARY,
        upload_offset="0",
        content=BYTES,
    )
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(BYTES)))
    created = await tus.create(x_http_method_override="post")
    assert created.status_code == 201
    for method, refused in (("POST", path), ("GET", path), ("PUT", ROOT), ("DELETE", ROOT)):
        answer = await tus.send(method, refused)
        assert problem_of(answer) == (405, "METHOD_NOT_ALLOWED")
        assert "OPTIONS" in answer.headers["allow"]


async def test_upload_can_be_ended(tus: Tus) -> None:
    """It and its bytes are gone."""
    path = await tus.created()
    await tus.patch(path, 0, BYTES[:1000])
    assert (await tus.send("DELETE", path)).status_code == 204
    assert not tus.file(path).exists()
    assert (await tus.send("HEAD", path)).status_code == 404
    assert (await tus.send("DELETE", path)).status_code == 404


async def test_bound_of_other_bodies_is_not_that_of_uploads(tus: Tus) -> None:
    """A piece may be larger than what GraphQL takes."""
    large = BYTES * 17
    assert len(large) > tus.resources.settings.max_body_size
    path = await tus.created(len(large))
    assert (await tus.patch(path, 0, large)).headers["upload-offset"] == str(len(large))
