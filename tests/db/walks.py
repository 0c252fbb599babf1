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
from tests.db.datasets import insert_companies, insert_contacts

PAGE_SIZES: Final = (1, 2, 3, 7, 100)
OrderKeys = tuple[Order, ...]

_CODEC: Final = CursorCodec(b"walks")
_COLUMNS: Final = {ContactOrderField.NAME: "full_name"}
_CASELESS: Final = frozenset(
    {"full_name", "last_name", "title", "company_name", "email", "name", "industry", "country"}
)


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

    def orders_by(self, field: str) -> Iterator[OrderKeys]:
        """Ascending and descending, missing values first and last."""
        for direction, nulls in product(Direction, Nulls):
            yield (self.key(field, direction, nulls),)

    def orders(self) -> Iterator[OrderKeys]:
        """Every order by one field."""
        for field in self.fields:
            yield from self.orders_by(field)

    def random_order(self, random: Random) -> OrderKeys:
        """One to five keys."""
        fields = random.sample(list(self.fields), random.randint(1, MAX_ORDER_FIELDS))
        return tuple(
            self.key(field, random.choice(list(Direction)), random.choice(list(Nulls)))
            for field in fields
        )

    async def insert(self, engine: AsyncEngine, random: Random, *, count: int) -> None:
        """More rows of the list."""
        if self.table.name == "contacts":
            await insert_contacts(engine, random, count=count)
        else:
            await insert_companies(engine, random, count=count)


CONTACT_LIST: Final = Listing(CONTACTS, ContactOrderField, list_contacts, contacts_behind)
COMPANY_LIST: Final = Listing(COMPANIES, CompanyOrderField, list_companies, companies_behind)
LISTS: Final = (CONTACT_LIST, COMPANY_LIST)
LISTS_AND_FIELDS: Final = [(listing, field) for listing in LISTS for field in listing.fields]


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
    while True:
        page = await fetch(request)
        walked = [*page.rows, *walked] if request.backward else [*walked, *page.rows]
        if not page.has_more:
            return walked
        assert len(page.rows) == request.size
        last = page.rows[0 if request.backward else -1]
        request = replace(request, cursor=place(entity, request.order, last))
        if between is not None:
            await between()


def place(entity: Entity[Any], order: OrderKeys, row: Any) -> Cursor:
    """The place of a row, as a client gives it back."""
    text = _CODEC.writer(order)(cursor_of(entity, order, row, ordinal=1))
    return _CODEC.decode(text, order)


def in_order(rows: Sequence[dict[str, Any]], order: OrderKeys) -> list[dict[str, Any]]:
    """The live rows as the order must show them; the id runs the way of the first key."""
    live = [row for row in rows if row["deleted_at"] is None]
    live.sort(key=lambda row: row["id"], reverse=order[0].direction is Direction.DESC)
    for key in reversed(order):
        known = [row for row in live if compared(row, key) is not None]
        missing = [row for row in live if compared(row, key) is None]
        known.sort(key=lambda row: compared(row, key), reverse=key.direction is Direction.DESC)
        live = [*missing, *known] if key.nulls is Nulls.FIRST else [*known, *missing]
    return live


def compared(row: Any, key: Order) -> Any:
    """What an order compares of a row: text in lower case by code point."""
    column = key.field.lower()
    if isinstance(key, ContactOrder):
        column = _COLUMNS.get(key.field, column)
    value = row[column]
    return value.lower() if value is not None and column in _CASELESS else value


def ids(rows: Sequence[Any]) -> list[int]:
    """The ids of rows."""
    return [row["id"] for row in rows]
