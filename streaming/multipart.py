"""Forms with one file: its bytes are handed on while they arrive.

The file is never in memory as a whole, and its end is told only when the form has come to an end
and was sound: whoever has stored it by then has stored a file that may stay.

Source: RFC 7578; RFC 2046, section 5.1, for boundaries.
"""

import re
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from domain.errors import InvalidInput, PayloadTooLarge, UnsupportedMediaType
from streaming.bodies import Body, media_type_of

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE_FIELD: Final = "file"
FORM: Final = "multipart/form-data"

_MAX_PREAMBLE_BYTES: Final = 8 * 2**10
_MAX_FIELD_BYTES: Final = 64 * 2**10
_AROUND_THE_FILE_BYTES: Final = 2**20
_PLAIN_ENCODINGS: Final = frozenset({b"binary", b"8bit", b"7bit"})


class FormFile:
    """The file of a form, whose first bytes are here.

    Attributes:
        filename: What the client calls it.
        media_type: What the client takes it for; empty when it does not say.
        fields: The other fields by their names; all of them once `chunks` has come to its end.
        least_bytes: How long it is at least, by what the client says of the form.
    """

    def __init__(self, parser: "_Parser", part: "_Part", body: Body, max_bytes: int) -> None:
        self.filename = part.filename or ""
        self.media_type = part.media_type
        self.fields = parser.fields
        self.least_bytes = max(body.announced - _AROUND_THE_FILE_BYTES, 0)
        self._parser = parser
        self._body = body
        self._max_bytes = max_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes of the file; the last one is followed by the end of the whole form.

        Raises:
            InvalidInput: The form is malformed, or ends too early.
            PayloadTooLarge: The file has more bytes than it may have.
            RequestTimeout: The form did not arrive.
        """
        size = 0
        while True:
            for piece in self._parser.taken():
                size += len(piece)
                if size > self._max_bytes:
                    raise _too_large(self._max_bytes)
                yield piece
            if not await _feed(self._parser, self._body):
                return


@asynccontextmanager
async def open_form(
    request: Request, *, fields: Collection[str] = (), max_file_bytes: int
) -> AsyncIterator[FormFile]:
    """The file of a request whose body is a form with the field `file`.

    The rest of a form that is refused within the block is read and thrown away.

    Args:
        fields: The names that other fields may have; each of them is a short text.

    Raises:
        UnsupportedMediaType: The body is no form, or compressed.
        InvalidInput: The form is malformed, has no file, two of them, or other fields.
        PayloadTooLarge: The body is larger than a form with such a file can be.
        RequestTimeout: The form did not arrive.
    """
    parser = _Parser(_boundary(request), fields)
    body = Body(request, max_bytes=max_file_bytes + _AROUND_THE_FILE_BYTES)
    async with body.answered():
        yield FormFile(parser, await _reach_file(parser, body), body, max_file_bytes)


async def _reach_file(parser: "_Parser", body: Body) -> "_Part":
    while parser.file is None:
        if not await _feed(parser, body):
            raise _no_file()
    return parser.file


async def _feed(parser: "_Parser", body: Body) -> bool:
    """Parse what comes next; whether something came.

    Raises:
        InvalidInput: The form is malformed, or the body ends before it does.
    """
    chunk = await body.next()
    if chunk is not None:
        parser.feed(chunk)
    else:
        parser.end()
    return chunk is not None


class _Part(NamedTuple):
    """What the headers of a part say.

    Attributes:
        filename: None for a part that is no file.
    """

    name: str
    filename: str | None
    media_type: str


class _Parser:
    """Takes a form apart as it comes.

    Attributes:
        fields: Those that have come so far.
        file: The part that is the file, once it has begun.
    """

    def __init__(self, boundary: bytes, allowed: Collection[str]) -> None:
        self.fields: dict[str, str] = {}
        self.file: _Part | None = None
        self._has_ended = False
        self._allowed = allowed
        self._first = re.compile(rb"(?:\A|\r\n)(--%s(?:--|[ \t]*\r\n))" % re.escape(boundary))
        self._preamble: bytes | None = b""
        self._pieces: deque[bytes] = deque()
        self._part: _Part | None = None
        self._headers: dict[bytes, bytes] = {}
        self._header_name = self._header_value = self._field = b""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._extend_header_name,
            "on_header_value": self._extend_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_content,
            "on_part_data": self._take_content,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise _malformed(error) from None

    def feed(self, chunk: bytes) -> None:
        """Take what comes next.

        Raises:
            InvalidInput: It is no part of such a form.
        """
        if self._preamble is not None:
            chunk = self._past_preamble(self._preamble + chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(error) from None

    def end(self) -> None:
        """Note that nothing comes any more.

        Raises:
            InvalidInput: Something is missing.
        """
        if self._preamble:
            raise _malformed("it is nowhere in it")
        if not self._has_ended:
            raise InvalidInput("The body ends before the form does. Send it again.")

    def _past_preamble(self, begun: bytes) -> bytes:
        """What follows the text that may stand before a form; nothing until that has ended."""
        if first := self._first.search(begun):
            self._preamble = None
            return begun[first.start(1) :]
        if len(begun) > _MAX_PREAMBLE_BYTES:
            raise _malformed(f"it is not in its first {_MAX_PREAMBLE_BYTES} bytes")
        self._preamble = begun
        return b""

    def taken(self) -> deque[bytes]:
        """The bytes of the file that have come since the last call."""
        pieces, self._pieces = self._pieces, deque()
        return pieces

    def _begin_part(self) -> None:
        self._headers = {}
        self._header_name = self._header_value = self._field = b""

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _begin_content(self) -> None:
        self._part = part = _read_headers(self._headers)
        if part.name == FILE_FIELD:
            if self.file is not None:
                raise InvalidInput("The form has two files. Send one at a time.")
            if not part.filename:
                raise _no_file()
            self.file = part
        elif part.filename is not None:
            raise InvalidInput(f"Send the file as the field `{FILE_FIELD}`.")
        elif part.name not in self._allowed:
            raise self._unknown(part.name)
        elif part.name in self.fields:
            raise InvalidInput(f"The form has the field {part.name!r} twice. Send it once.")

    def _take_content(self, data: bytes, start: int, end: int) -> None:
        if self._part is self.file:
            self._pieces.append(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > _MAX_FIELD_BYTES:
            raise _too_large(_MAX_FIELD_BYTES, "A field beside the file")

    def _end_part(self) -> None:
        if self._part is not None and self._part is not self.file:
            try:
                self.fields[self._part.name] = self._field.decode()
            except UnicodeDecodeError:
                raise InvalidInput(f"The field {self._part.name!r} is not UTF-8.") from None

    def _end(self) -> None:
        self._has_ended = True

    def _unknown(self, name: str) -> InvalidInput:
        allowed = [FILE_FIELD, *sorted(self._allowed)]
        message = f"There is no field {name[:50]!r}. There are {', '.join(allowed)}."
        return InvalidInput(message, allowed=allowed)


def _boundary(request: Request) -> bytes:
    """What stands between the parts.

    Raises:
        UnsupportedMediaType: The body is no form.
        InvalidInput: It does not say.
    """
    if media_type_of(request) != FORM:
        raise UnsupportedMediaType(f"Send the body as {FORM}, with the file as `{FILE_FIELD}`.")
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidInput(f"The header Content-Type of {FORM} has to name the boundary.")
    return boundary


def _read_headers(headers: dict[bytes, bytes]) -> _Part:
    disposition, options = parse_options_header(headers.get(b"content-disposition"))
    name = options.get(b"name")
    if disposition != b"form-data" or name is None:
        raise InvalidInput('A part of the form has no `Content-Disposition: form-data; name="…"`.')
    encoding = headers.get(b"content-transfer-encoding", b"binary").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise InvalidInput("Send the parts of the form without a Content-Transfer-Encoding.")
    filename = options.get(b"filename")
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return _Part(
        name.decode(errors="replace"),
        None if filename is None else filename.decode(errors="replace"),
        media_type.decode("latin-1"),
    )


def _no_file() -> InvalidInput:
    return InvalidInput(f"There is no file. Send it as the field `{FILE_FIELD}`, with its name.")


def _malformed(error: object) -> InvalidInput:
    return InvalidInput(f"The body is not a form as its boundary says: {error}.")


def _too_large(limit: int, what: str = "The file") -> PayloadTooLarge:
    return PayloadTooLarge(f"{what} is larger than {limit} bytes.", limit=limit)
