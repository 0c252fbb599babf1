"""What a cached answer depends on, held against the tables that its statements name."""

import re
from typing import Final

from cache.keys import Key
from cache.tags import Entity, any_of, contacts_of, one
from db.columns import metadata
from db.reach import COPIED
from graph.caching import OWNERS
from graph.documents import Documents
from graph.execution.plan import OperationPlan
from graph.execution.plans import Plans
from graph.schema import core_schema
from tests.graph.cached import CachedApp

SCHEMA = core_schema()
DOCUMENTS, PLANS = Documents(SCHEMA), Plans()
OF_RECORDS: Final = {any_of(Entity.CONTACT): "contacts", any_of(Entity.COMPANY): "companies"}
OF_CONTACTS: Final = {name for name, owner in OWNERS.items() if owner is Entity.CONTACT}

_WORD: Final = re.compile(r"\b[a-z_]+\b")


def key_of(query: str) -> Key | None:
    """What the one field of a query is kept under; None when it is not kept."""
    planned = PLANS.get(DOCUMENTS.get(query).operations[0])
    variables = planned.variables.coerce({})
    assert not isinstance(variables, list)
    plan = planned.plan(variables)
    assert isinstance(plan, OperationPlan)
    (field,) = plan.root.slots
    return None if field.kept is None else field.kept.key(variables)


def tables_in(statements: tuple[str, ...]) -> set[str]:
    """The tables that statements name."""
    return {word for sql in statements for word in _WORD.findall(sql)} & set(metadata.tables)


def copies_in(statements: tuple[str, ...]) -> set[str]:
    """The columns they name that hold what is in another table."""
    words = {word for sql in statements for word in _WORD.findall(sql)}
    # The text of companies that is searched is their own.
    return words & set(COPIED["contacts"]) - {"search_text"}


async def assert_covered(
    populated: CachedApp, query: str, *, reads_whole_rows: bool = False
) -> tuple[set[str], tuple[str, ...]]:
    """Every table that the query reads is one of which its key is told, and no other record is.

    Returns:
        The tables, and the tags.
    """
    answered = await populated.ask(query)
    assert "errors" not in answered.told, answered.told
    key = key_of(query)
    assert key is not None, query
    tables = tables_in(answered.statements)
    assert tables <= set(OWNERS), query
    read = {"contacts" if table in OF_CONTACTS else table for table in tables} - {"users"}
    if copies_in(answered.statements) and not reads_whole_rows:
        read.add("companies")
    told = {OF_RECORDS[tag] for tag in key.tags if tag in OF_RECORDS}
    told |= {"contacts"} & {"contacts" for tag in key.tags if _is_of_own(tag, Entity.CONTACT)}
    told |= {"companies" for tag in key.tags if _is_of_own(tag, Entity.COMPANY)}
    if reads_whole_rows or "search" in query or "RELEVANCE" in query:
        assert read <= told, query
    else:
        assert read == told, query
    return tables, key.tags


def _is_of_own(tag: str, entity: Entity) -> bool:
    """Whether a tag is of the one record, or of the contacts of the one company."""
    if entity is Entity.CONTACT:
        return tag in (one(Entity.CONTACT, 1), contacts_of(2))
    return tag == one(Entity.COMPANY, 2)
