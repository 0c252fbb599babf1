"""The pool and the settings of every connection."""

import pytest
from sqlalchemy import QueuePool
from sqlalchemy.engine import URL

from db.engine import normalize_database_url, open_engine
from db.migrate import upgrade
from domain.errors import DatabaseUnavailable


async def test_pool_has_the_size_and_overflow_it_was_given(database_url: URL) -> None:
    """The pool keeps 25 connections and opens 50 more unless told otherwise."""
    async with open_engine(database_url) as engine:
        pool = engine.sync_engine.pool
        assert isinstance(pool, QueuePool)
        assert (pool.size(), pool._max_overflow) == (25, 50)
    async with open_engine(database_url, pool_size=3, max_overflow=4) as engine:
        pool = engine.sync_engine.pool
        assert isinstance(pool, QueuePool)
        assert (pool.size(), pool._max_overflow) == (3, 4)


@pytest.mark.parametrize(
    "text",
    ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"],
)
def test_database_url_is_taken_in_every_usual_form(text: str) -> None:
    """People paste what their provider shows them."""
    url = normalize_database_url(text)
    assert url.render_as_string(hide_password=False) == "postgresql+asyncpg://u:p@h/d"


@pytest.mark.parametrize("text", ["mysql://h/d", "h/d", "", "postgresql"])
def test_address_of_something_else_is_refused(text: str) -> None:
    """Only PostgreSQL is spoken."""
    with pytest.raises(ValueError, match="must look like postgresql://"):
        normalize_database_url(text)


async def test_database_that_does_not_exist_is_told_without_the_drivers_words(
    server_url: URL,
) -> None:
    """A wrong name in DATABASE_URL is an error that says where to look."""
    async with open_engine(server_url.set(database="nowhere")) as engine:
        with pytest.raises(DatabaseUnavailable, match="in DATABASE_URL") as refused:
            await upgrade(engine)
    assert "nowhere" not in refused.value.message
