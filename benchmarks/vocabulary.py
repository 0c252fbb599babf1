"""`make bench-vocabulary`: last pages, filters alone, counts and groups on a large database.

Times are of the statement alone, from the product's own functions in this process to PostgreSQL and
back. The last page of a list is told as a ratio to the first, both measured in turn.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

from app.embedded.binaries import EmbeddedServerError
from benchmarks.database import Scale, default_folder, open_database
from benchmarks.filters import FilterSamples
from benchmarks.progress import say
from db.aggregates import GROUPABLE_COMPANIES, GROUPABLE_CONTACTS, Groupable, Grouping, list_groups
from db.counts import count_up_to, estimate_count
from db.engine import normalize_database_url, open_engine
from db.entities import COMPANIES, CONTACTS, Entity
from db.paging import count_rows, cursor_of, list_page
from db.transaction import Database
from domain.aggregates import (
    LARGEST_FIRST,
    CompanyGroupBy,
    CompanyGroupSort,
    ContactGroupBy,
    ContactGroupSort,
    GroupSort,
    sort_groups,
)
from domain.filters import CompanyFilter, ContactFilter
from domain.paging import (
    CompanyOrder,
    CompanyOrderField,
    ContactOrder,
    ContactOrderField,
    Direction,
    Order,
    PageRequest,
)

PAGE_SIZE: Final = 100
SLOW_MS: Final = 50.0

Work = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Listed:
    """A kind of record, and the words for its lists."""

    entity: Entity[Any]
    order: type[ContactOrder] | type[CompanyOrder]
    fields: type[ContactOrderField] | type[CompanyOrderField]
    filter: type[ContactFilter] | type[CompanyFilter]
    groupable: Groupable[Any]
    group_by: type[ContactGroupBy] | type[CompanyGroupBy]
    sort: type[GroupSort]

    @property
    def name(self) -> str:
        """Its name in the tables of results."""
        return self.entity.table.name

    def ordered(self, field: Any, direction: Direction = Direction.DESC) -> tuple[Order, ...]:
        """An order by one field."""
        return (self.order(field=field, direction=direction),)


LISTED: Final = (
    Listed(
        CONTACTS,
        ContactOrder,
        ContactOrderField,
        ContactFilter,
        GROUPABLE_CONTACTS,
        ContactGroupBy,
        ContactGroupSort,
    ),
    Listed(
        COMPANIES,
        CompanyOrder,
        CompanyOrderField,
        CompanyFilter,
        GROUPABLE_COMPANIES,
        CompanyGroupBy,
        CompanyGroupSort,
    ),
)


class Measuring:
    """Times reads of one database.

    Args:
        rounds: How often each is timed, after one that is not.
    """

    def __init__(self, database: Database, rounds: int) -> None:
        self.database = database
        self._rounds = rounds

    async def read(
        self, function: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any
    ) -> Any:
        """What a function of `db` gives in a session of its own."""
        async with self.database.read() as session:
            return await function(session, *arguments, **named)

    async def in_turn(self, works: Sequence[Work]) -> list[float]:
        """The median milliseconds of each, all measured in each round."""
        for work in works:
            await work()
        rounds = [[await _timed(work) for work in works] for _ in range(self._rounds)]
        return [median(times) for times in zip(*rounds, strict=True)]


async def _timed(work: Work) -> float:
    started = time.perf_counter()
    await work()
    return (time.perf_counter() - started) * 1000


async def measure_pages(measuring: Measuring) -> None:
    """The first page and the last one, of every order by one field."""
    print_line("order", "first ms", "last ms", "last / first")
    for listed in LISTED:
        pages = await measuring.read(count_rows, listed.entity, None) // PAGE_SIZE
        for field in listed.fields:
            if field.name == "RELEVANCE":
                continue
            for direction in Direction:
                order = listed.ordered(field, direction)
                first, last = await _measure_pages_of(measuring, listed.entity, order)
                name = f"{listed.name} {field.name} {direction.name}, page {pages}"
                print_line(name, f"{first:.2f}", f"{last:.2f}", f"{last / first:.2f}")


async def _measure_pages_of(
    measuring: Measuring, entity: Entity[Any], order: tuple[Order, ...]
) -> list[float]:
    """The last page is found from the end, and read as a walk from the start would read it."""
    from_the_end = PageRequest(order=order, size=PAGE_SIZE + 1, backward=True)
    page = await measuring.read(list_page, entity, from_the_end, None)
    cursor = cursor_of(entity, order, page.rows[0], ordinal=1)
    requests = [
        PageRequest(order=order, size=PAGE_SIZE),
        PageRequest(order=order, size=PAGE_SIZE, cursor=cursor),
    ]
    return await measuring.in_turn(
        [partial(measuring.read, list_page, entity, request, None) for request in requests]
    )


async def measure_filters(measuring: Measuring) -> None:
    """The first page under every filter alone, the newest rows first."""
    print_line(f"first {PAGE_SIZE} under one filter", "ms", "rows", "")
    for listed in LISTED:
        request = PageRequest(order=listed.ordered(listed.fields.CREATED_AT), size=PAGE_SIZE)
        async with measuring.database.read() as session:
            filters = await FilterSamples(session.driver).each(listed.filter)
        for name, filter_ in filters:
            work = partial(measuring.read, list_page, listed.entity, request, filter_)
            rows = len((await work()).rows)
            (ms,) = await measuring.in_turn([work])
            print_line(f"{listed.name} {name}", f"{ms:.1f}", str(rows), "SLOW" * (ms > SLOW_MS))


async def measure_counts(measuring: Measuring) -> None:
    """Counts of everything, and groups by every dimension."""
    print_line("counts and groups", "ms", "", "")
    for listed in LISTED:
        for name, count in (
            ("counted exactly", partial(count_rows)),
            ("counted up to 10 000", partial(count_up_to, limit=10_000)),
            ("estimated", partial(estimate_count)),
        ):
            (ms,) = await measuring.in_turn([partial(measuring.read, count, listed.entity, None)])
            print_line(f"{listed.name} {name}", f"{ms:.1f}", "", "")
        for dimension in listed.group_by:
            (ms,) = await measuring.in_turn([_grouped(measuring, listed, dimension)])
            print_line(f"{listed.name} by {dimension.name}", f"{ms:.1f}", "", "")


def _grouped(measuring: Measuring, listed: Listed, dimension: Any) -> Work:
    grouping = Grouping(listed.groupable, (dimension,))
    order = sort_groups(LARGEST_FIRST, (dimension,), listed.sort)
    request = PageRequest(order=cast("tuple[Order, ...]", order), size=PAGE_SIZE)
    return partial(measuring.read, list_groups, grouping, request, None)


PARTS: Final = {"pages": measure_pages, "filters": measure_filters, "counts": measure_counts}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    wanted = _parser().parse_args(arguments)
    if wanted.url:
        asyncio.run(_measure(wanted.url, wanted))
        return
    scale = Scale(contacts=wanted.contacts, companies=wanted.companies)
    try:
        with open_database(wanted.data, scale, progress=say) as database:
            asyncio.run(_measure(database.url, wanted))
    except EmbeddedServerError as error:
        raise SystemExit(str(error)) from None


async def _measure(url: str, wanted: argparse.Namespace) -> None:
    address = normalize_database_url(url)
    async with open_engine(address, pool_size=2, statement_timeout_seconds=120) as engine:
        for part in wanted.parts:
            await PARTS[part](Measuring(Database(engine), wanted.rounds))


def print_line(name: str, *cells: str) -> None:
    """A line of a table, shown as soon as it is known."""
    print(f"{name:<70}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vocabulary", description=__doc__)
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    add("--rounds", type=int, default=5, help="how often each is measured (%(default)s)")
    add("--url", help="a filled database; else one is filled and kept")
    add("--data", type=Path, default=default_folder(), help="keeps the database (%(default)s)")
    add("--contacts", type=int, default=1_000_000, help="rows (%(default)s)")
    add("--companies", type=int, default=100_000, help="rows (%(default)s)")
    return parser


if __name__ == "__main__":
    main()
