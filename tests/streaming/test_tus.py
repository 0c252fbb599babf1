"""Promises of the words of tus: they are read and written without any file at hand."""

from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInput, PreconditionFailed, UnsupportedMediaType
from domain.uploads import NewUpload, UploadKind
from streaming import tus
from streaming.checksums import Checksum

KIND = f"kind {b64encode(b'avatar').decode()}"
NAME = f"filename {b64encode('zoë.png'.encode()).decode()}"


def test_creation_is_read_from_its_headers() -> None:
    """What is not said of its type stays open."""
    headers = {"upload-length": "12", "upload-metadata": f"{NAME}, {KIND},other,empty "}
    new = tus.read_creation(headers, owner=UUID(int=1))
    assert new == NewUpload(
        uuid=new.uuid,
        owner=UUID(int=1),
        total_bytes=12,
        filename="zoë.png",
        media_type="",
        kind=UploadKind.AVATAR,
        metadata=headers["upload-metadata"],
    )


names = st.text("abcXYZ09-_", min_size=1)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(names, st.text()))
def test_metadata_is_read_as_it_is_written(told: dict[str, str]) -> None:
    """Whatever letters a value has; an empty one is written by its name alone."""
    assert tus.read_metadata(tus.write_metadata(told)) == told


@given(st.text())
def test_other_metadata_is_refused_in_words(given: str) -> None:
    """Nothing that a client can write ends in another error."""
    with suppress(InvalidInput):
        told = tus.read_metadata(given)
        assert all(name and not {*name} & {" ", ","} for name in told)


@pytest.mark.parametrize(
    ("method", "override", "meant"),
    [
        ("POST", "PATCH", "PATCH"),
        ("POST", " patch", "PATCH"),
        ("POST", None, "POST"),
        ("GET", "DELETE", "DELETE"),
        ("PATCH", "head", "HEAD"),
        ("PATCH", "", "PATCH"),
    ],
)
def test_any_method_may_mean_another(method: str, override: str | None, meant: str) -> None:
    """The header counts and nothing else, as tus has it; no link can send it."""
    headers = {} if override is None else {"x-http-method-override": override}
    assert tus.read_method(method, headers) == meant


def test_version_and_type_are_insisted_on() -> None:
    """Exactly those."""
    tus.require_version({"tus-resumable": "1.0.0"})
    tus.require_bytes({"content-type": "application/offset+octet-stream"})
    for wrong in ({}, {"tus-resumable": "1.0"}):
        with pytest.raises(PreconditionFailed, match=r"Tus-Resumable: 1\.0\.0"):
            tus.require_version(wrong)
    with pytest.raises(UnsupportedMediaType, match="application/offset"):
        tus.require_bytes({})


def test_checksum_is_read() -> None:
    """None where none is given."""
    digest = bytes(range(16))
    given = {"upload-checksum": f"md5 {b64encode(digest).decode()}"}
    assert tus.read_checksum(given) == Checksum("md5", digest)
    assert tus.read_checksum({}) is None


@pytest.mark.parametrize("number", ["", "x", "-1", "+1", "1.0", " 1", "1_0", "²", "1" * 20])
def test_offset_is_a_number_of_bytes(number: str) -> None:
    """In digits, and no more of them than a disk could have bytes."""
    with pytest.raises(InvalidInput, match="Upload-Offset with a number"):
        tus.read_offset({"upload-offset": number})
    assert tus.read_offset({"upload-offset": "0012"}) == 12


@pytest.mark.parametrize(
    ("headers", "has_body"),
    [
        ({}, False),
        ({"content-length": "0"}, False),
        ({"content-length": "1"}, True),
        ({"transfer-encoding": "chunked"}, True),
    ],
)
def test_body_is_foreseen(headers: dict[str, str], has_body: bool) -> None:
    """Before its first byte."""
    assert tus.has_body(headers) is has_body


def test_progress_is_told_in_the_time_of_http() -> None:
    """Whatever zone the time is of."""
    at = datetime(2026, 11, 23, 3, 4, 5, 678, UTC)
    assert tus.tell_progress(7, at) == {
        "Upload-Offset": "7",
        "Upload-Expires": "Mon, 23 Nov 2026 03:04:05 GMT",
    }
