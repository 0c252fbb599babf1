"""Whatever is written by whatever way, every read that was kept shows it afterwards.

Each query is also answered by graph-core without a cache, and the bytes compared: what is kept is
what would have been read. What a write has not touched is still kept after it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.resources import Resources, open_resources
from app.settings import Settings
from db.rows import CompanyRow, ContactRow
from db.transaction import Database
from domain.enums import Role
from tests.apps import App
from tests.both_executors import both_executors
from tests.client import Client
from tests.db.staged import company as staged_company
from tests.db.staged import contact as staged_contact
from tests.db.staged import load, load_employers
from tests.factories import make_company, make_contact
from tests.graph.bulk import run_bulk
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.merges import merge, undo
from tests.graph.privacy import erase
from tests.valkey import valkey_server

PATIENCE_SECONDS = 30

_CONTACT = "id fullName title stage tags version company { name }"
_COMPANY = "id name domain stage contactCount version"
_PAGE = "totalCount pageInfo { hasNextPage startCursor endCursor }"


@dataclass(frozen=True)
class World:
    """The records there are before a write.

    Attributes:
        ada: The contact that is written to; of Acme.
        twins: Two contacts of Acme that are to be made one.
        merge: The id of a merge that can be undone.
        gone: A contact that was deleted.
        eve: A contact that nobody writes to; of Gamma.
        acme: The company that is written to.
        beta: Where contacts move to.
        gamma: A company that nobody writes to.
        closed: A company that was deleted.
    """

    ada: ContactRow
    twins: tuple[ContactRow, ContactRow]
    merge: str
    gone: ContactRow
    eve: ContactRow
    acme: CompanyRow
    beta: CompanyRow
    gamma: CompanyRow
    closed: CompanyRow


class Visitor(Client):
    """An admin who sees what the cache does."""

    def __init__(self, app: App) -> None:
        token = app.client(Role.ADMIN).headers["Authorization"].removeprefix("Bearer ")
        super().__init__(app.http, token)
        self.headers["X-Debug"] = "cache"

    async def ask(self, read: str) -> tuple[str, Any]:
        """What the cache did for a query, and its data."""
        answer = await self.send(read)
        assert "errors" not in answer, answer["errors"]
        return answer["extensions"]["cache"]["status"], answer["data"]

    async def keep(self, read: str) -> Any:
        """The data of a query, once they come from the cache."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                status, data = await self.ask(read)
                if status == "HIT":
                    return data


@pytest.fixture(params=["memory", "redis"])
async def cached_resources(
    request: pytest.FixtureRequest, database_url: URL, tmp_path: Path
) -> AsyncIterator[Resources]:
    """Everything a server process holds, with a cache of its own or in Redis."""
    with ExitStack() as stack:
        more: dict[str, Any] = {}
        if request.param == "redis":
            url = stack.enter_context(valkey_server()).url
            more = {"enable_redis_cache": True, "redis_url": SecretStr(url)}
        settings = Settings(
            database_url=SecretStr(database_url.render_as_string(hide_password=False)),
            data_dir=tmp_path,
            database_pool_size=5,
            database_max_overflow=20,
            log_level="error",
            **more,
        )
        async with open_resources(settings, with_cache=True) as opened:
            yield opened


@pytest.fixture
async def app(cached_resources: Resources) -> AsyncIterator[App]:
    """The application with its cache, beside graph-core without one."""
    transport = httpx.ASGITransport(both_executors(cached_resources))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield App(cached_resources, http)


@pytest.fixture
async def world(app: App) -> World:
    """What there is before a write."""
    database, editor = app.resources.database, app.client(Role.EDITOR)
    acme, beta, gamma, closed = [
        await make_company(database, name=name, domain=f"{name}.com")
        for name in ("acme", "beta", "gamma", "closed")
    ]

    async def contact(name: str, company: CompanyRow) -> ContactRow:
        return await make_contact(
            database,
            first_name=name,
            emails=(f"{name}@acme.com",),
            stage="COLD",
            tags=["old"],
            company_id=id_of(company),
        )

    ada, bob, rob, kim, tim, gone = [
        await contact(name, acme) for name in ("ada", "bob", "rob", "kim", "tim", "gone")
    ]
    eve = await contact("eve", gamma)
    merged = await merge(editor, kim, tim)
    await editor.query(MUTATIONS["deleteContact"], input={"id": id_of(gone)})
    await editor.query(MUTATIONS["deleteCompany"], input={"id": id_of(closed)})
    undoable = merged["merge"]["id"]
    return World(ada, (bob, rob), undoable, gone, eve, acme, beta, gamma, closed)


def reads_of(world: World) -> dict[str, str]:
    """Every kind of read, of the records that are written to."""
    ada, acme, beta = id_of(world.ada), id_of(world.acme), id_of(world.beta)
    return {
        "detail": f'{{ contact(id: "{ada}") {{ {_CONTACT} emails {{ address }} }} }}',
        "node": f'{{ node(id: "{ada}") {{ ... on Contact {{ {_CONTACT} }} }} }}',
        "list": f"{{ contacts {{ nodes {{ {_CONTACT} }} {_PAGE} }} }}",
        "name of its company": f'{{ contact(id: "{ada}") {{ companyName updatedAt }} }}',
        "names of companies": "{ contacts { nodes { companyName } } }",
        "list by name of company": '{ contacts(filter: {companyName: {eq: "acme"}}) {'
        " nodes { id } totalCount } }",
        "list in order of company": "{ contacts(orderBy: [{field: COMPANY_NAME}, "
        "{field: EMPLOYEES_COUNT}]) { nodes { id } pageInfo { endCursor } } }",
        "largest company": "{ contactAggregate { nodes { max { companyEmployeesCount } } } }",
        "filtered list": _contacts('stage: {eq: "COLD"}'),
        "empty list": _contacts('title: {eq: "Chief"}'),
        "list by tag": _contacts('tags: {anyOf: ["new"]}'),
        "list by company": _contacts('company: {stage: {eq: "WARM"}}'),
        "search": _contacts('search: "chief"'),
        "count": '{ contactsCount(filter: {title: {eq: "Chief"}}) { count } }',
        "count of all": "{ contactsCount { count } }",
        "aggregate": "{ contactAggregate(groupBy: [COMPANY]) { nodes { keys { company { name } }"
        " count } } }",
        "company": f'{{ company(id: "{acme}") {{ {_COMPANY} }} }}',
        "company node": f'{{ node(id: "{acme}") {{ ... on Company {{ {_COMPANY} }} }} }}',
        "its contacts": _with_contacts(acme),
        "contacts of the other": _with_contacts(beta),
        "companies": f"{{ companies {{ nodes {{ {_COMPANY} }} {_PAGE} }} }}",
        "companies with contacts": "{ companies { nodes { name contacts(first: 9) {"
        " nodes { id title } } } } }",
        "companies by contacts": _companies('hasContactsWith: {title: {eq: "Chief"}}'),
        "filtered companies": _companies("stage: {isNull: true}"),
        "empty companies": _companies('stage: {eq: "WARM"}'),
        "companies found": _companies('search: "acme"'),
        "count of companies": '{ companiesCount(filter: {stage: {eq: "WARM"}}) { count } }',
        "company aggregate": "{ companyAggregate { nodes { count } } }",
    }


def _contacts(filter: str) -> str:
    return f"{{ contacts(filter: {{{filter}}}) {{ nodes {{ {_CONTACT} }} {_PAGE} }} }}"


def _companies(filter: str) -> str:
    return f"{{ companies(filter: {{{filter}}}) {{ nodes {{ {_COMPANY} }} {_PAGE} }} }}"


def _with_contacts(company: str) -> str:
    return (
        f'{{ company(id: "{company}") {{ contactCount'
        " contacts(first: 9) { nodes { id title } totalCount } } }"
    )


def bystanders_of(world: World) -> dict[str, str]:
    """Reads of records that nobody writes to, and that show no other record."""
    return {
        "contact": f'{{ contact(id: "{id_of(world.eve)}") {{ fullName title }} }}',
        "company": f'{{ company(id: "{id_of(world.gamma)}") {{ name domain }} }}',
    }


@dataclass(frozen=True)
class Write:
    """One way to write.

    Attributes:
        do: Does it, as an admin, who may do everything.
        shows: A read that must show it; the others show what they show.
        spares: The bystanders that are kept.
    """

    do: Callable[[World, Client, Database], Awaitable[object]]
    shows: str
    spares: tuple[str, ...] = ("contact", "company")


def mutation(name: str, given: Callable[[World], dict[str, Any]]) -> Any:
    """Does a mutation of one record."""

    async def do(world: World, client: Client, _database: Database) -> None:
        payload = (await client.query(MUTATIONS[name], input=given(world)))[name]
        assert payload["userErrors"] == []

    return do


def bulk(name: str, given: Callable[[World], dict[str, Any]]) -> Any:
    """Does a mutation of many records."""

    async def do(world: World, client: Client, _database: Database) -> None:
        assert (await run_bulk(client, name, **given(world)))["counts"]["failed"] == 0

    return do


async def merge_twins(world: World, client: Client, _database: Database) -> None:
    assert (await merge(client, *world.twins))["userErrors"] == []


async def undo_merge(world: World, client: Client, _database: Database) -> None:
    assert (await undo(client, world.merge))["userErrors"] == []


async def erase_ada(world: World, client: Client, _database: Database) -> None:
    assert (await erase(client, id_of(world.ada)))[0]["status"] == "ERASED"


async def load_contacts(_world: World, _client: Client, database: Database) -> None:
    changed = staged_contact(1, "ada@acme.com", title="Chief")
    await load(database, changed, staged_contact(2, "new@acme.com", first_name="New"))


async def load_companies(_world: World, _client: Client, database: Database) -> None:
    changed = staged_company(1, name="acme", domain="acme.com", stage="WARM")
    await load_employers(database, changed, staged_company(2, name="New", domain="new.com"))


def two(world: World) -> list[str]:
    return [id_of(world.ada), id_of(world.twins[0])]


CHIEF = {"title": "Chief", "stage": "HOT"}
WRITES = {
    "create": Write(
        mutation(
            "createContact",
            lambda world: {"firstName": "New", "companyId": id_of(world.beta), **CHIEF},
        ),
        "empty list",
    ),
    "update": Write(
        mutation("updateContact", lambda world: {"id": id_of(world.ada), **CHIEF}), "detail"
    ),
    "move": Write(
        mutation(
            "updateContact",
            lambda world: {"id": id_of(world.ada), "companyId": id_of(world.beta)},
        ),
        "its contacts",
    ),
    "delete": Write(mutation("deleteContact", lambda world: {"id": id_of(world.ada)}), "node"),
    "restore": Write(
        mutation("restoreContact", lambda world: {"id": id_of(world.gone)}), "its contacts"
    ),
    "merge": Write(merge_twins, "count of all"),
    "undo of a merge": Write(undo_merge, "filtered list"),
    "bulk upsert": Write(
        bulk(
            "upsertContacts",
            lambda _world: {
                "onConflict": "OVERWRITE",
                "rows": [
                    {"emails": [{"address": f"{name}@acme.com"}], "firstName": name, **CHIEF}
                    for name in ("ada", "new")
                ],
            },
        ),
        "search",
    ),
    "bulk update": Write(
        bulk(
            "updateContacts",
            lambda world: {"ids": two(world), "set": {**CHIEF, "companyId": id_of(world.beta)}},
        ),
        "contacts of the other",
    ),
    "bulk delete": Write(bulk("deleteContacts", lambda world: {"ids": two(world)}), "aggregate"),
    "tag": Write(
        bulk("tagContacts", lambda world: {"ids": two(world), "add": ["new"]}), "list by tag"
    ),
    "erase": Write(erase_ada, "count of all"),
    "load": Write(load_contacts, "companies by contacts", spares=("company",)),
    "create a company": Write(
        mutation("createCompany", lambda _world: {"name": "New", "stage": "WARM"}),
        "empty companies",
    ),
    "update a company": Write(
        mutation("updateCompany", lambda world: {"id": id_of(world.acme), "stage": "WARM"}),
        "list by company",
    ),
    "rename a company": Write(
        mutation("updateCompany", lambda world: {"id": id_of(world.acme), "name": "Neu"}),
        "list by name of company",
    ),
    "grow a company": Write(
        mutation("updateCompany", lambda world: {"id": id_of(world.acme), "employeesCount": 9}),
        "largest company",
    ),
    "delete a company": Write(
        mutation("deleteCompany", lambda world: {"id": id_of(world.acme)}), "company node"
    ),
    "restore a company": Write(
        mutation("restoreCompany", lambda world: {"id": id_of(world.closed)}), "companies"
    ),
    "bulk upsert of companies": Write(
        bulk(
            "upsertCompanies",
            lambda _world: {
                "onConflict": "OVERWRITE",
                "rows": [
                    {"name": name, "domain": f"{name}.com", "stage": "WARM"}
                    for name in ("acme", "new")
                ],
            },
        ),
        "count of companies",
    ),
    "bulk update of companies": Write(
        bulk(
            "updateCompanies",
            lambda world: {"ids": [id_of(world.acme)], "set": {"stage": "WARM"}},
        ),
        "filtered companies",
    ),
    "bulk delete of companies": Write(
        bulk("deleteCompanies", lambda world: {"ids": [id_of(world.acme)]}), "company aggregate"
    ),
    "load of companies": Write(load_companies, "companies found", spares=("contact",)),
}


@pytest.mark.parametrize("name", WRITES)
async def test_what_was_kept_shows_every_write(app: App, world: World, name: str) -> None:
    """All reads are kept; after the write each shows it, and what it did not touch is kept."""
    write, visitor = WRITES[name], Visitor(app)
    reads, bystanders = reads_of(world), bystanders_of(world)
    before = {read: await visitor.keep(query) for read, query in reads.items()}
    for query in bystanders.values():
        await visitor.keep(query)
    await write.do(world, app.client(Role.ADMIN), app.resources.database)
    after = {read: (await visitor.ask(query))[1] for read, query in reads.items()}
    assert after[write.shows] != before[write.shows]
    spared = {read: (await visitor.ask(query))[0] for read, query in bystanders.items()}
    assert {read for read, status in spared.items() if status == "HIT"} == set(write.spares)
