"""The conditions of filters that hold or do not: has a phone, is a duplicate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    any_,
    exists,
    func,
    not_,
    or_,
    select,
    union_all,
)

from db.relations import METADATA, PHONES, Relation
from db.tables import contacts

Condition = Callable[[FromClause], ColumnElement[bool]]


@dataclass(frozen=True)
class Flag:
    """A condition that is never unknown, in the forms that PostgreSQL plans best.

    Attributes:
        holds: The condition over a table or its alias.
        fails: Its exact opposite.
    """

    holds: Condition
    fails: Condition


def _flag(holds: Condition) -> Flag:
    return Flag(holds, lambda table: not_(holds(table)))


def _has_linkedin(contact: FromClause) -> ColumnElement[bool]:
    metadata, rows = METADATA.rows(contact)
    return exists(rows.where(metadata.c.linkedin_url.is_not(None)))


def _is_duplicate(contact: FromClause) -> ColumnElement[bool]:
    """One of all contacts that share a profile, or a number and the family name.

    Duplicates may be rare, so looking at one contact after the other could go on to the last. All
    are found at once instead, starting from the values that occur twice. The arrays keep the
    planner from joining whole tables: it cannot know that few values do, and guesses a third.
    """
    everyone = union_all(
        _sharing(METADATA, "linkedin_url"),
        _sharing(PHONES, "e164", func.lower(contacts.c.last_name)),
    )
    found = func.array(everyone.scalar_subquery())
    return contact.c.id.in_(select(func.unnest(found)))


def _sharing(relation: Relation, value: str, *same: ColumnElement[Any]) -> Select[Any]:
    """The live contacts of which another one has the same value, and agrees in the rest."""
    rows, every = relation.table.alias(), relation.table.alias()
    owner = rows.c[relation.key]
    twice = (
        select(every.c[value])
        .where(every.c[value].is_not(None))
        .group_by(every.c[value])
        .having(func.count() > 1)
    )
    return (
        select(func.unnest(func.array_agg(owner)))
        .select_from(rows.join(contacts, contacts.c.id == owner))
        .where(
            rows.c[value] == any_(func.array(twice.scalar_subquery())),
            contacts.c.deleted_at.is_(None),
            *(part.is_not(None) for part in same),
        )
        .group_by(rows.c[value], *same)
        .having(func.min(owner) < func.max(owner))
    )


def _is_no_duplicate(contact: FromClause) -> ColumnElement[bool]:
    """No other contact: nearly all pass, so one after the other finds them soon.

    The two conditions stay inside one NOT, which PostgreSQL looks up row by row; side by side they
    would be joins of whole tables.
    """
    _, profiles = _others(contact, METADATA, "linkedin_url")
    other, numbers = _others(contact, PHONES, "e164")
    named_alike = func.lower(other.c.last_name) == func.lower(contact.c.last_name)
    return not_(or_(exists(profiles), exists(numbers.where(named_alike))))


def _others(contact: FromClause, relation: Relation, value: str) -> tuple[FromClause, Select[Any]]:
    """The other live contacts with the same value."""
    mine, rows = relation.rows(contact)
    theirs, other = relation.table.alias(), contacts.alias()
    return other, rows.where(
        theirs.c[value] == mine.c[value],
        other.c.id == theirs.c[relation.key],
        other.c.id != contact.c.id,
        other.c.deleted_at.is_(None),
    )


HAS_EMAIL: Final = _flag(lambda contact: contact.c.email_key.is_not(None))
HAS_PHONE: Final = _flag(lambda contact: exists(PHONES.rows(contact)[1]))
HAS_LINKEDIN: Final = _flag(_has_linkedin)
IS_DUPLICATE: Final = Flag(_is_duplicate, _is_no_duplicate)
