"""Counts through the API: how sure they are, and what is refused."""

import pytest

from db.transaction import Database
from tests.apps import App
from tests.client import Client
from tests.graph.rows import execute
from tests.statements import Statements

WRONG_COUNTS = {
    "limit: 0": "limit is 0; a count stops at 1 row or more.",
    "limit: -1": "limit is -1; a count stops at 1 row or more.",
    "limit: 1, estimate: true": "limit and estimate exclude each other. Leave one of them out.",
}


async def test_counts_say_how_sure_they_are(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """Exact without arguments, at least the limit when there are more, else what is expected."""
    await execute(
        resources_database,
        "INSERT INTO contacts (last_name, title) SELECT 'n', CASE WHEN n % 2 = 0 THEN 'CEO' END"
        " FROM generate_series(1, 10) AS n",
    )
    await execute(
        resources_database, "INSERT INTO companies (name) VALUES ('A'), ('B'), ('C'), ('D')"
    )
    with statements.recorded() as recorded:
        data = await client.query(
            """{ all: contactsCount { count precision }
                 some: contactsCount(filter: {title: {eq: "ceo"}}) { count precision }
                 most: contactsCount(limit: 9) { count precision }
                 fits: contactsCount(limit: 10) { count precision }
                 guess: contactsCount(estimate: true) { precision }
                 companies: companiesCount { count precision }
                 few: companiesCount(filter: {name: {in: ["A", "B"]}}, limit: 1) {
                   count precision } }"""
        )
    assert data == {
        "all": {"count": 10, "precision": "EXACT"},
        "some": {"count": 5, "precision": "EXACT"},
        "most": {"count": 9, "precision": "AT_LEAST"},
        "fits": {"count": 10, "precision": "EXACT"},
        "guess": {"precision": "ESTIMATE"},
        "companies": {"count": 4, "precision": "EXACT"},
        "few": {"count": 1, "precision": "AT_LEAST"},
    }
    assert len(recorded) == len(data)


@pytest.mark.parametrize(("arguments", "message"), WRONG_COUNTS.items())
@pytest.mark.parametrize("field", ["contactsCount", "companiesCount"])
async def test_wrong_arguments_of_counts_are_bad_user_input(
    empty_app: App, field: str, arguments: str, message: str
) -> None:
    """A limit counts something, and an estimate has none."""
    error = await empty_app.client().fail(f"{{ {field}({arguments}) {{ count }} }}")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == message
    assert error["path"] == [field]
