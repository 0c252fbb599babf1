"""What the process does that looks into pictures: it alone reads what strangers made.

It is started by its file, isolated: it knows nothing of the server, neither its settings nor its
memory, and may have no more memory than the first argument says, and no more seconds of a processor
for a picture than the second. Pictures come one after another over standard input, as `jobs.images`
writes them; it ends with its input.
"""

import contextlib
import io
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import BinaryIO, Final

from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MAX_PIXELS: Final = 25_000_000
SIDE: Final = 512
"""Pixels of the longer side at most; a smaller picture stays as large as it is."""

_QUALITY: Final = 85
# Pillow looks at each of them in turn, so a file of nothing else takes it several seconds.
_MAX_PARTS: Final = 10_000
_MAX_FILLING_BYTES: Final = 64 * 2**10
# A JPEG may paint over itself again and again, by a few bytes each time.
_MAX_SCANS: Final = 100
_MAX_SCANNED_PIXELS: Final = 20 * MAX_PIXELS
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"
_MARKER: Final = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_START_OF_SCAN: Final = b"\xda"
_END_OF_IMAGE: Final = b"\xd9"
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TOO_MUCH: Final = "The picture takes too much to unpack."
_TOO_LARGE: Final = f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels."


class Refused(Exception):
    """Why a picture is none to use, for the person who sent it."""


def reencode(content: bytes) -> tuple[bytes, int, int]:
    """The same picture as WebP, upright, small and with nothing but its pixels; its size.

    Raises:
        Refused: It is none to use.
    """
    try:
        scans = _checked_parts(content)
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check(image, scans)
            return _written(_shrunken(image))
    except Refused:
        raise
    except UnidentifiedImageError:
        raise Refused("This is no JPEG, PNG or WebP picture.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Refused(_TOO_LARGE) from None
    except Exception as error:
        raise Refused("The picture is damaged, or too large once it is unpacked.") from error


def _checked_parts(content: bytes) -> int:
    """How often its pixels are painted; refuses what is built to keep its reader busy."""
    if content.startswith(_JPEG):
        return _scans(content)
    if content.startswith(_PNG):
        _check_chunks(content)
    return 1


def _check_chunks(content: bytes) -> None:
    at = len(_PNG)
    for _ in range(_MAX_PARTS):
        if at >= len(content):
            return
        # Length and kind stand before the data, a checksum behind it.
        at += 12 + int.from_bytes(content[at : at + 4])
    raise Refused(_TOO_MUCH)


def _scans(content: bytes) -> int:
    """How many scans a JPEG has, as its decoder finds them.

    Data of a scan has no length, but nothing in it looks like the marker of a segment.
    Source: ITU T.81, annex B.
    """
    at, scans, filling = len(_JPEG), 0, 0
    for _ in range(_MAX_PARTS):
        found = _MARKER.search(content, at)
        if found is None or found[1] == _END_OF_IMAGE:
            return scans
        filling += 0 if scans else found.start() - at
        scans += found[1] == _START_OF_SCAN
        if scans > _MAX_SCANS or filling > _MAX_FILLING_BYTES:
            break
        at = found.end() + int.from_bytes(content[found.end() : found.end() + 2])
    raise Refused(_TOO_MUCH)


def _check(image: Image.Image, scans: int) -> None:
    """Refuse a picture by what its header says, before anything is unpacked."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise Refused(_TOO_LARGE)
    if scans * pixels > _MAX_SCANNED_PIXELS:
        raise Refused(_TOO_MUCH)
    # A JPEG may carry others behind the picture itself, such as a preview; those are left out.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise Refused("The picture moves. Send one that stands still.")


def _shrunken(image: Image.Image) -> Image.Image:
    """The picture in colours that WebP has, as small as it is to be, as the camera was held."""
    # A JPEG is unpacked at a fraction of its size where that is enough.
    image.draft("RGB", (SIDE, SIDE))
    turn = _turn(image)
    if image.mode.startswith("I"):
        image = _in_bytes(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    small = image if image.mode == mode else image.convert(mode)
    small.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    return small if turn is None else small.transpose(turn)


def _in_bytes(image: Image.Image) -> Image.Image:
    """Grey of 16 bits as grey of 8, which Pillow by itself does not scale but cut off."""
    scaled = image.point(lambda level: level * (1 / 257) + 0.5).convert("L")
    if "transparency" in image.info:
        scaled.info["transparency"] = int(image.info["transparency"] / 257 + 0.5)
    return scaled


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes it upright; what is damaged beside the pixels damages no picture."""
    with contextlib.suppress(Exception):
        return _TURNS.get(image.getexif()[ExifTags.Base.Orientation])
    return None


def _written(image: Image.Image) -> tuple[bytes, int, int]:
    # Into an image that never had any metadata.
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    file = io.BytesIO()
    clean.save(file, "WEBP", quality=_QUALITY)
    return file.getvalue(), *clean.size


@contextlib.contextmanager
def _hurrying(seconds: float) -> Iterator[None]:
    """Have the system end this process when the block takes so much of a processor."""
    if sys.platform == "win32":
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def serve(source: BinaryIO, sink: BinaryIO, seconds: float) -> None:
    """Answer pictures until there are no more.

    A line says how many bytes a picture has. That of the answer also says how wide and how high it
    is; what has no size is the reason why it is none to use.
    """
    while line := source.readline():
        content = source.read(int(line))
        try:
            with _hurrying(seconds):
                told, width, height = reencode(content)
        except Refused as refused:
            told, width, height = str(refused).encode(), 0, 0
        sink.write(b"%d %d %d\n" % (len(told), width, height) + told)
        sink.flush()


def limit(memory_bytes: int) -> None:
    """Have the system refuse more memory than this, and any file, where it can do that."""
    if sys.platform in {"win32", "darwin"}:
        return
    import resource  # noqa: PLC0415  # not on Windows

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Serve standard input."""
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    Image.init()
    limit(int(sys.argv[1]))
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer, float(sys.argv[2]))


if __name__ == "__main__":
    main()
