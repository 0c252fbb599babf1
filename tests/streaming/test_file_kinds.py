"""Promises of `streaming.file_kinds`: a file is what its bytes say, whatever it is called."""

import gzip
import io
import zipfile

import pytest
from PIL import Image
from starlette.datastructures import Headers, UploadFile

from domain.uploads import UploadKind
from streaming.file_kinds import CSV, KINDS, sniffed_type, validate_file_upload

CSV_TEXT = "name,email\r\nAda Lovelace,ada@acme.com\r\n"
EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(50)


def picture(format_: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, format_)
    return file.getvalue()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


def sent(content: bytes, name: str = "contacts.csv", media_type: str = CSV) -> UploadFile:
    headers = Headers({"content-type": media_type})
    return UploadFile(io.BytesIO(content), size=len(content), filename=name, headers=headers)


@pytest.mark.parametrize(
    "content",
    [
        CSV_TEXT.encode(),
        b"\xef\xbb\xbf" + CSV_TEXT.encode(),
        CSV_TEXT.encode("utf-16"),
        CSV_TEXT.encode("utf-16-le"),
        CSV_TEXT.encode("utf-16-be"),
        "Prénom;Größe\nZoë;1,80\n".encode("cp1252"),
        "姓名,电子邮件\n".encode("gb18030"),
        "Имя;Почта\n".encode("cp1251"),
        b"email\nada@acme.com\n",
        b"name,notes\nAda,a\x00b\n",
        b"MZ,PKG\n1,2\n",
    ],
    ids=range(11),
)
async def test_a_table_of_any_encoding_is_taken(content: bytes) -> None:
    """Which one it is, and what is wrong with its rows, is for its reader to tell."""
    assert sniffed_type(content) == CSV
    for name in ("contacts.csv", "CONTACTS.TSV", "list.txt", "contacts", ""):
        for media_type in (CSV, "text/csv; charset=utf-8", "application/vnd.ms-excel", ""):
            told = await validate_file_upload(sent(content, name, media_type), [CSV], 1000)
            assert told == {"valid": True, "errors": []}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (EXE, "a program"),
        (b"\x7fELF" + bytes(20), "a program"),
        (archive(), "save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(20), "save it as CSV"),
        (gzip.compress(CSV_TEXT.encode()), "unpack it"),
        (picture("PNG"), "image/png"),
        (picture("JPEG"), "image/jpeg"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b" \n<!DOCTYPE html><html></html>", "a web page"),
        (b"<?xml version='1.0'?>", "application/xml"),
        (bytes(range(256)), "no kind that is known"),
        (bytes(100), "no kind that is known"),
        (b"", "The file is empty."),
    ],
    ids=[
        "exe",
        "elf",
        "xlsx",
        "xls",
        "gz",
        "png",
        "jpeg",
        "pdf",
        "html",
        "xml",
        "all",
        "0",
        "none",
    ],
)
async def test_what_is_called_csv_and_is_none_is_refused(content: bytes, says: str) -> None:
    """With what it is, and what to do about it."""
    told = await validate_file_upload(sent(content), [CSV], 10_000)

    assert not told["valid"]
    assert len(told["errors"]) == 1
    assert says in told["errors"][0]


async def test_every_fault_is_told_at_once() -> None:
    """The content, the name, the type that is said, and the size."""
    told = await validate_file_upload(sent(EXE, "a.exe", "application/x-msdownload"), [CSV], 10)

    assert [error.partition(" ")[0] for error in told["errors"]] == ["The", "A", "The", "The"]
    assert "'.exe'" in told["errors"][1]
    assert told["errors"][3] == "The file has 64 bytes; it may have 10."


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
async def test_a_picture_is_known_by_its_bytes(format_: str) -> None:
    """And may not be what it is not; the file can be read from its beginning afterwards."""
    allowed = KINDS[UploadKind.AVATAR].media_types
    file = sent(picture(format_), f"me.{format_.lower()}", f"image/{format_.lower()}")

    assert (await validate_file_upload(file, allowed, 1000))["valid"]
    assert await file.read() == picture(format_)
    assert not (await validate_file_upload(file, [CSV], 1000))["valid"]
    assert not (await validate_file_upload(sent(CSV_TEXT.encode()), allowed, 1000))["valid"]
