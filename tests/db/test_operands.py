"""Promises of `db.operands`: what follows from a condition holds wherever the condition holds.

Asked of PostgreSQL under every kind of collation it has: they differ in what `lower` makes of
letters, and a condition that followed under one only would lose rows under the others.
"""

from collections.abc import AsyncIterator
from itertools import product
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine
from db.operands import PARTS, found_anywhere, joined_list, like_pattern, lowered_start

# Letters whose lower case depends on the language, on their neighbours or has another length.
LETTERS: Final = ("I", "i", "İ", "ı", "J", "Σ", "ς", "σ", "ẞ", "ß", "Ǆ", "ﬁ", "K", "Å", "Ж", "𐐀")
TEXTS: Final = tuple(
    "".join(parts)
    for parts in product(("", " ", "A", "ΑΣ"), LETTERS, ("", "\u0307", "Β", "x'", " ", "%_\\"))
)
PIECES: Final = tuple(dict.fromkeys(piece for whole in TEXTS for piece in (whole, *whole)))
COLLATIONS: Final = (
    "C",
    "pg_c_utf8",
    "pg_unicode_fast",
    "C.utf8",
    "und-x-icu",
    "tr-x-icu",
    "lt-x-icu",
)

# The pieces that a text matches, though it does not match what is said to follow.
LOST: Final = """
    SELECT whole, piece, operator
    FROM unnest(
            CAST(:pieces AS text[]), CAST(:operators AS text[]), CAST(:patterns AS text[]),
            CAST(:starts AS text[]), CAST(:found AS text[])
        ) AS asked(piece, operator, pattern, start, found),
        unnest(CAST(:texts AS text[])) AS whole,
        unnest(ARRAY['', 'ΣΑΣ', 'x.']) AS beside,
        concat_ws(' ', btrim(concat_ws(' ', whole, beside)), beside) AS joined
    WHERE {condition} AND NOT (
        lower(joined COLLATE "{collation}") LIKE lower(found COLLATE "{collation}")
        AND (start IS NULL OR lower(whole COLLATE "{collation}") LIKE start)
    )
"""


@pytest.fixture(scope="module")
async def engine(server_url: URL) -> AsyncIterator[AsyncEngine]:
    """An engine on the server, whose tables do not matter."""
    async with open_engine(server_url) as opened:
        yield opened


@pytest.fixture(scope="module")
async def collations(engine: AsyncEngine) -> list[str]:
    """Those of the collations that this server has."""
    sql = "SELECT collname FROM pg_collation WHERE collname = ANY(:names)"
    found = await rows(engine, sql, names=list(COLLATIONS))
    assert len(found) > 1
    return [row[0] for row in found]


async def rows(engine: AsyncEngine, sql: str, **values: Any) -> list[Any]:
    """The rows of a statement."""
    async with engine.connect() as connection:
        return list(await connection.execute(text(sql), values))


async def lost_rows(
    engine: AsyncEngine, collation: str, condition: str, *, exact: bool
) -> list[Any]:
    """Texts that would not be found although the condition holds."""
    asked = list(product(PIECES, sorted(PARTS)))
    return await rows(
        engine,
        LOST.format(condition=condition, collation=collation),
        texts=TEXTS,
        pieces=[piece for piece, _ in asked],
        operators=[operator for _, operator in asked],
        patterns=[like_pattern(operator, piece) for piece, operator in asked],
        starts=[
            lowered_start(piece) if exact and operator == "starts_with" else None
            for piece, operator in asked
        ],
        found=[found_anywhere(piece, exact=exact) for piece, _ in asked],
    )


async def test_texts_are_found_where_capitals_are_told(
    engine: AsyncEngine, collations: list[str]
) -> None:
    """No text that holds a piece is missed by the conditions in lower case."""
    for collation in collations:
        lost = await lost_rows(engine, collation, "whole LIKE pattern", exact=True)
        assert lost == [], collation


async def test_texts_are_found_where_capitals_are_ignored(
    engine: AsyncEngine, collations: list[str]
) -> None:
    """No text that holds a piece in any case is missed in the joined text."""
    for collation in collations:
        condition = f'lower(whole COLLATE "{collation}") LIKE lower(pattern COLLATE "{collation}")'
        lost = await lost_rows(engine, collation, condition, exact=False)
        assert lost == [], collation


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([], id="none"),
        pytest.param([""], id="empty"),
        pytest.param(["", ""], id="empties"),
        pytest.param(["a", "", "NULL", "null", ",", "{}", '"', "\\"], id="quotes"),
        pytest.param(["a\x1f\x1eb", "\x1e", "\x1f", "\x1f\x1e\x1e"], id="separators"),
        pytest.param(list(TEXTS), id="letters"),
    ],
)
async def test_list_is_lowered_item_by_item(
    engine: AsyncEngine, collations: list[str], items: list[str]
) -> None:
    """One text that is lowered and split has the items that lowering each gives."""
    joined, separator = joined_list(items)
    for collation in collations:
        together = await rows(
            engine,
            f'SELECT unnest(string_to_array(lower(:joined COLLATE "{collation}"), :separator))',
            joined=joined,
            separator=separator,
        )
        each = await rows(
            engine,
            f'SELECT lower(item COLLATE "{collation}") FROM unnest(CAST(:items AS text[])) AS item',
            items=items,
        )
        assert {row[0] for row in together} == {row[0] for row in each}, collation
