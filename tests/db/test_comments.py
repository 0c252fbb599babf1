"""Statements bear the name of their operation, and nothing that could be more than a name."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.comments import commented
from db.rows import Row
from db.snapshot import open_snapshot
from db.statements import Statement
from db.transaction import Database
from tests.statements import Statements

OWN_TEXT = Statement(
    text("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND :n = 1"), Row
)
SQL = OWN_TEXT.sql

HOSTILE = (
    "*/ DROP TABLE contacts; --",
    "a' */ SELECT 1 /* '",
    "a/*",
    "a*",
    "a/",
    "a'b",
    "a b",
    "a\n",
    "a\x00",
    "a--b",
    "1a",
    "",
    "é",
    "a\u2044",
    "a" * 101,
    "$1",
    "a%s",
    "a{}",
    "a\\",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_name_that_graphql_does_not_have_is_left_out(name: str) -> None:
    """The statement is sent as it is."""
    assert commented(SQL, lambda: name) == SQL


@pytest.mark.parametrize("name", ["ContactList", "_x", "A1", "a" * 100])
def test_name_of_graphql_stands_at_the_end(name: str) -> None:
    """In a comment."""
    assert commented(SQL, lambda: name) == f"{SQL} /* operation='{name}' */"


async def test_postgresql_is_sent_the_name_and_observers_are_told_the_statement(
    engine: AsyncEngine,
) -> None:
    """In reads, in transactions and in snapshots; what is logged and explained stays clean."""
    statements = Statements()
    database = Database(engine, observers=[statements.observe], comment=lambda: "ContactList")
    expected = f"{SQL} /* operation='ContactList' */"
    async with database.read() as session:
        assert await session.fetch_value(OWN_TEXT, {"n": 1}) == expected
    async with database.write() as tx:
        assert await tx.fetch_value(OWN_TEXT, {"n": 1}) == expected
    async with open_snapshot(database, seconds=5) as snapshot:
        with statements.recorded() as recorded:
            assert await snapshot.fetch_value(OWN_TEXT, {"n": 1}) == expected
    assert recorded == [SQL]


@pytest.mark.parametrize("name", [None, *HOSTILE[:3]])
async def test_statement_without_a_name_is_sent_unchanged(
    engine: AsyncEngine, name: str | None
) -> None:
    """When nothing of GraphQL asks, and when what asks has no name that GraphQL has."""
    database = Database(engine, comment=lambda: name)
    async with database.read() as session:
        assert await session.fetch_value(OWN_TEXT, {"n": 1}) == SQL
    async with Database(engine).read() as session:
        assert await session.fetch_value(OWN_TEXT, {"n": 1}) == SQL
