"""Turns items into the bytes of JSONL, CSV or a JSON array, a batch of items a write.

Items are mappings, or what `orjson` and pydantic write as objects. Relations stay nested in JSON; a
header of CSV is a dotted path to them (`company.name`).

Source: RFC 4180 for quoting, with LF between lines; RFC 8259.
"""

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

import orjson
from pydantic import BaseModel

from domain.errors import InvalidInput
from domain.exports import ExportFormat
from domain.formulas import guarded

Items = AsyncIterable[Any] | Iterable[Any]

BOM: Final = b"\xef\xbb\xbf"
"""By this mark at the beginning some spreadsheets tell UTF-8."""

MIN_CHUNK_ITEMS: Final = 1
MAX_CHUNK_ITEMS: Final = 10_000

_CONTENT_TYPES: Final[Mapping[ExportFormat, str]] = {
    ExportFormat.JSONL: "application/x-ndjson",
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSON: "application/json",
}
_OPTIONS: Final = orjson.OPT_UTC_Z
_NEEDS_QUOTES: Final = re.compile('[,"\r\n]')
_SEPARATOR: Final = ";"
_ITEMS_OF_CSV: Final = 5000
_ITEMS_OF_JSON: Final = 1000


class _Generator(Protocol):
    def __call__(self, items: Items, *, chunk_size: int) -> AsyncIterator[bytes]: ...


def read_format(value: str) -> ExportFormat:
    """The format of this name, in any case: `jsonl`, `CSV`.

    Raises:
        InvalidInput: There is none.
    """
    try:
        return ExportFormat(value.upper())
    except ValueError as error:
        allowed = [format_.lower() for format_ in ExportFormat]
        raise InvalidInput(
            f"The format {value[:50]!r} is not known; take one of {', '.join(allowed)}.",
            allowed=allowed,
        ) from error


def get_content_type_for_format(fmt: ExportFormat | str) -> str:
    """The media type of a format.

    Raises:
        InvalidInput: There is no such format.
    """
    return _CONTENT_TYPES[read_format(fmt)]


def create_streaming_response_generator(
    items: Items,
    format: ExportFormat | str,  # noqa: A002  # the name that callers know
    *,
    chunk_size: int = _ITEMS_OF_JSON,
) -> AsyncIterator[bytes]:
    """The bytes of items in a format; CSV has the names of the first item as its headers.

    Raises:
        InvalidInput: There is no such format; at the call, before anything is read.
    """
    generators: Mapping[ExportFormat, _Generator] = {
        ExportFormat.JSONL: stream_jsonl_async,
        ExportFormat.CSV: stream_csv,
        ExportFormat.JSON: stream_json_array_async,
    }
    return generators[read_format(format)](items, chunk_size=chunk_size)


def optimize_chunk_size(
    format: ExportFormat | str,  # noqa: A002  # the name that callers know
    *,
    avg_item_size: int,
    target_chunk_size: int,
) -> int:
    """How many items make a write of about the wanted size.

    Args:
        avg_item_size: The bytes of an item in this format.
        target_chunk_size: In bytes.

    Raises:
        InvalidInput: There is no such format, or a size is not positive.
    """
    read_format(format)
    if avg_item_size < 1 or target_chunk_size < 1:
        raise InvalidInput("The sizes of items and chunks are positive numbers of bytes.")
    return min(max(target_chunk_size // avg_item_size, MIN_CHUNK_ITEMS), MAX_CHUNK_ITEMS)


async def stream_jsonl_async(
    items: Items, *, chunk_size: int = _ITEMS_OF_JSON
) -> AsyncIterator[bytes]:
    """An object a line.

    Args:
        chunk_size: Items a write.
    """
    async for batch in _batches(items, chunk_size):
        yield one_line_each(b"".join([_json(item, orjson.OPT_APPEND_NEWLINE) for item in batch]))


async def stream_json_array_async(
    items: Items, *, chunk_size: int = _ITEMS_OF_JSON
) -> AsyncIterator[bytes]:
    """One array of all items; without any it is `[]`.

    Args:
        chunk_size: Items a write.
    """
    before = b"["
    async for batch in _batches(items, chunk_size):
        yield before + b",\n".join(map(_json, batch))
        before = b",\n"
    yield b"[]\n" if before == b"[" else b"]\n"


async def stream_csv(
    items: Items,
    *,
    headers: Sequence[str] | None = None,
    chunk_size: int = _ITEMS_OF_CSV,
    bom: bool = False,
    raw: bool = False,
) -> AsyncIterator[bytes]:
    """A header and a line an item; NULL is an empty cell, a list is joined.

    Args:
        headers: Dotted paths into an item; None for the names of the first one.
        chunk_size: Items a write.
        bom: Begin with the byte order mark.
        raw: Without the guard that keeps spreadsheets from taking a text for a formula.
    """
    start = BOM.decode() if bom else ""
    header = None if headers is None else csv_line(headers)
    async for batch in _batches(items, chunk_size):
        rows = [_mapping(item) for item in batch]
        if headers is None:
            headers = tuple(_paths(rows[0]))
            header = csv_line(headers)
        yield f"{start}{header or ''}{_lines(rows, headers, raw=raw)}".encode()
        start = header = ""
    if header:
        yield f"{start}{header}".encode()


def csv_line(cells: Sequence[str]) -> str:
    """The line of a row, or of a header."""
    if len(cells) == 1 and not cells[0]:
        return '""\n'  # an empty line would be no row
    return ",".join(map(_quoted, cells)) + "\n"


def joined(items: Iterable[str]) -> str:
    r"""A list as the text of one cell: `a;b`, with `\;` and `\\` inside items."""
    return _SEPARATOR.join(
        item.replace("\\", "\\\\").replace(_SEPARATOR, f"\\{_SEPARATOR}") for item in items
    )


def one_line_each(data: bytes) -> bytes:
    """JSON in which no character but LF ends a line.

    Many readers of lines, those of Python and httpx among them, end one at U+0085, U+2028 and
    U+2029 too. These stand in JSON within texts only, where the escape means the same.
    """
    for character, escape in _LINE_ENDS:
        # One byte is found sixty times as fast as several, and hardly a text has it.
        if character[:1] in data:
            data = data.replace(character, escape)
    return data


_LINE_ENDS: Final = tuple(
    (chr(code).encode(), b"\\u%04x" % code) for code in (0x85, 0x2028, 0x2029)
)


async def _batches(items: Items, size: int) -> AsyncIterator[list[Any]]:
    batch: list[Any] = []
    async for item in _each(items):
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def _each(items: Items) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
        return
    for item in items:
        yield item


def _json(item: object, option: int = 0) -> bytes:
    return orjson.dumps(item, default=_plain, option=_OPTIONS | option)


def _plain(item: object) -> object:
    if isinstance(item, BaseModel):
        return item.model_dump(by_alias=True)
    if isinstance(item, Mapping):
        return dict(item)
    raise TypeError(f"{type(item).__name__} has no form in an export.")


def _mapping(item: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = item if isinstance(item, Mapping) else orjson.loads(_json(item))
    return found


def _paths(row: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def _lines(rows: Iterable[Mapping[str, Any]], headers: Iterable[str], *, raw: bool) -> str:
    paths = [path.split(".") for path in headers]
    return "".join(csv_line([_cell(_at(row, path), raw=raw) for path in paths]) for row in rows)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell


def _at(row: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at the end of a path; None where there is no such relation."""
    value: Any = row
    for name in path:
        value = None if value is None else _mapping(value).get(name)
    return value


def _cell(value: object, *, raw: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    text = _text(value)
    return text if raw else guarded(text)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return joined(_cell(item, raw=True) for item in value)
    written = _json(value)
    found = orjson.loads(written)
    return found if isinstance(found, str) else written.decode()
