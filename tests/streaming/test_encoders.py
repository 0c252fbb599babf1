"""JSONL, CSV and JSON arrays: every value comes back, and writes have the size asked for."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from domain.enums import Seniority
from domain.errors import ErrorCode, InvalidInput
from domain.exports import ExportFormat
from domain.formulas import unguarded
from streaming.decoders import CsvRow, open_csv
from streaming.encoders import (
    MAX_CHUNK_ITEMS,
    create_streaming_response_generator,
    get_content_type_for_format,
    joined,
    optimize_chunk_size,
    stream_csv,
    stream_json_array_async,
    stream_jsonl_async,
)

HOSTILE = [
    'say "hi", Ada',
    "two\nlines",
    "two\r\nlines",
    "bare\rreturn",
    "tab\there",
    "\x01\x1f\x7f",
    "next\x85line",
    "line\u2028separator \u2029",
    "emoji 👩‍👩‍👧",
    "semi;colon\\backslash",
    "=cmd|' /C calc'!A0",
    " =1+1",
    "\u00a0+1",
    "'quoted",
    "''",
    "-12.5",
    "",
    "NULL",
    "\\.",
]
RECORDS = st.fixed_dictionaries(
    {"a": st.text(max_size=8), "b": st.text(max_size=8), "n": st.integers(-(2**53), 2**53)}
)


async def every(items: list[Any]) -> AsyncIterator[Any]:
    """Items as they come from somewhere."""
    for item in items:
        yield item


async def writes(chunks: AsyncIterator[bytes]) -> list[bytes]:
    """What is written, write by write."""
    return [chunk async for chunk in chunks]


async def whole(chunks: AsyncIterator[bytes]) -> str:
    """All that is written."""
    return b"".join(await writes(chunks)).decode()


async def csv_rows(items: list[Any], **options: Any) -> list[list[str]]:
    """CSV as the module of Python reads it."""
    text = await whole(stream_csv(every(items), **options))
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


# What comes back.


@given(items=st.lists(RECORDS, max_size=5))
async def test_json_comes_back(items: list[dict[str, Any]]) -> None:
    """As lines and as an array."""
    lines = await whole(stream_jsonl_async(every(items), chunk_size=2))
    assert [json.loads(line) for line in lines.splitlines()] == items
    assert json.loads(await whole(stream_json_array_async(every(items), chunk_size=2))) == items


@given(items=st.lists(RECORDS, max_size=5))
async def test_csv_comes_back(items: list[dict[str, Any]]) -> None:
    """Exactly by `raw`; guarded, once the guard is taken off the texts."""
    expected = [[item["a"], item["b"], str(item["n"])] for item in items]
    options = {"headers": ["a", "b", "n"], "chunk_size": 2}
    assert await csv_rows(items, raw=True, **options) == [["a", "b", "n"], *expected]
    _, *guarded = await csv_rows(items, **options)
    assert [[unguarded(a), unguarded(b), n] for a, b, n in guarded] == expected


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_comes_back(text: str) -> None:
    """Through all formats; a line of JSONL is one line for every reader of lines."""
    items = [{"name": text, "other": "x"}]
    (line,) = (await whole(stream_jsonl_async(every(items)))).splitlines()
    assert json.loads(line) == items[0]
    assert json.loads(await whole(stream_json_array_async(every(items)))) == items
    assert (await csv_rows(items, headers=["name", "other"], raw=True))[1] == [text, "x"]
    assert unguarded((await csv_rows(items, headers=["name"]))[1][0]) == text


async def test_guarded_file_is_imported_again_as_it_was(tmp_path: Path) -> None:
    """What the import reads and takes the guard off is every value that was exported."""
    path = tmp_path / "export.csv"
    items = [{"name": text, "other": "x"} for text in HOSTILE]
    path.write_bytes(b"".join(await writes(stream_csv(items, headers=["name", "other"], bom=True))))
    with open_csv(path) as source:
        rows = [row for row in source if isinstance(row, CsvRow)]
    assert [unguarded(row.values[0]) for row in rows] == HOSTILE


async def test_cell_that_would_be_calculated_is_neutralised() -> None:
    """A text, or a list that begins with one; a number is none."""
    item = {"name": "=cmd()", "tags": ["@x", "y"], "revenue": -12.5, "count": -3}
    _, cells = await csv_rows([item], headers=["name", "tags", "revenue", "count"])
    assert cells == ["'=cmd()", "'@x;y", "-12.5", "-3"]


async def test_values_have_the_forms_of_json() -> None:
    """Dates, ids, lists, truth, nothing."""
    item = {
        "at": datetime(2026, 11, 22, 10, tzinfo=UTC),
        "day": date(2026, 11, 22),
        "id": UUID(int=1),
        "seniority": Seniority.C_SUITE,
        "tags": ["a;b", "c\\d"],
        "is_active": True,
        "amount": Decimal("-1.50"),
        "company": {"name": "Acme", "address": None},
        "nothing": None,
    }
    headers = [*item, "company.name", "company.address.city", "unknown"]
    _, cells = await csv_rows([item], headers=headers)
    assert cells == [
        "2026-11-22T10:00:00Z",
        "2026-11-22",
        str(UUID(int=1)),
        "C_SUITE",
        r"a\;b;c\\d",
        "true",
        "-1.50",
        '{"name":"Acme","address":null}',
        "",
        "Acme",
        "",
        "",
    ]
    del item["amount"]
    (line,) = (await whole(stream_jsonl_async([item]))).splitlines()
    assert json.loads(line)["at"] == "2026-11-22T10:00:00Z"
    assert json.loads(line)["company"] == {"name": "Acme", "address": None}


class Model(BaseModel):
    """An item with a type."""

    name: str
    size: int


@dataclass
class Record:
    """An item with a type."""

    name: str
    size: int


@pytest.mark.parametrize("make", [Model, Record, dict])
@pytest.mark.parametrize("format_", ExportFormat)
async def test_items_may_have_types(make: Callable[..., Any], format_: ExportFormat) -> None:
    """Models, dataclasses and mappings are written alike, in every format."""
    expected = {
        ExportFormat.JSONL: '{"name":"Ada","size":1}\n',
        ExportFormat.CSV: "name,size\nAda,1\n",
        ExportFormat.JSON: '[{"name":"Ada","size":1}]\n',
    }
    generator = create_streaming_response_generator([make(name="Ada", size=1)], format_)
    assert await whole(generator) == expected[format_]


async def test_item_without_a_form_is_an_error() -> None:
    """Nothing is guessed."""
    with pytest.raises(TypeError, match="object"):
        await whole(stream_jsonl_async([{"x": object()}]))


# The frame around the items.


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_array_is_valid_for_any_count(count: int) -> None:
    """Without items it is `[]`."""
    items = [{"n": number} for number in range(count)]
    assert json.loads(await whole(stream_json_array_async(items, chunk_size=2))) == items


async def test_nothing_is_no_line() -> None:
    """JSONL of nothing is empty; CSV has its header, where it is known."""
    assert await whole(stream_jsonl_async([])) == ""
    assert await whole(stream_csv([], headers=["a", "b"])) == "a,b\n"
    assert await whole(stream_csv([])) == ""


async def test_byte_order_mark_stands_first_and_once() -> None:
    """It is for spreadsheets, and only when it is asked for."""
    items = [{"a": "x"}] * 3
    assert (
        await whole(stream_csv(items, headers=["a"], chunk_size=1, bom=True))
        == "\ufeffa\nx\nx\nx\n"
    )
    assert await whole(stream_csv([], headers=["a"], bom=True)) == "\ufeffa\n"


async def test_header_without_names_given_is_that_of_the_first_item() -> None:
    """Relations are dotted paths, as where they are asked for."""
    items = [{"a": 1, "company": {"name": "Acme", "x": {"y": 2}}}, {"a": 3}]
    assert await csv_rows(items) == [
        ["a", "company.name", "company.x.y"],
        ["1", "Acme", "2"],
        ["3", "", ""],
    ]


async def test_empty_cell_alone_is_a_row() -> None:
    """An empty line would be none."""
    assert await whole(stream_csv([{"a": None}, {"a": ""}], headers=["a"])) == 'a\n""\n""\n'


def test_list_in_a_cell_can_be_taken_apart() -> None:
    """Separators within items are escaped, and so are the escapes."""
    assert joined(["a", "b;c", "d\\"]) == r"a;b\;c;d\\"
    assert joined([]) == ""


# Sizes.


@pytest.mark.parametrize("stream", [stream_jsonl_async, stream_csv])
async def test_items_are_written_in_batches(stream: Callable[..., AsyncIterator[bytes]]) -> None:
    """2 500 items by 1 000 are three writes."""
    items = [{"n": number} for number in range(2500)]
    assert len(await writes(stream(every(items), chunk_size=1000))) == 3


@pytest.mark.parametrize(
    ("average", "target", "count"),
    [
        (500, 1_048_576, 2097),
        (2_000_000, 1_048_576, 1),
        (1, 1_048_576, MAX_CHUNK_ITEMS),
        (1_048_576, 1_048_576, 1),
    ],
)
def test_chunk_size_follows_the_size_of_items(average: int, target: int, count: int) -> None:
    """Within bounds: one item at least, and no list without an end."""
    chunk = optimize_chunk_size("jsonl", avg_item_size=average, target_chunk_size=target)
    assert chunk == count


@pytest.mark.parametrize(("average", "target"), [(0, 1000), (-1, 1000), (500, 0)])
def test_chunk_size_of_nothing_is_refused(average: int, target: int) -> None:
    """The error says what sizes are."""
    with pytest.raises(InvalidInput, match="positive"):
        optimize_chunk_size("csv", avg_item_size=average, target_chunk_size=target)


# Formats.


@pytest.mark.parametrize(
    ("format_", "content_type"),
    [
        (ExportFormat.JSONL, "application/x-ndjson"),
        ("csv", "text/csv; charset=utf-8"),
        ("Json", "application/json"),
    ],
)
def test_format_has_a_content_type(format_: str, content_type: str) -> None:
    """By its member or its name in any case."""
    assert get_content_type_for_format(format_) == content_type


@pytest.mark.parametrize(
    "use",
    [
        get_content_type_for_format,
        lambda name: create_streaming_response_generator([], name),
        lambda name: optimize_chunk_size(name, avg_item_size=1, target_chunk_size=1),
    ],
    ids=["content type", "generator", "chunk size"],
)
@pytest.mark.parametrize("name", ["xml", "", "x" * 1000])
def test_unknown_format_is_refused_with_the_allowed_ones(
    use: Callable[[str], object], name: str
) -> None:
    """Before the first byte, so that it can still be an answer of its own."""
    with pytest.raises(InvalidInput, match="jsonl, csv, json") as caught:
        use(name)
    assert caught.value.code is ErrorCode.BAD_USER_INPUT
    assert caught.value.details == {"allowed": ["jsonl", "csv", "json"]}
    assert len(caught.value.message) < 150
