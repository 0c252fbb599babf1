"""Promises of `streaming.decoders`: every row is read or reported, whatever the file looks like."""

import codecs
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

from domain.errors import InvalidInput
from domain.imports import MAX_RAW_CHARS
from streaming.decoders import (
    MAX_FIELD_CHARS,
    CsvRow,
    RowCode,
    RowProblem,
    open_csv,
    reopen_csv,
    without_formula_guard,
)
from streaming.dialects import CsvDialect
from streaming.physical_lines import MAX_ROW_CHARS, Position
from streaming.text_encodings import InvalidFile

Item = tuple[int, list[str] | RowCode]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def written(content: bytes) -> Path:
        path = tmp_path / "file.csv"
        path.write_bytes(content)
        return path

    return written


def read(
    path: Path, *, encoding: str | None = None
) -> tuple[CsvDialect, list[CsvRow | RowProblem]]:
    with open_csv(path, encoding=encoding) as source:
        return source.dialect, list(source)


def items(path: Path) -> list[Item]:
    return [
        (item.line, item.values if isinstance(item, CsvRow) else item.code)
        for item in read(path)[1]
    ]


def only_problem(path: Path) -> RowProblem:
    problems = [item for item in read(path)[1] if isinstance(item, RowProblem)]
    assert len(problems) == 1
    return problems[0]


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        pytest.param(b"name,email\nx,y\n", ("utf-8", ",", ("name", "email"), 1), id="plain"),
        pytest.param(b"name;email\r\nx;y", ("utf-8", ";", ("name", "email"), 1), id="semicolon"),
        pytest.param(b"name\temail\nx\ty", ("utf-8", "\t", ("name", "email"), 1), id="tab"),
        pytest.param(b"name|email\rx|y", ("utf-8", "|", ("name", "email"), 1), id="pipe"),
        pytest.param(b"email\nx\ny", ("utf-8", ",", ("email",), 1), id="one-column"),
        pytest.param(
            b"a;b\n1,2,3;4,5,6\n1,2;3,4", ("utf-8", ";", ("a", "b"), 1), id="commas-in-data"
        ),
        pytest.param(
            b'"a, b";c;"d, e"\nx;y;z', ("utf-8", ";", ("a, b", "c", "d, e"), 1), id="quoted"
        ),
        pytest.param(b"sep=;\na;b,c\nx;y", ("utf-8", ";", ("a", "b,c"), 2), id="sep-line"),
        pytest.param(b' First\n,"Last\n  Name",,\n', ("utf-8", ",", ("First",), 1), id="one-cell"),
        pytest.param(
            b'A ,"Last\n  Name",,\n', ("utf-8", ",", ("A", "Last Name"), 1), id="two-lines"
        ),
        pytest.param(b",name,email\n1,x,y", ("utf-8", ",", ("", "name", "email"), 1), id="unnamed"),
        pytest.param(b"\n\na,b\nx,y", ("utf-8", ",", ("a", "b"), 3), id="blank-lines"),
        pytest.param(
            b'Notes:\n"When exporting, you may notice, that\nmails miss."\n\na,b,c\nx,y,z',
            ("utf-8", ",", ("a", "b", "c"), 5),
            id="preamble",
        ),
        pytest.param(
            b"Report,,,\nof,,,\na,b,c,d\n1,2,3,4", ("utf-8", ",", tuple("abcd"), 3), id="padded"
        ),
    ],
)
def test_open_csv_finds_header_and_delimiter(
    write: Callable[[bytes], Path], content: bytes, dialect: tuple[str, str, tuple[str, ...], int]
) -> None:
    """The delimiter is the one under which the header reads best; text above it is skipped."""
    assert read(write(content))[0] == dialect


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        pytest.param(codecs.BOM_UTF8 + "name\nJörg".encode(), "utf-8", id="utf-8-bom"),
        pytest.param("name\nJörg".encode(), "utf-8", id="utf-8"),
        pytest.param("name\nJörg".encode("cp1252"), "cp1252", id="cp1252"),
        pytest.param(
            codecs.BOM_UTF16_LE + "name\nJörg".encode("utf-16-le"), "utf-16", id="utf-16-le"
        ),
        pytest.param(
            codecs.BOM_UTF16_BE + "name\nJörg".encode("utf-16-be"), "utf-16", id="utf-16-be"
        ),
        pytest.param(codecs.BOM_UTF32_LE + "name\nJörg".encode("utf-32-le"), "utf-32", id="utf-32"),
    ],
)
def test_open_csv_finds_the_encoding(
    write: Callable[[bytes], Path], content: bytes, encoding: str
) -> None:
    """Letters arrive as they were written, and the byte order mark is no part of the header."""
    dialect, rows = read(write(content))
    assert (dialect.encoding, dialect.header) == (encoding, ("name",))
    assert rows == [CsvRow(2, ["Jörg"])]


def test_open_csv_takes_the_delimiter_it_is_given(write: Callable[[bytes], Path]) -> None:
    """Also one that would not be looked for, by itself or by its name."""
    path = write(b"name:mail\nAda:a,b\n")
    for sign in (":", "tab"):
        with open_csv(path, delimiter=sign) as source:
            rows = [row.values for row in source if isinstance(row, CsvRow)]
        assert rows == ([["Ada", "a,b"]] if sign == ":" else [["Ada:a,b"]])


@pytest.mark.parametrize("delimiter", ["ab", '"', "x", "\n"])
def test_a_delimiter_that_cannot_be_one_is_refused(
    write: Callable[[bytes], Path], delimiter: str
) -> None:
    """What cells are written with cannot stand between them."""
    with (
        pytest.raises(InvalidInput, match="cannot stand between"),
        open_csv(write(b"a\nb"), delimiter=delimiter),
    ):
        pass


@pytest.mark.parametrize("given", ["utf-8", "cp1252", "utf-16", "utf-16-le"])
def test_a_byte_order_mark_is_never_part_of_the_header(
    write: Callable[[bytes], Path], given: str
) -> None:
    """Whatever encoding the user names."""
    if given.startswith("utf-16"):
        path = write(codecs.BOM_UTF16_LE + "name\nAda".encode("utf-16-le"))
    else:
        path = write(codecs.BOM_UTF8 + b"name\nAda")
    assert read(path, encoding=given)[0].header == ("name",)


def test_open_csv_takes_the_encoding_it_is_given(write: Callable[[bytes], Path]) -> None:
    """A user who knows better is believed."""
    _, rows = read(write("name\nŁódź".encode("cp1250")), encoding="cp1250")
    assert rows == [CsvRow(2, ["Łódź"])]


@pytest.mark.parametrize("sign", [b"\xff", b"\0", b"\x1b", "\u200b".encode()])
def test_a_sep_line_with_no_sign_is_refused(write: Callable[[bytes], Path], sign: bytes) -> None:
    """What cannot be shown cannot be told as the delimiter either."""
    with pytest.raises(InvalidFile, match="names no sign"):
        read(write(codecs.BOM_UTF8 + b"sep=" + sign + b"\nfirst name" + sign + b"email\n"))


def test_a_broken_row_does_not_change_the_encoding_of_the_others(
    write: Callable[[bytes], Path],
) -> None:
    """A UTF-8 file with one broken row stays UTF-8, and that row is reported."""
    path = write("name\nJörg\n".encode() + b"J\xf6rg\n" + "Zoë\n".encode())
    assert items(path) == [(2, ["Jörg"]), (3, RowCode.BAD_ENCODING), (4, ["Zoë"])]
    assert only_problem(path).raw == "J\ufffdrg"


def test_broken_utf16_is_reported(write: Callable[[bytes], Path]) -> None:
    """Half a character in UTF-16 spoils its row only."""
    content = codecs.BOM_UTF16_LE + "name\nAda\n".encode("utf-16-le") + b"\x00\xd8\n\x00"
    assert items(write(content))[:2] == [(2, ["Ada"]), (3, RowCode.BAD_ENCODING)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b" \r\n\n", "empty", id="blank"),
        pytest.param(codecs.BOM_UTF8, "no header", id="bom-only"),
        pytest.param(b",,,\n", "no header", id="no-names"),
        pytest.param(b"PK\x03\x04rest", "Excel", id="xlsx"),
        pytest.param(b"\x1f\x8brest", "gzip", id="gzip"),
        pytest.param(b"\x89PNG\r\n", "PNG", id="png"),
        pytest.param(b"\n <!DOCTYPE html>", "web page", id="html"),
        pytest.param(b"\xff\xd8\xff\xe0", "JPEG", id="jpeg"),
        pytest.param(b"\x28\xb5\x2f\xfd", "zstd", id="zstd"),
        pytest.param(b"MZ\x90\x00", "program", id="exe"),
        pytest.param("name,email\nx,y".encode("utf-16-le"), "UTF-16", id="utf-16-without-mark"),
        pytest.param(b"Ada,ada@example.com\n", "no header: line 1 .*'ada@example.com'", id="email"),
        pytest.param(b"Acme,http://acme.com\n", "no header", id="url"),
        pytest.param(b"Acme,2019,030 1234\n", "no header", id="figures"),
        pytest.param(b",".join(b"c%da" % n for n in range(501)), "501 columns; 500", id="wide"),
        pytest.param(b",".join(b"c%da" % n for n in range(10_000)), "10000 columns", id="wider"),
        pytest.param(b"na\0me,email\n", "no text", id="nul"),
        pytest.param(b"name" * MAX_ROW_CHARS, "first line has more", id="long"),
        pytest.param(b'"' + b"name\n" * MAX_FIELD_CHARS, "no header that", id="unclosed"),
    ],
)
def test_a_file_that_is_no_csv_is_refused(
    write: Callable[[bytes], Path], content: bytes, reason: str
) -> None:
    """The message says what the file is, instead of one error for every row."""
    with pytest.raises(InvalidFile, match=reason):
        read(write(content))


@pytest.mark.parametrize(
    "encoding",
    [
        *(
            "klingon",
            "base64",
            "utf-7",
            "cp037",
            "idna",
            "a\0b",
            "unicode_escape",
            "Unicode-Escape",
        ),
        *("raw_unicode_escape", "punycode", "rot13", "hz", "undefined", "charmap"),
    ],
)
def test_an_unknown_encoding_is_refused(write: Callable[[bytes], Path], encoding: str) -> None:
    """A name that is no encoding of text, or of one without ASCII, is the user's mistake."""
    with pytest.raises(InvalidFile, match=r"is not known|are not read"):
        read(write(b"name\nx"), encoding=encoding)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"1,2\r\n\r\n , \r\n3,4", [(2, ["1", "2"]), (5, ["3", "4"])], id="blank-rows"),
        pytest.param(b'"x\ny",2\n3,4', [(2, ["x\ny", "2"]), (4, ["3", "4"])], id="quoted-newline"),
        pytest.param(b'"a ""b""",2', [(2, ['a "b"', "2"])], id="doubled-quotes"),
        pytest.param(b'5" pipe,2', [(2, ['5" pipe', "2"])], id="quote-within"),
        pytest.param(b"1,2,, \n", [(2, ["1", "2"])], id="empty-cells-at-end"),
        pytest.param(b"1\n3,4", [(2, RowCode.WRONG_COLUMN_COUNT), (3, ["3", "4"])], id="short"),
        pytest.param(b"1,2,3\n3,4", [(2, RowCode.WRONG_COLUMN_COUNT), (3, ["3", "4"])], id="long"),
        pytest.param(b"1,\0\n3,4", [(2, RowCode.UNPARSABLE_ROW), (3, ["3", "4"])], id="nul"),
        pytest.param(
            b'"1" x,2\n3,4', [(2, RowCode.UNPARSABLE_ROW), (3, ["3", "4"])], id="stray-quote"
        ),
        pytest.param(
            b'1,"2\n3,4\n5,6\n',
            [(2, RowCode.UNPARSABLE_ROW), (3, ["3", "4"]), (4, ["5", "6"])],
            id="unclosed-to-the-end",
        ),
        pytest.param(
            b'1,"2\n3,4\n"5",6\n7,8',
            [(2, RowCode.UNPARSABLE_ROW), (3, ["3", "4"]), (4, ["5", "6"]), (5, ["7", "8"])],
            id="unclosed-to-the-next-quote",
        ),
        pytest.param(
            b'"1\n1","2\n3,4',
            [(2, RowCode.UNPARSABLE_ROW), (4, ["3", "4"])],
            id="unclosed-on-the-second-line",
        ),
        pytest.param(
            b"x" * (MAX_ROW_CHARS + 5) + b",1\n3,4",
            [(2, RowCode.ROW_TOO_LARGE), (3, ["3", "4"])],
            id="huge-line",
        ),
        pytest.param(
            b"x" * (MAX_FIELD_CHARS + 1) + b",1\n3,4",
            [(2, RowCode.ROW_TOO_LARGE), (3, ["3", "4"])],
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
        RowCode.UNPARSABLE_ROW,
        "The quote opened on line 4 is never closed.",
        '"1\n1","2\n3,4',
        "Close the quote, or write it twice where it belongs to the cell.",
        ('"1\n1","2',),
    )


def test_an_unclosed_quote_in_a_long_file_costs_one_row(write: Callable[[bytes], Path]) -> None:
    """The rows that were swallowed while the quote was looked for are read again."""
    found = items(write(b'a,b\n"1,2\n' + b"3,4\n" * 50_000))
    assert found[0] == (2, RowCode.ROW_TOO_LARGE)
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'=1+1", "=1+1"),
        ("' \u00a0+49 30", " \u00a0+49 30"),
        ("'@ada", "@ada"),
        ("''=1", "'=1"),
        ("''hello", "'hello"),
        ("'t Hooft", "'t Hooft"),
        ("=1+1", "=1+1"),
        ("", ""),
    ],
)
def test_without_formula_guard_removes_what_an_export_added(value: str, text: str) -> None:
    """An exported file that is imported again gives the same values."""
    assert without_formula_guard(value) == text


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
