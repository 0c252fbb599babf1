"""Slow statements: each leaves one line that says who caused it, and no value of anybody."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Float, bindparam, func, select
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from app.monitoring import slow_statement_log
from db.engine import open_engine
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.enums import Role
from domain.errors import InvalidInput, OperationTimeout
from tests.apps import App, open_app
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of

ALL = 1e-6
"""A threshold that every statement passes."""

NEVER = 600.0

SLEEP = Statement(select(func.pg_sleep(bindparam("seconds", type_=Float))), Row)
DIVIDE = Statement(select(1 / bindparam("by", type_=Float)), Row)


@contextmanager
def slow_statements() -> Iterator[list[dict[str, Any]]]:
    """The lines about slow statements, as they reach whoever reads logs."""
    lines: list[dict[str, Any]] = []
    with capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        yield lines
    lines += [dict(entry) for entry in logs if entry["event"] == "slow_statement"]


async def test_slow_statement_is_logged_once_and_a_quick_one_never(engine: AsyncEngine) -> None:
    """From the threshold on there is a line with seconds, rows and text, without the values."""
    database = Database(engine, observers=[slow_statement_log(0.2)])

    async def sleep() -> None:
        async with database.read() as session:
            await session.fetch(SLEEP, {"seconds": 0.25})

    with slow_statements() as logged:
        # Whatever a test before has asked for, no field asks for this.
        await asyncio.create_task(sleep(), context=Context())
    (line,) = logged
    assert line.pop("seconds") >= 0.25
    assert line == {
        "event": "slow_statement",
        "log_level": "warning",
        "rows": 1,
        "cut_off": False,
        "operation": None,
        "path": "",
        "sql": "SELECT pg_sleep($1::FLOAT) AS pg_sleep_1",
    }
    database = Database(engine, observers=[slow_statement_log(NEVER)])
    with slow_statements() as logged:
        async with database.read() as session:
            await session.fetch(SLEEP, {"seconds": 0.0})
    assert logged == []


async def test_statement_that_was_cut_off_is_slow_by_definition(database_url: URL) -> None:
    """What ran into `statement_timeout` is logged even below the threshold."""
    async with open_engine(database_url, statement_timeout_seconds=0.1) as engine:
        database = Database(engine, observers=[slow_statement_log(NEVER)])
        with slow_statements() as logged, pytest.raises(OperationTimeout):
            async with database.read() as session:
                await session.fetch(SLEEP, {"seconds": 60.0})
    (line,) = logged
    assert (line["cut_off"], line["rows"]) == (True, None)


async def test_statement_that_fails_at_once_is_not_slow(engine: AsyncEngine) -> None:
    """A failure is a line only when it took its time."""
    for threshold, lines in ((NEVER, 0), (ALL, 1)):
        database = Database(engine, observers=[slow_statement_log(threshold)])
        with slow_statements() as logged, pytest.raises(InvalidInput):
            async with database.read() as session:
                await session.fetch(DIVIDE, {"by": 0.0})
        assert [(line["rows"], line["cut_off"]) for line in logged] == [(None, False)] * lines


PEOPLE = """
    query People {
      them: contacts { totalCount nodes { ...who } pageInfo { hasPreviousPage } }
      companies {
        nodes {
          staff: contacts(first: 2) { nodes { mail: emails { address } ... on Contact { notes } } }
          heads: contactCount
        }
      }
    }
    fragment who on Contact { employer: company { name } phones { number } company { domain } }
"""
CAUSES = {
    "them",
    "them.totalCount",
    "them.nodes.employer",
    "them.nodes.phones",
    "companies",
    "companies.nodes.staff",
    "companies.nodes.staff.nodes.mail",
    "companies.nodes.staff.nodes.notes",
    "companies.nodes.heads",
}
"""The fields that cause the statements of PEOPLE, under the names the client gave them."""

JOINED = {"them.nodes.employer", "companies.nodes.staff.nodes.notes"}
"""Those whose rows come along with others when the operation is compiled."""


async def populate(app: App) -> None:
    """Two people in each of two companies."""
    for name in ("acme", "engines"):
        company = await make_company(app.resources.database, name=name, domain=f"{name}.com")
        for first_name in ("ada", "bob"):
            await make_contact(
                app.resources.database,
                first_name=first_name,
                emails=(f"{first_name}@{name}.com",),
                company_id=id_of(company),
            )


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.one_executor("each has statements of its own")
async def test_line_names_operation_field_and_request(
    database_url: URL, tmp_path: Path, compiled: bool
) -> None:
    """Through aliases, fragments and nested loaders; a batch of two fields is the first one's."""
    settings: dict[str, Any] = {
        "slow_query_threshold": ALL,
        "enable_compiled_execution": compiled,
    }
    async with open_app(database_url, tmp_path, **settings) as app:
        await populate(app)
        with slow_statements() as logged:
            response = await app.http.post(
                "/graphql",
                json={"query": PEOPLE},
                headers=app.client().headers | {"X-Request-ID": "find-me"},
            )
    assert response.status_code == 200
    causes = CAUSES - JOINED if compiled else CAUSES
    assert sorted(line["path"] for line in logged) == sorted(causes)
    assert {(line["operation"], line["request_id"]) for line in logged} == {("People", "find-me")}
    tables = {line["path"]: line["sql"].partition(" FROM ")[2].split()[0] for line in logged}
    assert tables.get("them.nodes.employer") == (None if compiled else "companies")
    assert tables["them.nodes.phones"] == "contact_phones"
    assert tables["companies.nodes.staff.nodes.mail"] == "contact_emails"


async def test_fields_of_one_level_do_not_take_each_others_names(
    database_url: URL, tmp_path: Path
) -> None:
    """Twenty lists that wait side by side each answer for their own statement."""
    lists = " ".join(
        f"a{at}: contacts(first: 1, offset: {at}) {{ nodes {{ id }} }}" for at in range(20)
    )
    async with open_app(database_url, tmp_path, slow_query_threshold=ALL) as app:
        with slow_statements() as logged:
            await app.client().query(f"{{ {lists} }}")
    assert {line["path"] for line in logged} == {f"a{at}" for at in range(20)}
    assert len(logged) == 20


async def test_mutation_and_its_answer_are_named(database_url: URL, tmp_path: Path) -> None:
    """Statements of the transaction are the mutation's, those of the answer its fields'."""
    document = """mutation Add($input: CreateContactInput!) {
        a: createContact(input: $input) { contact { id emails { address } } }
        b: createCompany(input: {name: "Acme"}) { company { contactCount } }
    }"""
    async with open_app(database_url, tmp_path, slow_query_threshold=ALL) as app:
        with slow_statements() as logged:
            await app.client(Role.EDITOR).query(document, input={"firstName": "Ada"})
    assert {line["path"] for line in logged} == {
        "a",
        "a.contact.emails",
        "b",
        "b.company.contactCount",
    }
    assert {line["operation"] for line in logged} == {"Add"}


async def test_values_are_never_logged(database_url: URL, tmp_path: Path) -> None:
    """Neither what a filter looks for nor what a mutation writes, also when it is refused."""
    create = """mutation ($input: CreateContactInput!) {
        createContact(input: $input) { contact { id } userErrors { code } } }"""
    new = {"firstName": "hunter2", "emails": [{"address": "hunter2@example.com"}]}
    find = """query ($filter: ContactFilter, $email: String!) {
        contacts(filter: $filter) { totalCount nodes { id } }
        other: contacts(filter: {email: {eq: $email}}) { nodes { id } } }"""
    wanted = {"filter": {"firstName": {"contains": "hunter2"}}, "email": "hunter2@example.com"}
    async with open_app(database_url, tmp_path, slow_query_threshold=ALL) as app:
        with slow_statements() as logged:
            await app.client(Role.EDITOR).query(create, input=new)
            await app.client(Role.EDITOR).query(create, input=new)
            found = await app.client().query(find, **wanted)
    assert found["contacts"]["totalCount"] == 1
    texts = [line["sql"] for line in logged]
    assert any(text.startswith("INSERT INTO contact_emails") for text in texts)
    assert any("lower(contacts.first_name) LIKE" in text for text in texts)
    assert "hunter2" not in str(logged)


async def test_nothing_is_said_when_monitoring_is_off(database_url: URL, tmp_path: Path) -> None:
    """ENABLE_QUERY_MONITORING decides whether any is told."""
    settings: dict[str, Any] = {"slow_query_threshold": ALL, "enable_query_monitoring": False}
    async with open_app(database_url, tmp_path, **settings) as app:
        with slow_statements() as logged:
            await app.client().query("{ contacts { nodes { id } } }")
    assert logged == []
