"""Walks over lists of contacts and companies, and what Python says they must show."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from db.companies import companies_behind, list_companies
from db.contacts import contacts_behind, list_contacts
from db.entities import COMPANIES, CONTACTS, Entity
from db.paging import cursor_of
from db.tables import companies
from db.transaction import Database
from domain.paging import (
    MAX_ORDER_FIELDS,
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
)
from tests.db.datasets import insert_companies, insert_contacts, stored_rows

PAGE_SIZES: Final = (1, 3, 100)
OrderKeys = tuple[Order, ...]

_CODEC: Final = CursorCodec(b"walks")
_EMPLOYERS: Final = 6
_MOST_PAGES: Final = 500
_COLUMNS: Final = {
    ContactOrderField.NAME: "full_name",
    ContactOrderField.EMPLOYEES_COUNT: "company_employees_count",
    ContactOrderField.ANNUAL_REVENUE: "company_annual_revenue",
}


@dataclass(frozen=True, eq=False)
class Listing:
    """A list that can be walked."""

    entity: Entity[Any]
    fields: type[ContactOrderField] | type[CompanyOrderField]
    list_page: Callable[..., Awaitable[Page[Any]]]
    rows_behind: Callable[..., Awaitable[bool]]

    @property
    def table(self) -> Table:
        return self.entity.table

    def key(
        self, field: str, direction: Direction = Direction.ASC, nulls: Nulls = Nulls.LAST
    ) -> Order:
        """One key of an order of this list."""
        if self.fields is ContactOrderField:
            return ContactOrder(field=ContactOrderField[field], direction=direction, nulls=nulls)
        return CompanyOrder(field=CompanyOrderField[field], direction=direction, nulls=nulls)

    @property
    def stored(self) -> list[str]:
        """The fields whose values stand in the rows: those that need no search."""
        return [field for field in self.fields if field != "RELEVANCE"]

    def orders_by(self, field: str) -> Iterator[OrderKeys]:
        """Ascending and descending, missing values first and last."""
        for direction, nulls in product(Direction, Nulls):
            yield (self.key(field, direction, nulls),)

    def orders(self) -> Iterator[OrderKeys]:
        """Every order by one field."""
        for field in self.stored:
            yield from self.orders_by(field)

    def random_order(self, random: Random, *, by_relevance: bool = False) -> OrderKeys:
        """One to five keys."""
        fields = random.sample(self.stored, random.randint(1, MAX_ORDER_FIELDS))
        keys = [
            self.key(field, random.choice(list(Direction)), random.choice(list(Nulls)))
            for field in fields
        ]
        if by_relevance:
            keys = [self.key("RELEVANCE", nulls=random.choice(list(Nulls))), *keys[1:]]
        return tuple(keys)

    async def insert(self, engine: AsyncEngine, random: Random, *, count: int) -> None:
        """More rows of the list."""
        if self.table.name == "contacts":
            stored = await stored_rows(engine, companies)
            company_ids = ids(stored) or await insert_companies(engine, random, count=_EMPLOYERS)
            await insert_contacts(engine, random, count=count, company_ids=company_ids)
        else:
            await insert_companies(engine, random, count=count)


CONTACT_LIST: Final = Listing(CONTACTS, ContactOrderField, list_contacts, contacts_behind)
COMPANY_LIST: Final = Listing(COMPANIES, CompanyOrderField, list_companies, companies_behind)
LISTS: Final = (CONTACT_LIST, COMPANY_LIST)
LISTS_AND_FIELDS: Final = [(listing, field) for listing in LISTS for field in listing.stored]


def named(value: object) -> str:
    """The id of a test's parameter."""
    return value.table.name if isinstance(value, Listing) else str(value).lower()


def fetcher(
    database: Database, listing: Listing, filter_: Any = None
) -> Callable[[PageRequest], Awaitable[Page[Any]]]:
    """What reads a page of the list, each in a session of its own."""

    async def fetch(request: PageRequest) -> Page[Any]:
        async with database.read() as session:
            return await listing.list_page(session, request, filter_)

    return fetch


async def walk(
    fetch: Callable[[PageRequest], Awaitable[Page[Any]]],
    entity: Entity[Any],
    request: PageRequest,
    *,
    between: Callable[[], Awaitable[None]] | None = None,
) -> list[Any]:
    """The rows from the request's cursor to the end of its direction, in the list's order."""
    walked: list[Any] = []
    for _ in range(_MOST_PAGES):
        page = await fetch(request)
        walked = [*page.rows, *walked] if request.backward else [*walked, *page.rows]
        if not page.has_more:
            return walked
        assert len(page.rows) == request.size
        last = page.rows[0 if request.backward else -1]
        request = replace(request, cursor=place(entity, request.order, last))
        if between is not None:
            await between()
    raise AssertionError(f"The walk does not end: {request}")


def place(entity: Entity[Any], order: OrderKeys, row: Any) -> Cursor:
    """The place of a row, as a client gives it back."""
    text = _CODEC.writer(order)(cursor_of(entity, order, row, ordinal=1))
    return _CODEC.decode(text, order)


def in_order(
    rows: Sequence[dict[str, Any]], order: OrderKeys, *, words: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The live rows as the order must show them; the id runs the way of the first key.

    Args:
        words: Those of the search, for RELEVANCE.
    """
    live = [row for row in rows if row["deleted_at"] is None]
    live.sort(key=lambda row: row["id"], reverse=order[0].direction is Direction.DESC)
    for key in reversed(order):
        values = {row["id"]: compared(row, key, words=words) for row in live}
        known = [row for row in live if values[row["id"]] is not None]
        missing = [row for row in live if values[row["id"]] is None]
        known.sort(key=lambda row: values[row["id"]], reverse=key.direction is Direction.DESC)
        live = [*missing, *known] if key.nulls is Nulls.FIRST else [*known, *missing]
    return live


def compared(row: Any, key: Order, *, words: Sequence[str] = ()) -> Any:
    """What an order compares of a row: text in lower case by code point."""
    if key.field == "RELEVANCE":
        return sum(_distance(row, word.lower()) for word in words)
    column = key.field.lower()
    if isinstance(key, ContactOrder):
        column = _COLUMNS.get(key.field, column)
    value = row[column]
    return value.lower() if isinstance(value, str) else value


def _distance(row: Any, word: str) -> int:
    """How far a row is from a word: 0 in a name, 1 begins one, 2 begins any word, 3 elsewhere."""
    is_contact = "full_name" in row
    names = (row["full_name"], row["email"]) if is_contact else (row["name"], row["domain"])
    beginnings = (*names, row["company_name"]) if is_contact else names
    if f" {word} " in _spaced(names):
        return 0
    if f" {word}" in _spaced(beginnings):
        return 1
    return 2 if f" {word}" in _spaced((row["search_text"],)) else 3


def _spaced(texts: Sequence[str | None]) -> str:
    return f" {' '.join((text or '').lower() for text in texts)} "


def ids(rows: Sequence[Any]) -> list[int]:
    """The ids of rows."""
    return [row["id"] for row in rows]
