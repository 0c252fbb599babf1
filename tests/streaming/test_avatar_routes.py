"""Promises of users' pictures: who may send and see which, and what becomes of what is sent."""

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy.engine import URL

from app.resources import Resources
from db.rows import UserRow
from db.users import create_user
from domain.enums import Role
from domain.pictures import MAX_PICTURE_BYTES
from domain.uploads import UploadKind
from tests.apps import STRANGER, open_app
from tests.factories import make_contact
from tests.graph.cached import HIT, MISS, CachedApp
from tests.graph.rows import execute

OWN: Final = "/api/v2/users/profile/avatar/"


@dataclass(frozen=True)
class Person:
    """Sends requests as one user."""

    http: httpx.AsyncClient
    resources: Resources
    uuid: UUID

    async def send(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        token = self.resources.tokens.issue(self.uuid, Role.VIEWER, ttl_seconds=600)
        headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **more)

    async def post(
        self, content: bytes, name: str = "me.png", media_type: str = "image/png"
    ) -> httpx.Response:
        return await self.send(OWN, "POST", files={"file": (name, content, media_type)})


async def person(http: httpx.AsyncClient, resources: Resources, name: str) -> Person:
    async with resources.database.write() as tx:
        user: UserRow | None = await create_user(tx, email=f"{name}@example.com", role=Role.VIEWER)
    assert user is not None
    return Person(http, resources, user.uuid)


@pytest.fixture
async def ada(http: httpx.AsyncClient, resources: Resources) -> Person:
    return await person(http, resources, "ada")


def picture(format_: str = "PNG", size: tuple[int, int] = (40, 20), **more: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(file, format_, **more)
    return file.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A PNG that says it is this large and is a few hundred bytes long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def shown(answer: httpx.Response) -> Image.Image:
    return Image.open(io.BytesIO(answer.content))


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_a_picture_is_made_anew_and_shown_to_everybody(ada: Person) -> None:
    """Whatever it was sent as it comes back as WebP, to who sent it and to others."""
    eve = await person(ada.http, ada.resources, "eve")
    for format_, slash in (("PNG", ""), ("JPEG", "/"), ("WEBP", "")):
        path = OWN.rstrip("/") + slash
        sent = await ada.send(path, "POST", files={"file": ("x", picture(format_), "")})
        told, own = sent.json(), await ada.send(path)
        others = await eve.send(f"/api/v2/users/{ada.uuid}/avatar{slash}")

        assert sent.status_code == 201
        assert told == {"avatarUrl": told["avatarUrl"], "width": 40, "height": 20}
        assert sent.headers["location"] == f"/api/v2/users/{ada.uuid}/avatar/"
        assert (await eve.send(told["avatarUrl"])).content == own.content == others.content
        assert own.headers["content-type"] == "image/webp"
        assert own.headers["x-content-type-options"] == "nosniff"
        assert own.headers["cache-control"] == "private, no-cache"
        assert (shown(own).format, shown(own).size) == ("WEBP", (40, 20))


async def test_who_has_a_picture_is_told_so(ada: Person) -> None:
    """The same picture is not sent twice; another one is."""
    await ada.post(picture())
    first = await ada.send(OWN)
    known = {"If-None-Match": first.headers["etag"]}
    again = await ada.send(OWN, headers=known)
    await ada.post(picture(size=(41, 20)))
    other = await ada.send(OWN, headers=known)

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200
    assert other.headers["etag"] != first.headers["etag"]


async def test_a_picture_tells_nothing_but_its_pixels(ada: Person) -> None:
    """Where and with what it was taken goes; how the camera was held is seen."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera of Ada's"
    exif.get_ifd(0x8825)[1] = "N"
    more = {"exif": exif, "icc_profile": b"profile of Ada's screen", "comment": b"by Ada"}
    sent = picture("JPEG", (40, 20), **more)
    assert b"Ada" in sent
    await ada.post(sent)
    answer = await ada.send(OWN)

    assert shown(answer).size == (20, 40)
    assert dict(shown(answer).getexif()) == {}
    assert not {"exif", "icc_profile", "xmp"} & set(shown(answer).info)
    assert b"Ada" not in answer.content


FORM_HEAD: Final = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
REFUSED: Final = {
    b"": "empty",
    b"<svg xmlns='http://www.w3.org/2000/svg'/>": "SVG",
    b"<?xml version='1.0'?><svg/>": "application/xml",
    b"GIF89a" + bytes(20): "image/gif",
    b"name,email\nAda,ada@acme.com\n": "text/csv",
    bytes(range(256)): "no kind",
    picture()[:60]: "damaged",
    picture("WEBP")[:30]: "damaged",
    huge_png(60_000, 60_000): "25 million pixels",
}


async def test_what_is_no_picture_is_refused(ada: Person) -> None:
    """By what it is, not by what it is called; the picture that was there stays."""
    await ada.post(picture())
    for content, says in REFUSED.items():
        answer = await ada.post(content)

        assert problem_of(answer) == (422, "INVALID_IMAGE")
        assert says in answer.json()["detail"]
    assert (await ada.send(OWN)).status_code == 200


async def test_twenty_bombs_are_refused_and_the_next_picture_is_taken(ada: Person) -> None:
    """None of them is unpacked, so the server hardly notices."""
    before = _memory_bytes()
    for width in range(20_000, 60_000, 2000):
        assert problem_of(await ada.post(huge_png(width, width))) == (422, "INVALID_IMAGE")

    assert _memory_bytes() - before < 50 * 2**20
    assert (await ada.post(picture())).status_code == 201


def _memory_bytes() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123  # no file that lies anywhere
        return int(file.read().split()[1]) * 4096


async def test_a_large_picture_is_refused(ada: Person) -> None:
    """By what the client says before it sends, and by what it sends without saying so."""
    for megabytes, length in ((1, str(MAX_PICTURE_BYTES + 2**21)), (6, None), (6, "99")):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        if length is not None:
            headers["Content-Length"] = length
        answer = await ada.send(OWN, "POST", content=large_form(megabytes), headers=headers)

        assert problem_of(answer) == (413, "PAYLOAD_TOO_LARGE")
    assert problem_of(await ada.send(OWN)) == (404, "NOT_FOUND")


async def large_form(megabytes: int) -> AsyncIterator[bytes]:
    yield FORM_HEAD + picture()
    for _ in range(megabytes):
        yield bytes(2**20)
    yield b"\r\n--x--\r\n"


async def test_a_user_sends_one_picture_at_a_time(ada: Person) -> None:
    """Another one meanwhile is refused, that of somebody else is not."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield FORM_HEAD
        begun.set()
        await go_on.wait()
        yield picture() + b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    first = asyncio.create_task(ada.send(OWN, "POST", content=body(), headers=headers))
    await begun.wait()
    eve = await person(ada.http, ada.resources, "eve")
    second, others = await ada.post(picture()), await eve.post(picture())
    go_on.set()

    assert problem_of(second) == (429, "RATE_LIMITED")
    assert second.headers["retry-after"] == "1"
    assert [(await first).status_code, others.status_code] == [201, 201]
    assert (await ada.post(picture())).status_code == 201


async def test_a_picture_can_be_taken_away(ada: Person) -> None:
    """As often as one likes."""
    await ada.post(picture())
    answers = [await ada.send(OWN, "DELETE") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert problem_of(await ada.send(OWN)) == (404, "NOT_FOUND")


async def test_who_is_nobody_has_no_picture(ada: Person) -> None:
    """Without a token nothing is shown; a token of nobody shows others', and writes nothing."""
    await ada.post(picture())
    nobody = Person(ada.http, ada.resources, STRANGER)
    answers = [
        await ada.http.get(f"/api/v2/users/{ada.uuid}/avatar/"),
        await nobody.post(picture()),
        await nobody.send(OWN, "DELETE"),
    ]
    missing = [
        await nobody.send(OWN),
        await nobody.send(f"/api/v2/users/{uuid4()}/avatar/"),
        await nobody.send("/api/v2/users/../avatar/"),
        await nobody.send("/api/v2/users/passwd/avatar/"),
    ]

    assert [problem_of(answer) for answer in answers] == [(401, "UNAUTHENTICATED")] * 3
    assert [problem_of(answer) for answer in missing] == [(404, "NOT_FOUND")] * 4
    assert (await nobody.send(f"/api/v2/users/{ada.uuid}/avatar/")).status_code == 200


async def test_a_user_who_is_gone_has_no_picture(ada: Person) -> None:
    """It goes with the user, and is not shown of one who may not come in any more."""
    await ada.post(picture())
    eve = await person(ada.http, ada.resources, "eve")
    path = f"/api/v2/users/{ada.uuid}/avatar/"
    for change in ("UPDATE users SET is_active = uuid <> $1", "DELETE FROM users WHERE uuid = $1"):
        await execute(ada.resources.database, change, ada.uuid)
        assert problem_of(await eve.send(path)) == (404, "NOT_FOUND")


async def test_what_is_kept_shows_another_picture_and_the_rest_stays_kept(
    database_url: URL, tmp_path: Path
) -> None:
    """The answer that has its address is asked anew; one that has none is not."""
    async with open_app(database_url, tmp_path, with_cache=True) as app:
        cached, database = CachedApp(app), app.resources.database
        ada = await person(app.http, app.resources, "ada")
        await make_contact(database)
        await execute(database, "UPDATE contacts SET owner_id = (SELECT id FROM users)")
        assert app.resources.caching.lease is not None
        await app.resources.caching.lease.caught_up()
        shows = "{ contacts { nodes { owner { name avatarUrl } } } }"
        spared = "{ contacts { nodes { fullName owner { name } } } }"
        urls = []
        for change in (None, picture(), picture(size=(3, 3)), b""):
            if change:
                urls.append((await ada.post(change)).json()["avatarUrl"])
            elif change is not None:
                await ada.send(OWN, "DELETE")
                urls.append(None)
            answered = await cached.ask(shows)
            (node,) = answered.data["contacts"]["nodes"]

            assert answered.status == MISS
            assert node["owner"]["avatarUrl"] == (urls[-1] if urls else None)
            assert await cached.status(shows) == HIT
            assert await cached.status(spared) == (MISS if change is None else HIT)
        assert len(set(urls)) == 3


async def uploaded(who: Person, content: bytes, kind: UploadKind = UploadKind.AVATAR) -> UUID:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    row = await who.resources.uploads.receive(
        chunks(), owner=who.uuid, kind=kind, filename="me.png", media_type="image/png"
    )
    return row.uuid


async def test_a_picture_that_was_uploaded_becomes_the_users_own(ada: Person) -> None:
    """By tus or otherwise; the upload is not there any more afterwards."""
    upload = {"uploadId": str(await uploaded(ada, picture()))}
    assert (await ada.send(OWN, "POST", json=upload)).status_code == 201
    assert shown(await ada.send(OWN)).size == (40, 20)
    assert problem_of(await ada.send(OWN, "POST", json=upload)) == (404, "NOT_FOUND")


async def test_an_upload_that_is_no_picture_after_all_stays(ada: Person) -> None:
    """It is not gone before there is a picture of it."""
    damaged = await uploaded(ada, picture()[:60])
    answer = await ada.send(OWN, "POST", json={"uploadId": str(damaged)})
    assert problem_of(answer) == (422, "INVALID_IMAGE")
    assert (await ada.resources.uploads.find(damaged, owner=ada.uuid)).uuid == damaged


async def test_an_upload_that_cannot_be_a_picture_is_refused(ada: Person) -> None:
    """Somebody else's is as good as none, and nothing else is taken for a picture."""
    eve = await person(ada.http, ada.resources, "eve")
    theirs = await uploaded(eve, picture())
    table = await uploaded(ada, b"Email\nada@example.com\n", UploadKind.CONTACTS)
    text = await uploaded(ada, b"I am no picture, but a text.")
    expected = {
        theirs: (404, "NOT_FOUND"),
        table: (422, "INVALID_IMAGE"),
        text: (422, "INVALID_IMAGE"),
        "x": (400, "BAD_USER_INPUT"),
    }
    for upload, problem in expected.items():
        answer = await ada.send(OWN, "POST", json={"uploadId": str(upload)})
        assert problem_of(answer) == problem
    assert (await ada.send(OWN)).status_code == 404
