"""Promises of `streaming.decoders`: what a file is written in is found, or it is refused."""

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from domain.imports import ImportErrorCode
from streaming.decoders import MAX_FIELD_CHARS, CsvRow, open_csv
from streaming.physical_lines import MAX_ROW_CHARS
from streaming.text_encodings import InvalidFile
from tests.streaming.decoding import items, only_problem, read


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
    assert items(path) == [(2, ["Jörg"]), (3, ImportErrorCode.BAD_ENCODING), (4, ["Zoë"])]
    assert only_problem(path).raw == "J\ufffdrg"


def test_broken_utf16_is_reported(write: Callable[[bytes], Path]) -> None:
    """Half a character in UTF-16 spoils its row only."""
    content = codecs.BOM_UTF16_LE + "name\nAda\n".encode("utf-16-le") + b"\x00\xd8\n\x00"
    assert items(write(content))[:2] == [(2, ["Ada"]), (3, ImportErrorCode.BAD_ENCODING)]


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
