"""Promises of `jobs.images`: what a picture becomes, and what becomes of one that is a trap."""

import asyncio
import io
import random
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from PIL import Image

from domain.errors import InvalidImage, Unavailable
from domain.pictures import Picture
from jobs.images import Pictures, open_pictures


@pytest.fixture(scope="module")
async def pictures() -> AsyncIterator[Pictures]:
    """One process for all of them."""
    async with open_pictures() as opened:
        yield opened


def encoded(image: Image.Image, format_: str = "PNG", **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **more)
    return file.getvalue()


def decoded(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.content))
    assert (image.format, image.size) == ("WEBP", (picture.width, picture.height))
    assert picture.media_type == "image/webp"
    return image


def png(width: int, height: int, pixels: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG with these scan lines of RGB, whatever its header says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), *more, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


SMALL = encoded(Image.new("RGB", (9, 9)))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
async def test_a_large_picture_becomes_small(pictures: Pictures, format_: str) -> None:
    """It keeps its shape and its colours; a small one keeps its size."""
    left, right = (200, 20, 20), (20, 20, 200)
    image = Image.new("RGB", (1600, 800), left)
    image.paste(right, (800, 0, 1600, 800))
    small = decoded(await pictures.reencode(encoded(image, format_)))
    tiny = await pictures.reencode(encoded(image.resize((1, 3)), format_))

    assert small.size == (512, 256)
    for place, colour in (((5, 5), left), ((500, 250), right)):
        found = small.convert("RGB").getpixel(place)
        assert isinstance(found, tuple)
        assert all(abs(a - b) < 12 for a, b in zip(found, colour, strict=True))
    assert (tiny.width, tiny.height) == (1, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
async def test_every_kind_of_pixels_is_taken(pictures: Pictures, mode: str) -> None:
    """What can be seen through stays so."""
    format_ = "JPEG" if mode == "CMYK" else "PNG"
    made = decoded(await pictures.reencode(encoded(Image.new(mode, (30, 20)), format_)))

    assert made.size == (30, 20)
    assert made.has_transparency_data is (mode in {"LA", "RGBA"})


@pytest.mark.parametrize("level", [0, 300, 20_000, 40_000, 65_535])
async def test_grey_of_many_shades_keeps_them(pictures: Pictures, level: int) -> None:
    """As far as a picture of the web can; what can be seen through is so."""
    image = Image.new("I;16", (3, 2), level)
    made = decoded(await pictures.reencode(encoded(image)))
    clear = decoded(await pictures.reencode(encoded(image, transparency=level)))

    assert made.convert("L").getpixel((0, 0)) == pytest.approx(level / 257, abs=2)
    assert clear.convert("RGBA").getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_picture_is_upright(pictures: Pictures, orientation: int) -> None:
    """However the camera was held: what it calls the upper left corner is dark."""
    upright = Image.new("L", (60, 40), 255)
    upright.paste(0, (0, 0, 30, 20))
    # The turn that undoes the one that the orientation asks for.
    turns = [None, 0, 3, 1, 5, 2, 6, 4]
    turn = turns[orientation - 1]
    held = upright if turn is None else upright.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = decoded(await pictures.reencode(encoded(held, "PNG", exif=exif))).convert("L")

    assert made.size == (60, 40)
    corners = [made.tobytes()[y * 60 + x] for x, y in ((5, 5), (55, 5), (5, 35), (55, 35))]
    assert [each < 128 for each in corners] == [True, False, False, False]


async def test_nothing_but_pixels_stays(pictures: Pictures) -> None:
    """No place, no camera, no name, whatever part of the file has it."""
    exif = Image.Exif()
    exif[0x010F] = "Secret camera"
    image = Image.new("RGB", (20, 20))
    more = {"exif": exif, "icc_profile": b"Secret profile", "xmp": b"<x>Secret</x>"}
    text = (b"tEXt", b"Author\0Secret name")
    for sent in (
        *(encoded(image, format_, **more) for format_ in ("JPEG", "WEBP")),
        png(2, 2, bytes(14), text),
    ):
        assert b"Secret" in sent
        made = await pictures.reencode(sent)
        assert b"Secret" not in made.content
        assert not {"exif", "icc_profile", "xmp"} & set(decoded(made).info)


MOVING = encoded(
    Image.new("RGB", (9, 9)), "PNG", save_all=True, append_images=[Image.new("RGB", (9, 9), "red")]
)
PROGRESSIVE = encoded(Image.new("RGB", (9, 9)), "JPEG", progressive=True)
CALM = encoded(Image.new("RGB", (9, 9)), "JPEG")


def painted(times: int, side: int = 9) -> bytes:
    """A JPEG that says it is so large, whose last scan comes so many times more."""
    content = bytearray(PROGRESSIVE)
    frame = content.index(b"\xff\xc2")
    content[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    last = content.rindex(b"\xff\xda")
    return bytes(content[:-2] + content[last:-2] * times + content[-2:])


def filled(filling: bytes) -> bytes:
    """A JPEG with something before its picture."""
    return CALM[:2] + filling + CALM[2:]


TRAPS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no JPEG, PNG or WebP"),
    "text": (b"name,email\n" * 100, "no JPEG, PNG or WebP"),
    "gif": (encoded(Image.new("P", (9, 9)), "GIF"), "no JPEG, PNG or WebP"),
    "tiff": (encoded(Image.new("RGB", (9, 9)), "TIFF"), "no JPEG, PNG or WebP"),
    "wide": (png(2**31 - 1, 1, b"\0" * 99), "million pixels|damaged"),
    "huge": (png(50_000, 50_000, bytes(10**6)), "25 million pixels"),
    "just too large": (png(5001, 5000, bytes(10**6)), "25 million pixels"),
    "too short": (png(3000, 3000, bytes(10**6)), "damaged"),
    "unpacks without end": (
        png(9, 9, bytes(14 * 9), (b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(10**8), 9))),
        "damaged",
    ),
    "moves": (MOVING, "moves"),
    "painted again and again": (painted(100), "too much"),
    "large and painted again": (painted(15, side=5000), "too much"),
    "padded": (filled(b"\xff" * 5_000_000), "too much"),
    "of many segments": (filled(b"\xff\xfe\0\2" * 1_000_000), "too much"),
    "of many chunks": (png(9, 9, bytes(28 * 9), *[(b"abCd", b"")] * 20_000), "too much"),
}


@pytest.mark.parametrize("name", TRAPS)
async def test_a_trap_is_refused(pictures: Pictures, name: str) -> None:
    """Without being unpacked, and without harm for the next picture."""
    content, says = TRAPS[name]
    with pytest.raises(InvalidImage, match=says):
        await pictures.reencode(content)

    assert (await pictures.reencode(encoded(Image.new("RGB", (9, 9))))).width == 9


async def test_what_only_looks_like_a_trap_is_taken(pictures: Pictures) -> None:
    """A picture in a file that has others inside, or behind it, is painted as often as it says."""
    inside = b"\xff\xe1" + struct.pack(">H", 6002) + b"\xff\xda\0\0\0\0" * 1000
    for honest in (painted(80), filled(inside), CALM + b"\xff\xda" * 1000):
        assert (await pictures.reencode(honest)).width == 9


async def test_damaged_pictures_are_refused_or_taken(pictures: Pictures) -> None:
    """Whatever bytes are changed."""
    chance = random.Random(7)  # noqa: S311  # no secret
    for format_ in ("PNG", "JPEG", "WEBP"):
        sent = encoded(Image.effect_noise((40, 40), 60).convert("RGB"), format_)
        for _ in range(20):
            damaged = bytearray(sent[: chance.randrange(30, len(sent))])
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            with suppress(InvalidImage):
                assert (await pictures.reencode(bytes(damaged))).width


async def test_who_wants_too_much_memory_is_refused_and_the_next_one_is_not() -> None:
    """The system gives no more than is allowed."""
    little = Pictures(memory_bytes=90 * 2**20)
    try:
        with pytest.raises(InvalidImage):
            await little.reencode(encoded(Image.new("RGBA", (3000, 3000))))
        assert (await little.reencode(encoded(Image.new("RGB", (9, 9))))).width == 9
    finally:
        await little.close()


async def test_who_takes_too_long_is_refused_and_the_next_one_is_not(
    pictures: Pictures,
) -> None:
    """Its process is replaced; that of one that was killed as well."""
    hasty = Pictures(picture_seconds=0.0)
    with pytest.raises(InvalidImage, match="takes too much"):
        await hasty.reencode(SMALL)
    assert not hasty._idle

    await pictures.reencode(SMALL)
    for process in pictures._idle:
        process.kill()
        await process.wait()
    assert (await pictures.reencode(SMALL)).width == 9


async def test_who_is_busy_for_too_long_is_refused() -> None:
    """However much else the machine has to do, for its process alone is looked at."""
    hasty = Pictures(busy_seconds=0.001, picture_seconds=60.0)
    with pytest.raises(InvalidImage, match="takes too much"):
        await hasty.reencode(encoded(Image.new("RGB", (1500, 1500))))
    assert not hasty._idle


async def test_one_picture_does_not_hold_up_the_next_one(pictures: Pictures) -> None:
    """There is another process when one is busy, and none besides."""
    await pictures.close()
    await pictures.reencode(SMALL)
    assert len(pictures._idle) == 1
    together = await asyncio.gather(*(pictures.reencode(SMALL) for _ in range(4)))
    assert [each.width for each in together] == [9] * 4
    assert len(pictures._idle) == 2


async def test_pictures_do_not_wait_for_ever() -> None:
    """Who comes when many wait is told to come again; those who wait are not disturbed."""
    narrow = Pictures(processes=1, waiting=2)
    try:
        answers = await asyncio.gather(
            *(narrow.reencode(SMALL) for _ in range(5)), return_exceptions=True
        )
        assert [type(each) for each in answers] == [Picture] * 3 + [Unavailable] * 2
        assert (await narrow.reencode(SMALL)).width == 9
    finally:
        await narrow.close()


async def test_whoever_leaves_gives_nobody_else_their_picture() -> None:
    """A request that is cancelled takes its answer with it."""
    single = Pictures(processes=1)
    large = asyncio.create_task(single.reencode(encoded(Image.new("RGB", (1500, 1500)))))
    waiting = asyncio.create_task(single.reencode(SMALL))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    large.cancel()
    try:
        assert (await waiting).width == 9
        with pytest.raises(asyncio.CancelledError):
            await large
    finally:
        await single.close()
