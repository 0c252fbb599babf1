"""Selections in SQL: the columns that are wanted, and a join for each relation to one row.

The columns of the row itself have their own names in a result, those of a relation stand under its
path: `company.name`, `company.owner.email`. A relation brings the column that is NULL when it leads
to no row: `company.id`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

import asyncpg
from sqlalchemy import ColumnElement, FromClause, Select, Table, select

from db.entities import Entity
from db.relations import COMPANY, METADATA, OWNER, PARENT, Relation
from db.rows import Row
from db.tables import companies, contact_metadata, contacts, users
from domain.node_ids import NodeKind
from domain.selection import Selection

R = TypeVar("R", bound=Row)

_TO_ONE: Final[Mapping[str, Mapping[str, Relation]]] = {
    "contacts": {"company": COMPANY, "owner": OWNER, "metadata": METADATA},
    "companies": {"parent": PARENT, "owner": OWNER},
    "users": {},
    "contact_metadata": {},
}
_OF_KIND: Final = {NodeKind.CONTACT: "contacts", NodeKind.COMPANY: "companies"}
_NOT_SELECTED: Final = frozenset({"search_text", "password_hash"})


@dataclass(frozen=True)
class RowSource:
    """What can be selected of a kind of row.

    Attributes:
        key: The column that no row lacks, and that tells after a join whether there is one.
        columns: Their names.
        required: Those that are never NULL.
        relations: Which rows a relation to one row leads to, by the name in `SOURCES`.
    """

    key: str
    columns: frozenset[str]
    required: frozenset[str]
    relations: Mapping[str, str]


def _source(table: Table) -> RowSource:
    (key,) = table.primary_key.columns
    columns = [column for column in table.c if column.name not in _NOT_SELECTED]
    return RowSource(
        key.name,
        frozenset(column.name for column in columns),
        frozenset(column.name for column in columns if not column.nullable),
        {name: relation.table.name for name, relation in _TO_ONE[table.name].items()},
    )


SOURCES: Final[Mapping[str, RowSource]] = {
    table.name: _source(table) for table in (contacts, companies, users, contact_metadata)
}


def row_class(entity: Entity[R], selection: Selection | None) -> type[R]:
    """What the rows of a statement are: of their table's class when they can stand for its rows.

    A selected row is read by the names of its columns alone. It is a plain record, which asyncpg
    makes and Python reads a third faster than one of a class of ours.
    """
    is_whole = selection is None or selection.whole
    return entity.row if is_whole else cast("type[R]", asyncpg.Record)


def own_columns(entity: Entity[Any], selection: Selection) -> tuple[str, ...]:
    """The columns of the row itself that are shown: those selected, and its id.

    Raises:
        KeyError: It has no such column.
    """
    return _columns(_OF_KIND[entity.kind], selection)


def foreign_keys(entity: Entity[Any], selection: Selection) -> tuple[str, ...]:
    """The columns of the row itself that the relations are joined by.

    Raises:
        KeyError: It has no such relation.
    """
    relations = _TO_ONE[_OF_KIND[entity.kind]]
    return tuple(relations[name].own for name, _ in selection.to_one)


def join_relations(
    rows: FromClause,
    entity: Entity[Any],
    selection: Selection,
    own: Callable[[str], ColumnElement[Any]],
) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """The rows with a join for each relation, and the columns that are selected of all relations.

    Args:
        own: Gives a column of the rows by its name.

    Raises:
        KeyError: There is no such column or relation.
    """
    return _join(rows, _OF_KIND[entity.kind], selection, own, "")


def select_rows(entity: Entity[Any], selection: Selection | None) -> Select[Any]:
    """All rows of an entity with what is selected of them; without a selection all that lists show.

    Raises:
        KeyError: There is no such column or relation.
    """
    table = entity.table
    if selection is None:
        return select(*(table.c[name] for name in entity.columns))
    own = [table.c[name] for name in own_columns(entity, selection)]
    joined, related = join_relations(table, entity, selection, table.c.__getitem__)
    return select(*own, *related).select_from(joined)


def _join(
    rows: FromClause,
    source: str,
    selection: Selection,
    own: Callable[[str], ColumnElement[Any]],
    path: str,
) -> tuple[FromClause, list[ColumnElement[Any]]]:
    columns: list[ColumnElement[Any]] = []
    for name, wanted in selection.to_one:
        relation, place = _TO_ONE[source][name], f"{path}{name}"
        target, other = relation.table.name, _alias(relation.table, place)
        rows = rows.outerjoin(other, relation.holds(other, own(relation.own)))
        columns += [other.c[key].label(f"{place}.{key}") for key in _columns(target, wanted)]
        rows, deeper = _join(rows, target, wanted, other.c.__getitem__, f"{place}.")
        columns += deeper
    return rows, columns


@lru_cache(maxsize=128)
def _alias(table: Table, place: str) -> FromClause:
    # Kept, because a proxy for each of the columns is half of what building a statement takes.
    return table.alias(place)


def _columns(name: str, selection: Selection) -> tuple[str, ...]:
    source = SOURCES[name]
    for column in selection.columns:
        if column not in source.columns:
            raise KeyError(column)
    return tuple(dict.fromkeys((source.key, *selection.columns)))
