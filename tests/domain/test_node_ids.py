"""Promises of `domain.node_ids`: one text for each row, and none that can be made up."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.node_ids import NodeKind, decode_node_id, encode_node_id

ROW_IDS = st.integers(1, 2**63 - 1)
KINDS = st.sampled_from(NodeKind)


def written(*raw: int) -> str:
    """Bytes as an id would write them."""
    return base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()


@given(KINDS, ROW_IDS)
def test_node_id_gives_its_kind_and_row_back(kind: NodeKind, row_id: int) -> None:
    """What is written is read, with the kind expected or with none."""
    text = encode_node_id(kind, row_id)
    assert decode_node_id(text) == decode_node_id(text, expected=kind) == (kind, row_id)


@given(KINDS, ROW_IDS)
def test_node_id_is_safe_in_a_url(kind: NodeKind, row_id: int) -> None:
    """Letters, digits, hyphen and underscore, at most fourteen of them."""
    text = encode_node_id(kind, row_id)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert text.isascii()
    assert len(text) <= 14


@pytest.mark.parametrize(
    ("kind", "row_id", "text"),
    [
        (NodeKind.CONTACT, 1, "AQEB"),
        (NodeKind.COMPANY, 1, "AQIB"),
        (NodeKind.USER, 256, "AQMBAA"),
        (NodeKind.CONTACT_EMAIL, 255, "AQT_"),
        (NodeKind.CONTACT_PHONE, 2, "AQUC"),
        (NodeKind.ACTIVITY, 2**63 - 1, "AQZ__________w"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_node_id_never_changes(kind: NodeKind, row_id: int, text: str) -> None:
    """Clients keep ids, so what stands for a row today stands for it for ever."""
    assert encode_node_id(kind, row_id) == text
    assert decode_node_id(text) == (kind, row_id)


@given(KINDS, ROW_IDS | st.sampled_from([0xFF, 0x100, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000]))
def test_node_id_is_the_bytes_of_version_kind_and_row(kind: NodeKind, row_id: int) -> None:
    """However it is put together, the text is base64url of as few bytes as the row needs."""
    row = row_id.to_bytes((row_id.bit_length() + 7) // 8)
    assert encode_node_id(kind, row_id) == written(1, kind, *row)


@given(KINDS, st.integers(0x10000, 0xFFFFFF))
def test_node_id_of_three_bytes_is_no_exception(kind: NodeKind, row_id: int) -> None:
    """The ids of most rows are put together from parts; they are the same texts."""
    assert encode_node_id(kind, row_id) == written(1, kind, *row_id.to_bytes(3))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("A", id="one-letter"),
        pytest.param("AQE", id="no-row"),
        pytest.param(written(2, 1, 1), id="other-version"),
        pytest.param(written(0, 1, 1), id="version-zero"),
        pytest.param(written(1, 99, 1), id="unknown-kind"),
        pytest.param(written(1, 0, 1), id="kind-zero"),
        pytest.param(written(1, 1, 0), id="row-zero"),
        pytest.param(written(1, 1, 0, 1), id="leading-zero"),
        pytest.param(written(1, 1, 128, 0, 0, 0, 0, 0, 0, 0), id="beyond-64-bits"),
        pytest.param(written(1, 1, *[255] * 8), id="negative"),
        pytest.param(written(1, 1, *[255] * 5000), id="huge"),
        pytest.param("AQEB=", id="padding"),
        pytest.param("AQEB====", id="more-padding"),
        pytest.param(" AQEB", id="blank"),
        pytest.param("AQEB\n", id="line-break"),
        pytest.param("AQ.EB", id="foreign-letter"),
        pytest.param("AQMBAB", id="spare-bits"),
        pytest.param("AQT/", id="other-alphabet"),
        pytest.param("aqeb", id="lower-case"),
        pytest.param("ÄQEB", id="not-ascii"),
        pytest.param("\ud800", id="surrogate"),
        pytest.param("-1", id="negative-number"),
        pytest.param("1", id="number"),
    ],
)
def test_malformed_node_id_is_refused(text: str) -> None:
    """Only the very text that was given out is an id; the message shows it, shortened."""
    with pytest.raises(InvalidInput) as refused:
        decode_node_id(text)
    assert refused.value.message == f"{text[:100]!r} is not an id of this server."


@given(st.text(max_size=20) | st.text(alphabet="AQEBCDZ_-", max_size=14))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    """No text breaks the reader, and what it reads is written the same way."""
    try:
        kind, row_id = decode_node_id(text)
    except InvalidInput:
        return
    assert encode_node_id(kind, row_id) == text


def test_node_id_of_another_kind_is_refused_by_name() -> None:
    """The message says what the id is and what it should have been."""
    text = encode_node_id(NodeKind.CONTACT_EMAIL, 5)
    with pytest.raises(InvalidInput) as refused:
        decode_node_id(text, expected=NodeKind.COMPANY)
    assert refused.value.message == f"{text!r} is the id of a contact email, not of a company."
