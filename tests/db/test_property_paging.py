"""Promises of pages for whatever is asked: `make fuzz` tries more than the suite does.

Every example follows from its seed, which a failure shows. The examples of a world come after each
other, since others write beside them: `--seed N` tries example N again, with those before it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import Table, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.contacts import list_contacts_of_companies
from db.tables import companies, contacts
from db.transaction import Database
from domain.paging import Page, PageRequest
from tests.db.brute_force import Row, World
from tests.db.datasets import (
    insert_companies,
    insert_contacts,
    insert_world,
    mark_deleted,
    seeded,
    stored_world,
)
from tests.db.paging_examples import EXAMPLES_PER_WORLD, Example, make_example
from tests.db.walks import CONTACT_LIST, fetcher, ids, place, walk

MOST_WRITES = 2
WORLDS_OF_PARENTS = 5
NOBODY = 10**9

Seeds = range
Fetch = Callable[[PageRequest], Awaitable[Page[Any]]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Part the examples into worlds; with `--seed` there is one, up to that example."""
    if "seeds" not in metafunc.fixturenames:
        return
    seed, count = metafunc.config.getoption("seed"), metafunc.config.getoption("examples")
    worlds = [
        range(start, min(start + EXAMPLES_PER_WORLD, count))
        for start in range(0, count, EXAMPLES_PER_WORLD)
    ]
    if metafunc.function is test_pages_of_companies_show_what_brute_force_shows:
        worlds = worlds[::WORLDS_OF_PARENTS]
    if seed is not None:
        worlds = [range(seed - seed % EXAMPLES_PER_WORLD, seed + 1)]
    metafunc.parametrize("seeds", worlds, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")


@pytest.fixture
async def world(engine: AsyncEngine, seeds: Seeds) -> World:
    """Some contacts and companies with what belongs to them."""
    random = seeded(f"world {seeds[0]}")
    return await insert_world(engine, random, contact_count=20, company_count=7)


async def test_walks_show_what_brute_force_shows(
    database: Database, engine: AsyncEngine, world: World, seeds: Seeds
) -> None:
    """Whatever the filter, the order and the page size, each row once and in order.

    One walk is alone and shows every row, one goes the other way while others insert, change and
    delete, and shows those that stay. A list in five is that of the contacts of a company.
    """
    for seed in seeds:
        now = await stored_world(engine)
        example = make_example(seed, now)
        walker = Walker(database, example, of_company=_company(example, now))
        forward = bool(seed % 2)
        await assert_walk_shows_everything(walker, now, backward=not forward)
        await assert_walk_keeps_what_stays(engine, walker, now, backward=forward)


async def test_pages_of_companies_show_what_brute_force_shows(
    database: Database, world: World, seeds: Seeds
) -> None:
    """The contacts of many companies: each page, from any cursor and either way, as if alone."""
    for seed in seeds:
        example = make_example(seed, world, listing=CONTACT_LIST)
        random = seeded(f"parents {seed}")
        company_ids = [*world.companies, NOBODY]
        random.shuffle(company_ids)
        request, beyond = await _somewhere(database, example, example.matching(world), random)
        async with database.read() as session:
            pages = await list_contacts_of_companies(
                session, company_ids, request=request, filter_=example.filter
            )
        for company_id, page in zip(company_ids, pages, strict=True):
            mine = ids([row for row in beyond if row["company_id"] == company_id])
            part = mine[-example.size :] if request.backward else mine[: example.size]
            assert (ids(page.rows), page.has_more) == (part, len(mine) > len(part)), str(example)


@dataclass(frozen=True)
class Walker:
    """Walks the list of an example, or those of its contacts that one company has."""

    database: Database
    example: Example
    of_company: int | None

    def matching(self, world: World) -> list[Any]:
        """The rows of the list in their order, says Python."""
        rows = self.example.matching(world)
        if self.of_company is None:
            return rows
        return [row for row in rows if row["company_id"] == self.of_company]

    def state(self, world: World) -> dict[int, Any]:
        """What the order compares of the rows, by id and in their order."""
        return {row["id"]: self.example.values(row) for row in self.matching(world)}

    async def fetch(self, request: PageRequest) -> Page[Any]:
        """A page, in a session of its own."""
        filter_ = self.example.filter
        async with self.database.read() as session:
            if self.of_company is None:
                return await self.example.listing.list_page(session, request, filter_)
            (page,) = await list_contacts_of_companies(
                session, [self.of_company], request=request, filter_=filter_
            )
            return page

    async def start(self, *, backward: bool) -> PageRequest:
        """From one end or the other; by relevance the last row is as far as one can begin."""
        request = PageRequest(order=self.example.order, size=self.example.size, backward=backward)
        if not (backward and self.example.by_relevance):
            return request
        rows = (await self.fetch(replace(request, size=1000, backward=False))).rows
        if not rows:
            return replace(request, backward=False)
        return replace(request, cursor=place(self.example.listing.entity, request.order, rows[-1]))

    async def walk(
        self, request: PageRequest, *, between: Callable[[], Awaitable[None]] | None = None
    ) -> list[int]:
        """The ids that a walk shows."""
        return ids(await walk(self.fetch, self.example.listing.entity, request, between=between))


async def assert_walk_shows_everything(walker: Walker, world: World, *, backward: bool) -> None:
    """A walk alone shows the rows that Python finds, without the one it starts from."""
    request = await walker.start(backward=backward)
    wanted = ids(walker.matching(world))
    shown = wanted[:-1] if request.cursor else wanted
    assert await walker.walk(request) == shown, str(walker.example)


async def assert_walk_keeps_what_stays(
    engine: AsyncEngine, walker: Walker, world: World, *, backward: bool
) -> None:
    """A walk beside writes shows what matches and does not move throughout, once and in order."""
    example, random = walker.example, seeded(f"writes {walker.example.number}")
    states = [walker.state(world)]

    async def write() -> None:
        nonlocal world
        if len(states) <= MOST_WRITES:
            await _write(engine, random, world)
            world = await stored_world(engine)
            states.append(walker.state(world))

    request = await walker.start(backward=backward)
    walked = await walker.walk(request, between=write)
    standing = [
        row_id
        for row_id, values in states[0].items()
        if all(state.get(row_id) == values for state in states)
        and (request.cursor is None or row_id != request.cursor.id)
    ]
    assert [row_id for row_id in walked if row_id in standing] == standing, str(example)
    steady = [row_id for row_id in walked if len({s[row_id] for s in states if row_id in s}) == 1]
    assert len(steady) == len(set(steady)), str(example)


def _company(example: Example, world: World) -> int | None:
    if example.listing is not CONTACT_LIST or example.number % 5:
        return None
    return seeded(f"company {example.number}").choice([*world.companies, NOBODY])


async def _somewhere(
    database: Database, example: Example, everything: list[Any], random: Random
) -> tuple[PageRequest, list[Any]]:
    """A page from a row of the whole list or from its end, and the rows on that side."""
    backward = random.random() < 0.5
    request = PageRequest(order=example.order, size=example.size, backward=backward)
    at = random.randrange(len(everything)) if everything and random.random() < 0.8 else None
    if at is None:
        return replace(request, backward=backward and not example.by_relevance), everything
    whole = replace(request, size=1000, backward=False)
    row = (await fetcher(database, CONTACT_LIST, example.filter)(whole)).rows[at]
    cursor = place(CONTACT_LIST.entity, example.order, row)
    beyond = everything[:at] if backward else everything[at + 1 :]
    return replace(request, cursor=cursor), beyond


async def _write(engine: AsyncEngine, random: Random, world: World) -> None:
    """Two of what others may do meanwhile, in transactions of their own."""
    works = (_insert_contacts, _insert_company, _change_contact, _change_company, _delete)
    for work in random.sample(works, 2):
        await work(engine, random, world)


async def _insert_contacts(engine: AsyncEngine, random: Random, world: World) -> None:
    await insert_contacts(engine, random, count=3, company_ids=[*world.companies])


async def _insert_company(engine: AsyncEngine, random: Random, world: World) -> None:
    await insert_companies(engine, random, count=1)


async def _change_contact(engine: AsyncEngine, random: Random, world: World) -> None:
    columns = (
        "first_name", "last_name", "title", "email", "city", "country", "company_id", "tags",
        "last_contacted_at", "created_at",
    )  # fmt: skip
    await _copy_values(engine, random, contacts, [*world.contacts.values()], columns)


async def _change_company(engine: AsyncEngine, random: Random, world: World) -> None:
    columns = (
        "name", "industries", "country", "employees_count", "annual_revenue", "total_funding",
        "last_raised_at", "founded_year", "created_at",
    )  # fmt: skip
    await _copy_values(engine, random, companies, [*world.companies.values()], columns)


async def _copy_values(
    engine: AsyncEngine,
    random: Random,
    table: Table,
    rows: Sequence[Row],
    columns: Sequence[str],
) -> None:
    """One row gets what another one has, and so moves in the lists."""
    if not rows:
        return
    changed, source = random.choice(rows), random.choice(rows)
    values = {name: source[name] for name in columns}
    async with engine.begin() as connection:
        await connection.execute(update(table).where(table.c.id == changed["id"]).values(values))


async def _delete(engine: AsyncEngine, random: Random, world: World) -> None:
    doomed = random.sample([*world.contacts], min(2, len(world.contacts)))
    await mark_deleted(engine, contacts, doomed)
    if world.companies and random.random() < 0.3:
        await mark_deleted(engine, companies, [random.choice([*world.companies])])
