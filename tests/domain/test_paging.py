"""Promises of `domain.paging`: cursors come back as they were given, and nothing else does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidCursor, InvalidInput
from domain.paging import (
    DEFAULT_PAGE_SIZE,
    MAX_PAGE_SIZE,
    NEWEST_COMPANIES,
    NEWEST_CONTACTS,
    CompanyOrder,
    CompanyOrderField,
    ContactOrder,
    ContactOrderField,
    Cursor,
    CursorCodec,
    Direction,
    Nulls,
    Order,
    Page,
    PageRequest,
    check_order,
    check_start,
    normalize_page_size,
    order_signature,
)

CODEC = CursorCodec(b"secret")
TITLE = ContactOrder(field=ContactOrderField.TITLE)
ORDER: tuple[Order, ...] = (TITLE,)
CURSOR = Cursor(("cto",), 5, 17)
UNUSABLE = "This is not a cursor of this server. Pass one exactly as it was given."
OF_ANOTHER_ORDER = "This cursor belongs to another orderBy. Start without a cursor."

INTEGERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.none() | st.text(st.characters(codec="utf-8")) | INTEGERS
CURSORS = st.builds(
    Cursor,
    st.lists(VALUES, min_size=1, max_size=5).map(tuple),
    st.integers(1, 2**63 - 1),
    INTEGERS,
)


def refusal(text: str, *, order: tuple[Order, ...] = ORDER, codec: CursorCodec = CODEC) -> str:
    """Why a text is no cursor."""
    with pytest.raises(InvalidCursor) as refused:
        codec.decode(text, order)
    return refused.value.message


@given(CURSORS)
def test_cursor_comes_back_as_it_was_given(cursor: Cursor) -> None:
    """Any value of any order survives, in a text that is safe in a URL."""
    text = CODEC.writer(ORDER)(cursor)
    assert CODEC.decode(text, ORDER) == cursor
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.lists(CURSORS, max_size=4), st.integers(-(10**6), 10**6))
def test_page_of_cursors_is_each_of_them(cursors: list[Cursor], first_ordinal: int) -> None:
    """Written together or one by one, the places of a page are the same texts."""
    ids = [cursor.id for cursor in cursors]
    firsts = [cursor.values[0] for cursor in cursors]
    lasts = [cursor.values[-1] for cursor in cursors]
    write = CODEC.writer(ORDER)
    assert write.page(ids, firsts, lasts, first_ordinal=first_ordinal) == [
        write(Cursor((cursor.values[0], cursor.values[-1]), cursor.id, first_ordinal + at))
        for at, cursor in enumerate(cursors)
    ]


def test_cursor_never_changes() -> None:
    """Clients keep cursors, so the text of a place today is read for ever."""
    text = "AS4uzKLKXa8zPCX1m-qkWzE3LDUsImN0byJd"
    assert CODEC.writer(ORDER)(Cursor(("cto",), 5, 17)) == text
    assert CODEC.decode(text, ORDER) == CURSOR


def test_codec_of_the_same_secret_reads_the_cursor() -> None:
    """Cursors outlive the process that wrote them."""
    assert CursorCodec(b"secret").decode(CODEC.writer(ORDER)(CURSOR), ORDER) == CURSOR


@given(CURSORS, st.data())
def test_cursor_with_any_letter_changed_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    """Every letter counts, the spare bits of the last one too."""
    text = CODEC.writer(ORDER)(cursor)
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(min_codepoint=1).filter(lambda other: other != text[at]))
    assert refusal(text[:at] + letter + text[at + 1 :]) == UNUSABLE


def test_cursor_with_any_bit_changed_is_refused() -> None:
    """No bit of order, checksum or payload can be turned without the reader seeing it."""
    text = CODEC.writer(ORDER)(CURSOR)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at, letter in enumerate(text):
        for other in alphabet.replace(letter, ""):
            assert refusal(text[:at] + other + text[at + 1 :]) == UNUSABLE


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda text: text[:-1], id="cut"),
        pytest.param(lambda text: text[:20], id="head-alone"),
        pytest.param(lambda text: text + "A", id="one-more"),
        pytest.param(lambda text: text + "AAAA", id="four-more"),
        pytest.param(lambda text: text * 2, id="twice"),
        pytest.param(lambda text: text + "=", id="padding"),
        pytest.param(lambda text: text + "====", id="more-padding"),
        pytest.param(lambda text: text + "!!!!", id="foreign-letters"),
        pytest.param(lambda text: "\n" + text + "   ", id="blanks"),
        pytest.param(lambda text: text.swapcase(), id="other-case"),
        pytest.param(lambda text: "é" + text, id="not-ascii"),
        pytest.param(lambda _: "5", id="number"),
    ],
)
def test_text_that_is_no_cursor_is_refused(change: Any) -> None:
    """Only the very text that was given out is a cursor."""
    assert refusal(change(CODEC.writer(ORDER)(CURSOR))) == UNUSABLE


@given(st.text(max_size=60))
def test_any_text_is_refused(text: str) -> None:
    """No text breaks the reader, and none is a cursor by chance."""
    assert refusal(text) == UNUSABLE


def test_cursor_of_another_secret_is_refused() -> None:
    """Nobody makes a cursor without the secret."""
    assert refusal(CursorCodec(b"other").writer(ORDER)(CURSOR)) == UNUSABLE


@pytest.mark.parametrize(
    "order",
    [
        pytest.param((ContactOrder(field=ContactOrderField.NAME),), id="field"),
        pytest.param(
            (ContactOrder(field=ContactOrderField.TITLE, direction=Direction.DESC),), id="direction"
        ),
        pytest.param((ContactOrder(field=ContactOrderField.TITLE, nulls=Nulls.FIRST),), id="nulls"),
        pytest.param((TITLE, ContactOrder(field=ContactOrderField.NAME)), id="more-keys"),
        pytest.param((CompanyOrder(field=CompanyOrderField.NAME),), id="companies"),
        pytest.param((), id="none"),
    ],
)
def test_cursor_of_another_order_is_told_apart(order: tuple[Order, ...]) -> None:
    """The place means nothing in another order, and the message says that this is why."""
    assert refusal(CODEC.writer(ORDER)(CURSOR), order=order) == OF_ANOTHER_ORDER
    assert order_signature(order) != order_signature(ORDER)


def test_cursors_of_contacts_and_companies_do_not_mix() -> None:
    """The same field and direction of another kind of record is another order."""
    text = CODEC.writer(NEWEST_CONTACTS)(Cursor((1,), 1, 1))
    assert refusal(text, order=NEWEST_COMPANIES) == OF_ANOTHER_ORDER


@pytest.mark.parametrize(
    ("asked", "delivered"),
    [
        (None, DEFAULT_PAGE_SIZE),
        (1, 1),
        (MAX_PAGE_SIZE - 1, MAX_PAGE_SIZE - 1),
        (MAX_PAGE_SIZE, MAX_PAGE_SIZE),
        (MAX_PAGE_SIZE + 1, MAX_PAGE_SIZE),
        (2**31 - 1, MAX_PAGE_SIZE),
    ],
    ids=str,
)
def test_page_size_stays_within_its_limit(asked: int | None, delivered: int) -> None:
    """None is the default, more than the maximum is the maximum."""
    assert normalize_page_size(asked) == delivered


def test_page_size_follows_the_settings() -> None:
    """Default and maximum are the caller's to say."""
    assert normalize_page_size(None, default=20, maximum=50) == 20
    assert normalize_page_size(51, default=20, maximum=50) == 50


@pytest.mark.parametrize("asked", [0, -1, -(2**31)])
def test_page_without_rows_is_refused(asked: int) -> None:
    """Zero or fewer rows is a mistake, not an empty page."""
    with pytest.raises(InvalidInput) as refused:
        normalize_page_size(asked)
    assert refused.value.message == f"A page has at least 1 row, {asked} were asked for."


BEST = (ContactOrder(field=ContactOrderField.RELEVANCE),)


@pytest.mark.parametrize(
    ("request_", "limit"),
    [
        (PageRequest(order=ORDER, size=5000), 5000),
        (PageRequest(order=ORDER, size=7, cursor=Cursor(("x",), 1, 10**6)), 7),
        (PageRequest(order=BEST, size=5000), 1000),
        (PageRequest(order=BEST, size=1000, offset=1), 999),
        (PageRequest(order=BEST, size=7, cursor=Cursor((0,), 1, 990)), 7),
        (PageRequest(order=BEST, size=7, cursor=Cursor((0,), 1, 998)), 2),
        (PageRequest(order=BEST, size=7, cursor=Cursor((0,), 1, 1000)), 0),
        (PageRequest(order=BEST, size=7, cursor=Cursor((0,), 1, 10**6)), 0),
        (PageRequest(order=BEST, size=7, cursor=Cursor((0,), 1, 1000), backward=True), 7),
    ],
)
def test_page_by_relevance_ends_at_the_limit(request_: PageRequest, limit: int) -> None:
    """No page shows rows beyond the limit, and none before it is cut; other orders have no end."""
    assert request_.limit == limit


@pytest.mark.parametrize(
    ("request_", "ordinals"),
    [
        (PageRequest(order=ORDER), (1, 3)),
        (PageRequest(order=ORDER, offset=20), (21, 23)),
        (PageRequest(order=ORDER, cursor=Cursor(("x",), 1, 20)), (21, 23)),
        (PageRequest(order=ORDER, cursor=Cursor(("x",), 1, 20), backward=True), (17, 19)),
        (PageRequest(order=ORDER, backward=True), (-3, -1)),
        (PageRequest(order=ORDER, cursor=Cursor(("x",), 1, -3), backward=True), (-6, -4)),
    ],
)
def test_ordinals_count_from_the_start_and_back_from_the_end(
    request_: PageRequest, ordinals: tuple[int, int]
) -> None:
    """The places of a page's rows follow from where it begins and how many they are."""
    page = Page(["a", "b", "c"], has_more=False, request=request_)
    assert (page.first_ordinal, page.last_ordinal) == ordinals


@pytest.mark.parametrize("order", [ORDER, BEST, NEWEST_COMPANIES, (*BEST, TITLE)])
def test_order_with_a_meaning_is_taken(order: tuple[Order, ...]) -> None:
    """With a search every order can be, relevance first."""
    check_order(order, searched=True)


@pytest.mark.parametrize(
    ("order", "searched", "start"),
    [
        ((), True, "orderBy is empty."),
        ((TITLE, TITLE), True, "orderBy names a field twice."),
        (BEST, False, "RELEVANCE orders by how well search matches."),
        ((TITLE, *BEST), True, "RELEVANCE is the first key of orderBy."),
        (
            (CompanyOrder(field=CompanyOrderField.RELEVANCE, direction=Direction.DESC),),
            True,
            "RELEVANCE goes from the best match on.",
        ),
    ],
)
def test_order_without_a_meaning_is_refused(
    order: tuple[Order, ...], searched: bool, start: str
) -> None:
    """What is wrong with an order is told for contacts and companies alike."""
    with pytest.raises(InvalidInput) as refused:
        check_order(order, searched=searched)
    assert refused.value.message.startswith(start)


def test_last_rows_by_relevance_are_refused() -> None:
    """From its end the order has no page; from a cursor, and in other orders, there is one."""
    check_start(PageRequest(order=ORDER, backward=True))
    check_start(PageRequest(order=BEST, backward=True, cursor=Cursor((0,), 1, 5)))
    with pytest.raises(InvalidInput) as refused:
        check_start(PageRequest(order=BEST, backward=True))
    assert refused.value.message.startswith("RELEVANCE has no last page.")
