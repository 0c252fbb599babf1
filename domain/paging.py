"""Pages of an ordered list: what is asked for, what comes back, and the cursors between them.

A cursor names a place in one order: the sort values of a row and its id. It depends neither on the
filter nor on the selected fields, so a kept cursor stays where it was while rows come and go.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as described
from functools import cached_property, lru_cache
from itertools import count
from typing import Final, Generic, Protocol, TypeVar

import orjson

from domain.enums import DescribedEnum
from domain.errors import InvalidCursor, InvalidInput

T = TypeVar("T")

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
MAX_OFFSET = 1000
MAX_ORDER_FIELDS = 5
RELEVANCE_LIMIT = 1000
LONG_WALK = 10_000

CursorValue = str | int | float | None

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")

_RELEVANCE = (
    "How well the words of `search` match, the best first. Needs `search` in the filter itself, is "
    f"the first key and ascending, and ends after {RELEVANCE_LIMIT} rows."
)


class Direction(DescribedEnum):
    """Which end of the values comes first."""

    ASC = "ASC", "The least first: A to Z, oldest to newest."
    DESC = "DESC", "The greatest first: Z to A, newest to oldest."


class Nulls(DescribedEnum):
    """Where rows without a value stand."""

    FIRST = "FIRST", "Before all others."
    LAST = "LAST", "After all others."


class ContactOrderField(DescribedEnum):
    """What contacts can be ordered by; text without regard to case."""

    NAME = "NAME", "The full name."
    FIRST_NAME = "FIRST_NAME", "The given name."
    LAST_NAME = "LAST_NAME", "The family name."
    TITLE = "TITLE", "The job title."
    COMPANY_NAME = "COMPANY_NAME", "The employer's name."
    EMPLOYEES_COUNT = "EMPLOYEES_COUNT", "The number of the employer's employees."
    ANNUAL_REVENUE = "ANNUAL_REVENUE", "The employer's revenue of a year, whatever the currency."
    EMAIL = "EMAIL", "The primary e-mail address."
    CITY = "CITY", "The city."
    COUNTRY = "COUNTRY", "The country."
    CREATED_AT = "CREATED_AT", "When the record was created."
    UPDATED_AT = "UPDATED_AT", "When the record was last changed."
    LAST_CONTACTED_AT = "LAST_CONTACTED_AT", "When somebody last wrote or called."
    QUALITY_SCORE = "QUALITY_SCORE", "How complete the record is."
    RELEVANCE = "RELEVANCE", _RELEVANCE


class CompanyOrderField(DescribedEnum):
    """What companies can be ordered by; text without regard to case."""

    NAME = "NAME", "The name."
    DOMAIN = "DOMAIN", "The main host."
    INDUSTRY = "INDUSTRY", "The main industry."
    COUNTRY = "COUNTRY", "The country of the headquarters."
    EMPLOYEES_COUNT = "EMPLOYEES_COUNT", "The number of employees."
    ANNUAL_REVENUE = "ANNUAL_REVENUE", "The revenue of a year, whatever the currency."
    TOTAL_FUNDING = "TOTAL_FUNDING", "All funding, whatever the currency."
    LAST_RAISED_AT = "LAST_RAISED_AT", "The day of the latest funding round."
    FOUNDED_YEAR = "FOUNDED_YEAR", "The year of foundation."
    CREATED_AT = "CREATED_AT", "When the record was created."
    UPDATED_AT = "UPDATED_AT", "When the record was last changed."
    RELEVANCE = "RELEVANCE", _RELEVANCE


@dataclass(frozen=True, kw_only=True)
class ContactOrder:
    """One key of the order of contacts; the id always follows as the last key."""

    field: ContactOrderField = described(metadata={"doc": "What to compare."})
    direction: Direction = described(default=Direction.ASC, metadata={"doc": "Which end first."})
    nulls: Nulls = described(
        default=Nulls.LAST, metadata={"doc": "Where rows without a value stand."}
    )


@dataclass(frozen=True, kw_only=True)
class CompanyOrder:
    """One key of the order of companies; the id always follows as the last key."""

    field: CompanyOrderField = described(metadata={"doc": "What to compare."})
    direction: Direction = described(default=Direction.ASC, metadata={"doc": "Which end first."})
    nulls: Nulls = described(
        default=Nulls.LAST, metadata={"doc": "Where rows without a value stand."}
    )


class Order(Protocol):
    """One key of an order of anything that is listed; its class says of what."""

    @property
    def field(self) -> DescribedEnum:
        """What is compared."""

    @property
    def direction(self) -> Direction:
        """Which end comes first."""

    @property
    def nulls(self) -> Nulls:
        """Where rows without a value stand."""


_BY_RELEVANCE = frozenset({ContactOrderField.RELEVANCE, CompanyOrderField.RELEVANCE})

NEWEST_CONTACTS: tuple[Order, ...] = (
    ContactOrder(field=ContactOrderField.CREATED_AT, direction=Direction.DESC),
)
NEWEST_COMPANIES: tuple[Order, ...] = (
    CompanyOrder(field=CompanyOrderField.CREATED_AT, direction=Direction.DESC),
)


@dataclass(frozen=True)
class Cursor:
    """A place in an ordered list.

    Attributes:
        values: The sort values of the row, one a key of the order; datetimes as microseconds.
        id: The row's id, the last key of every order.
        ordinal: How many rows a walk from the start had passed, this one included. A walk back from
            the end counts down from -1.
    """

    values: tuple[CursorValue, ...]
    id: int
    ordinal: int = 0


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """Which part of an ordered list is wanted.

    Attributes:
        size: At most this many rows.
        backward: The rows before the cursor rather than after it (`last` and `before`).
        offset: Rows to skip from the start; only without a cursor.
    """

    order: tuple[Order, ...]
    size: int = DEFAULT_PAGE_SIZE
    cursor: Cursor | None = None
    backward: bool = False
    offset: int = 0

    @property
    def passed(self) -> int:
        """The place that the page begins from: the cursor's, or how many rows are skipped."""
        return self.offset if self.cursor is None else self.cursor.ordinal

    @property
    def turned(self) -> "PageRequest":
        """One row on the other side of the cursor."""
        return PageRequest(order=self.order, size=1, cursor=self.cursor, backward=not self.backward)

    @cached_property
    def left(self) -> int | None:
        """How many rows the order shows from here on; None where it ends with the last row."""
        if self.backward or not is_by_relevance(self.order):
            return None
        return max(0, RELEVANCE_LIMIT - self.passed)

    @cached_property
    def limit(self) -> int:
        """How many rows the page can have: its size, or fewer where the order ends before."""
        return self.size if self.left is None else min(self.size, self.left)


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows in the order asked for, and whether the walk goes on in its own direction.

    Attributes:
        is_capped: More rows match, but the order ends here.
    """

    rows: Sequence[T]
    has_more: bool
    request: PageRequest
    is_capped: bool = False

    @property
    def first_ordinal(self) -> int:
        """The place of the first row, as cursors count it."""
        passed = self.request.passed
        return passed - len(self.rows) if self.request.backward else passed + 1

    @property
    def last_ordinal(self) -> int:
        """The place of the last row."""
        return self.first_ordinal + len(self.rows) - 1


def is_by_relevance(order: Sequence[Order]) -> bool:
    """Whether the rows come best match first."""
    return any(key.field in _BY_RELEVANCE for key in order)


def check_order(order: Sequence[Order], *, searched: bool) -> None:
    """Refuse an order that has no meaning.

    Args:
        searched: Whether the filter itself has a search.

    Raises:
        InvalidInput: It has no key, too many or one twice, or RELEVANCE where it cannot be.
    """
    if not order:
        raise InvalidInput("orderBy is empty. Leave it out, or name a field.")
    if len(order) > MAX_ORDER_FIELDS:
        raise InvalidInput(f"orderBy has {len(order)} keys; at most {MAX_ORDER_FIELDS} fit.")
    if len({key.field for key in order}) < len(order):
        raise InvalidInput("orderBy names a field twice.")
    if is_by_relevance(order):
        _check_relevance(order, searched=searched)


def _check_relevance(order: Sequence[Order], *, searched: bool) -> None:
    if not searched:
        raise InvalidInput(
            "RELEVANCE orders by how well search matches. Add search to the filter itself, not"
            " within and, or, not, or choose another order."
        )
    if order[0].field not in _BY_RELEVANCE:
        raise InvalidInput("RELEVANCE is the first key of orderBy. Move it to the front.")
    if order[0].direction is Direction.DESC:
        raise InvalidInput("RELEVANCE goes from the best match on. Leave its direction out.")


def check_start(request: PageRequest) -> None:
    """Refuse a page that begins where its order has no end.

    Raises:
        InvalidInput: The last rows by RELEVANCE, which shows the best ones only.
    """
    if request.backward and request.cursor is None and is_by_relevance(request.order):
        raise InvalidInput(
            "RELEVANCE has no last page. Begin with first, or pass a cursor as before."
        )


def normalize_page_size(
    size: int | None, *, default: int = DEFAULT_PAGE_SIZE, maximum: int = MAX_PAGE_SIZE
) -> int:
    """The number of rows to deliver: the default when none is named, never above the maximum.

    Raises:
        InvalidInput: Zero or less was asked for.
    """
    if size is None:
        return min(default, maximum)
    if size < 1:
        raise InvalidInput(f"A page has at least 1 row, {size} were asked for.")
    return min(size, maximum)


class CursorWriter:
    """Writes the places of one order as texts that are safe in a URL.

    Args:
        head: What every text begins with, as bytes.
        keyed: The checksum of what comes before a payload.
    """

    def __init__(self, head: bytes, keyed: "hashlib.blake2b") -> None:
        self._head = head
        self._keyed = keyed

    def __call__(self, cursor: Cursor) -> str:
        """The text of one place."""
        return self._write([orjson.dumps([cursor.ordinal, cursor.id, *cursor.values])])[0]

    def page(
        self, ids: Sequence[int], *keys: Sequence[CursorValue], first_ordinal: int
    ) -> list[str]:
        """The texts of the rows of a page, in their order: about 1 µs a row.

        Args:
            ids: The ids of the rows.
            keys: For each key of the order the sort values of the rows, as `Cursor.values` has
                them.
            first_ordinal: The place of the first row, as `Page.first_ordinal`.
        """
        places = zip(count(first_ordinal), ids, *keys, strict=False)
        return self._write(map(orjson.dumps, places))

    def _write(self, payloads: Iterable[bytes]) -> list[str]:
        head, copy = self._head, self._keyed.copy
        lines = []
        for payload in payloads:
            mac = copy()
            mac.update(payload)
            lines.append(binascii.b2a_base64(head + mac.digest() + payload))
        # Each line ends with a line break, and so is told apart after what is done to all at once.
        return b"".join(lines).translate(_URL_SAFE, b"=").decode().split("\n")[:-1]


class CursorCodec:
    """Writes and reads cursors; a keyed checksum makes a forged one fail.

    The text is base64url of `version | order | mac | payload`: four bytes name the order, so that a
    cursor of another order is told apart from a damaged one.

    Args:
        secret: Any bytes; cursors live as long as it does.
    """

    _VERSION = b"\x01"
    _ORDER_BYTES = 4
    _MAC_BYTES = 10

    def __init__(self, secret: bytes) -> None:
        self._keyed = hashlib.blake2b(
            key=hashlib.sha256(b"cursor" + secret).digest(), digest_size=self._MAC_BYTES
        )

    def writer(self, order: tuple[Order, ...]) -> CursorWriter:
        """What turns the places of one order into texts."""
        signature = order_signature(order)
        keyed = self._keyed.copy()
        keyed.update(signature)
        return CursorWriter(self._VERSION + signature, keyed)

    def decode(self, text: str, order: tuple[Order, ...]) -> Cursor:
        """The cursor of a text.

        Raises:
            InvalidCursor: Not made by this server, or made for another `orderBy`.
        """
        try:
            raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except (UnicodeEncodeError, binascii.Error):
            raise _unusable() from None
        if _as_text(raw) != text:  # base64 skips foreign characters and ignores spare bits
            raise _unusable()
        signature, mac, payload = self._split(raw)
        if not hmac.compare_digest(mac, self._mac(signature, payload)):
            raise _unusable()
        if signature != order_signature(order):
            raise InvalidCursor("This cursor belongs to another orderBy. Start without a cursor.")
        ordinal, row_id, *values = orjson.loads(payload)
        return Cursor(tuple(values), row_id, ordinal)

    def _split(self, raw: bytes) -> tuple[bytes, bytes, bytes]:
        mac_at = 1 + self._ORDER_BYTES
        payload_at = mac_at + self._MAC_BYTES
        if raw[:1] != self._VERSION or len(raw) <= payload_at:
            raise _unusable()
        return raw[1:mac_at], raw[mac_at:payload_at], raw[payload_at:]

    def _mac(self, signature: bytes, payload: bytes) -> bytes:
        state = self._keyed.copy()
        state.update(signature)
        state.update(payload)
        return state.digest()


@lru_cache(maxsize=1024)
def order_signature(order: tuple[Order, ...]) -> bytes:
    """Four bytes that tell one order from another."""
    text = ",".join(
        f"{type(key).__name__}.{key.field}.{key.direction}.{key.nulls}" for key in order
    )
    return hashlib.sha256(text.encode()).digest()[:4]


def _as_text(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()


def _unusable() -> InvalidCursor:
    return InvalidCursor("This is not a cursor of this server. Pass one exactly as it was given.")
