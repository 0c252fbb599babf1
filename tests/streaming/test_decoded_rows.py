"""Promises of `streaming.decoders`: every row is read or reported, whatever the file looks like."""

import csv
import io
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.imports import MAX_RAW_CHARS, ImportErrorCode
from streaming.decoders import MAX_FIELD_CHARS, CsvRow, RowProblem, open_csv, reopen_csv
from streaming.dialects import CsvDialect
from streaming.physical_lines import MAX_ROW_CHARS, Position
from streaming.text_encodings import InvalidFile
from tests.streaming.decoding import Item, items, only_problem, read


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"1,2\r\n\r\n , \r\n3,4", [(2, ["1", "2"]), (5, ["3", "4"])], id="blank-rows"),
        pytest.param(b'"x\ny",2\n3,4', [(2, ["x\ny", "2"]), (4, ["3", "4"])], id="quoted-newline"),
        pytest.param(b'"a ""b""",2', [(2, ['a "b"', "2"])], id="doubled-quotes"),
        pytest.param(b'5" pipe,2', [(2, ['5" pipe', "2"])], id="quote-within"),
        pytest.param(b"1,2,, \n", [(2, ["1", "2"])], id="empty-cells-at-end"),
        pytest.param(
            b"1\n3,4", [(2, ImportErrorCode.WRONG_COLUMN_COUNT), (3, ["3", "4"])], id="short"
        ),
        pytest.param(
            b"1,2,3\n3,4", [(2, ImportErrorCode.WRONG_COLUMN_COUNT), (3, ["3", "4"])], id="long"
        ),
        pytest.param(
            b"1,\0\n3,4", [(2, ImportErrorCode.UNPARSABLE_ROW), (3, ["3", "4"])], id="nul"
        ),
        pytest.param(
            b'"1" x,2\n3,4',
            [(2, ImportErrorCode.UNPARSABLE_ROW), (3, ["3", "4"])],
            id="stray-quote",
        ),
        pytest.param(
            b'1,"2\n3,4\n5,6\n',
            [(2, ImportErrorCode.UNPARSABLE_ROW), (3, ["3", "4"]), (4, ["5", "6"])],
            id="unclosed-to-the-end",
        ),
        pytest.param(
            b'1,"2\n3,4\n"5",6\n7,8',
            [
                (2, ImportErrorCode.UNPARSABLE_ROW),
                (3, ["3", "4"]),
                (4, ["5", "6"]),
                (5, ["7", "8"]),
            ],
            id="unclosed-to-the-next-quote",
        ),
        pytest.param(
            b'"1\n1","2\n3,4',
            [(2, ImportErrorCode.UNPARSABLE_ROW), (4, ["3", "4"])],
            id="unclosed-on-the-second-line",
        ),
        pytest.param(
            b"x" * (MAX_ROW_CHARS + 5) + b",1\n3,4",
            [(2, ImportErrorCode.ROW_TOO_LARGE), (3, ["3", "4"])],
            id="huge-line",
        ),
        pytest.param(
            b"x" * (MAX_FIELD_CHARS + 1) + b",1\n3,4",
            [(2, ImportErrorCode.ROW_TOO_LARGE), (3, ["3", "4"])],
            id="huge-cell",
        ),
    ],
)
def test_rows_are_read_or_reported(
    write: Callable[[bytes], Path], content: bytes, expected: list[Item]
) -> None:
    """Each row carries the line on which it begins, and a bad one costs no other."""
    assert items(write(b"a,b\n" + content)) == expected


def test_an_unclosed_quote_is_named_by_its_line(write: Callable[[bytes], Path]) -> None:
    """The message leads to the line to repair, not to the end of the file."""
    assert only_problem(write(b'a,b\n1,2\n"1\n1","2\n3,4\n')) == RowProblem(
        3,
        ImportErrorCode.UNPARSABLE_ROW,
        "The quote opened on line 4 is never closed.",
        '"1\n1","2\n3,4',
        "Close the quote, or write it twice where it belongs to the cell.",
        ('"1\n1","2',),
    )


def test_an_unclosed_quote_in_a_long_file_costs_one_row(write: Callable[[bytes], Path]) -> None:
    """The rows that were swallowed while the quote was looked for are read again."""
    found = items(write(b'a,b\n"1,2\n' + b"3,4\n" * 50_000))
    assert found[0] == (2, ImportErrorCode.ROW_TOO_LARGE)
    assert found[1:] == [(line, ["3", "4"]) for line in range(3, 50_003)]


def test_the_text_of_a_problem_can_be_stored(write: Callable[[bytes], Path]) -> None:
    """It is cut, and holds neither NUL nor half characters."""
    problem = only_problem(write(b"a,b\n\0" + b"x" * 1000 + b",\xff\n" + "ä,ö\nü,ß".encode()))
    assert problem.raw == "\ufffd" + "x" * (MAX_RAW_CHARS - 1)


def test_a_problem_keeps_the_cells_of_its_row(write: Callable[[bytes], Path]) -> None:
    """As far as they were read, so that the row can be mended; its text where they were not."""
    found = read(write(b'a,b\n1,2,3\n\0,x\n"1" x,2\n1,"2\n3,4'))[1]
    problems = [item for item in found if isinstance(item, RowProblem)]
    assert [problem.cells for problem in problems] == [
        ("1", "2", "3"),
        ("\ufffd", "x"),
        ('"1" x,2',),
        ('1,"2',),
    ]
    assert all(problem.suggestion.endswith(".") for problem in problems)


def test_memory_does_not_depend_on_the_file(write: Callable[[bytes], Path]) -> None:
    """A file of 27 MB is read within 8 MB, a line and a cell without an end included."""
    cell = b'"' + b"y" * 5_000_000 + b'",1\n'
    path = write(b"a,b\n" + b"1,2\n" * 50_000 + b"x" * 20_000_000 + b"\n3,4\n" + cell)
    tracemalloc.start()
    try:
        with open_csv(path) as source:
            rows = sum(isinstance(item, CsvRow) for item in source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == 50_001
    assert peak < 8 << 20


CELLS = st.text(alphabet="ab;'\"\n\r, |\tä", max_size=8)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS).filter(lambda row: any(map(str.strip, row)))))
def test_what_a_csv_writer_wrote_is_read_back(
    write: Callable[[bytes], Path], rows: list[tuple[str, str, str]]
) -> None:
    """Quotes, delimiters and line breaks within cells survive."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("first", "second", "third"), *rows])
    assert [item[1] for item in items(write(text.getvalue().encode()))] == [
        list(row) for row in rows
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(alphabet='ab",\n', max_size=60))
def test_any_text_is_read_without_an_exception(write: Callable[[bytes], Path], body: str) -> None:
    """Rows and problems come in the order of the file, and none begins twice on a line."""
    lines = [item[0] for item in items(write(f"first,second\n{body}".encode()))]
    assert lines == sorted(set(lines))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(write: Callable[[bytes], Path], content: bytes) -> None:
    """No file makes the decoder fail in a way that its caller does not expect."""
    with suppress(InvalidFile):
        read(write(content))


ENCODINGS = ("utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-32", "shift_jis")
LETTERS = ("a", "Ä", "語", "\U0001f469", "1,2", '"', '""', ",", " ", "\0", "\x85", "\u2028", "\v")
ROWS = ('"x\ny",2', '"x\r\ny",2', '"x\ry",2', "3,4\n", "5,6\r\n", "7,8\r")
PIECES = st.sampled_from([*LETTERS, *ROWS, "\n", "\r", "\r\n", "\n"])


def pieces_of(
    path: Path, dialect: CsvDialect, position: Position, counts: list[int]
) -> tuple[list[CsvRow | RowProblem], Position]:
    """The rows of a file read by one process after the other, and where the last came to."""
    found: list[CsvRow | RowProblem] = []
    for count in cycle(counts):
        with reopen_csv(path, dialect, position) as source:
            some = list(islice(source, count))
            found, position = found + some, source.position
        if not some:
            break
    return found, position


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pieces=st.lists(PIECES, max_size=30),
    broken=st.lists(st.sampled_from([b"\xff", b"\xc3", b"\x81\n", b"\x00\xd8"]), max_size=2),
    encoding=st.sampled_from(ENCODINGS),
    counts=st.lists(st.integers(min_value=1, max_value=4), min_size=1, max_size=5),
)
def test_a_file_is_read_in_pieces_as_it_is_at_once(
    write: Callable[[bytes], Path],
    pieces: list[str],
    broken: list[bytes],
    encoding: str,
    counts: list[int],
) -> None:
    """Another process goes on behind any row, whatever the encoding and the breaks of lines."""
    header = "first,second\n"
    content = (header + "".join(pieces)).encode(encoding, "replace") + b"".join(broken)
    path = write(content)
    dialect = CsvDialect(encoding.removesuffix("-sig"), ",", ("first", "second"), 1)
    start = Position(len(header.encode(encoding)), 2)
    with reopen_csv(path, dialect, start) as source:
        whole, end = list(source), source.position
    assert pieces_of(path, dialect, start, counts) == (whole, end)
    assert end.byte == len(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-32"])
def test_positions_are_the_bytes_of_the_file(write: Callable[[bytes], Path], encoding: str) -> None:
    """What is behind a position is the text that was not read yet."""
    text = 'näme,b\r\nJörg,"1\n2"\rZoë,3\n\nÅsa,4'
    path = write(text.encode(encoding))
    places = [text.index(word) for word in ("Zoë", "\nÅsa")]
    expected = [len(text[:place].encode(encoding)) for place in places] + [path.stat().st_size]
    with open_csv(path) as source:
        found = [source.position for _ in source]
    assert [position.byte for position in found] == expected
    assert [position.line for position in found] == [4, 5, 7]
