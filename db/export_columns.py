"""The columns that exports can have: what each dotted path names.

A path names a column of the row (`firstName`), of the one row that a relation leads to
(`company.name`), or of all rows of a list (`emails.status`). The name of a list alone is its main
column (`emails`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import Column, Table

from db.relations import COMPANY, EMAILS, METADATA, OWNER, PARENT, PHONES, Relation
from db.tables import companies, contacts
from domain.errors import InvalidInput
from domain.exports import ExportEntity, UnknownColumn
from domain.names import spelled

MAX_COLUMNS: Final = 200

_HIDDEN: Final = frozenset(
    {"id", "contact_id", "company_id", "parent_id", "owner_id", "merged_into_id", "deleted_at"}
    | {"search_text", "email_key", "position", "password_hash"}
    # What a contact holds of its company for sorting; `company.…` has it.
    | {"company_employees_count", "company_annual_revenue"}
)
_OF_USERS: Final = ("uuid", "email", "name")
_MOST_SUGGESTED: Final = 3


class Reach(Enum):
    """Which rows a column is read from."""

    OWN = auto()
    ONE = auto()
    FIRST = auto()
    MANY = auto()


@dataclass(frozen=True)
class ExportColumn:
    """A column that can be exported.

    Attributes:
        path: As clients write it.
        via: The relation that leads to its rows; None for the row's own columns.
    """

    path: str
    column: Column[Any]
    reach: Reach = Reach.OWN
    via: Relation | None = None

    @property
    def relation(self) -> Relation:
        """What leads to its rows; of the row's own there is none to ask for."""
        return cast("Relation", self.via)

    @property
    def is_whole_list(self) -> bool:
        """Whether it stands for a list by the list's own name."""
        return self.reach is Reach.MANY and "." not in self.path


@cache
def export_columns(entity: ExportEntity) -> Mapping[str, ExportColumn]:
    """All columns of an entity, by path."""
    return {column.path: column for column in _COLUMNS[entity]()}


def column_names(entity: ExportEntity) -> tuple[str, ...]:
    """The paths of all columns of an entity."""
    return tuple(export_columns(entity))


def check_columns(entity: ExportEntity, paths: Sequence[str]) -> None:
    """Refuse columns that cannot be exported together.

    Raises:
        UnknownColumn: There is no such column; the nearest ones are named.
        InvalidInput: There is none at all, one twice, or a list beside its parts.
    """
    if not paths:
        raise InvalidInput("columns is empty. Leave it out, or name a column.")
    if len(paths) > MAX_COLUMNS:
        raise InvalidInput(f"columns names {len(paths)}; at most {MAX_COLUMNS} fit.")
    known, seen = export_columns(entity), set[str]()
    for path in paths:
        if path not in known:
            raise _unknown(entity, path)
        if path in seen:
            raise InvalidInput(f"columns names {path} twice.", column=path)
        seen.add(path)
    for path in paths:
        if (whole := path.partition(".")[0]) != path and whole in seen:
            raise InvalidInput(f"columns names {whole} and {path}. Choose one.", column=path)


def _unknown(entity: ExportEntity, path: str) -> UnknownColumn:
    names = column_names(entity)
    near = [name for name in names if name.startswith(f"{path}.")]
    near = near or get_close_matches(path, names, _MOST_SUGGESTED)
    hint = f" Did you mean {', '.join(near[:_MOST_SUGGESTED])}?" if near else ""
    message = f"{entity.lower()} have no column {path}.{hint}"
    return UnknownColumn(message, column=path, allowed=list(names))


def _of_contacts() -> Iterator[ExportColumn]:
    yield from _shown(contacts)
    yield from _shown(METADATA.table, via=METADATA)
    yield ExportColumn("phone", PHONES.table.c.number, Reach.FIRST, PHONES)
    yield from _shown(companies, prefix="company.", via=COMPANY)
    yield from _shown(OWNER.table, prefix="owner.", via=OWNER, only=_OF_USERS)
    for name, relation, main in (("emails", EMAILS, "address"), ("phones", PHONES, "number")):
        yield ExportColumn(name, relation.table.c[main], Reach.MANY, relation)
        yield from _shown(relation.table, prefix=f"{name}.", via=relation, reach=Reach.MANY)


def _of_companies() -> Iterator[ExportColumn]:
    yield from _shown(companies)
    yield from _shown(companies, prefix="parent.", via=PARENT)
    yield from _shown(OWNER.table, prefix="owner.", via=OWNER, only=_OF_USERS)


def _shown(
    table: Table,
    *,
    prefix: str = "",
    via: Relation | None = None,
    reach: Reach = Reach.ONE,
    only: Sequence[str] = (),
) -> Iterator[ExportColumn]:
    for column in table.c:
        if column.name not in _HIDDEN and (not only or column.name in only):
            path = f"{prefix}{spelled(column.name)}"
            yield ExportColumn(path, column, Reach.OWN if via is None else reach, via)


_COLUMNS: Final = {
    ExportEntity.CONTACTS: _of_contacts,
    ExportEntity.COMPANIES: _of_companies,
}
