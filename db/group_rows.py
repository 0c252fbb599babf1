"""The rows of groups: the same page of each of many groups, found by the keys of the groups.

Groups become parents of their rows, so that the pages of many parents in `db.paging` serve them.
The conditions are those that indexes serve. A missing key is looked for by another one than a key,
so groups that lack the same keys are a statement together.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy import BigInteger, ColumnElement, Table, bindparam, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import Grouping as Parenthesized
from sqlalchemy.types import TypeEngine

from db.aggregates import Groupable, Grouping
from db.entities import Entity
from db.filter_shapes import Shape, split_filter
from db.filters import build_condition
from db.paging import list_pages_of_parents, parents_with_rows_behind
from db.rows import Row
from db.sources import Source
from db.transaction import ReadSession
from domain.filters import Filter
from domain.paging import Page, PageRequest

R = TypeVar("R", bound=Row)
T = TypeVar("T")

_GROUP: Final = "_group"
# What `db.keyset` calls the parent whose rows it reads.
_PARENT: Final = literal_column("parents.id", BigInteger)

_Keys = dict[str, object]

# An index finds the rows of one key, of which those with all keys may be a small part.
_FEW_OF_ONE_KEY: Final = 1000
_FEW_OF_MANY_KEYS: Final = 100


@dataclass(frozen=True, eq=False)
class Groups(Generic[R]):
    """The groups of a page, so that their rows can be read.

    Attributes:
        filter_: What the groups were made of.
        keys: The keys of each group in the order of the dimensions, None where it has none.
        counts: How many rows each group has.
    """

    grouping: Grouping[R]
    filter_: Filter | None
    keys: Sequence[tuple[Any, ...]]
    counts: Sequence[int]

    def pattern(self, place: int) -> "_Pattern":
        """What decides how the rows of a group are found."""
        keys = self.keys[place]
        few = self.counts[place] <= (_FEW_OF_ONE_KEY if len(keys) == 1 else _FEW_OF_MANY_KEYS)
        return _Pattern(tuple(key is None for key in keys), few)


@dataclass(frozen=True)
class _Pattern:
    """How the rows of a group are found.

    Attributes:
        missing: Which keys the group lacks.
        few: They are gathered by an index of the keys and then ordered. Many are met soon on the
            way along an index of the order.
    """

    missing: tuple[bool, ...]
    few: bool


async def list_rows_of_groups(
    session: ReadSession, groups: Groups[R], places: Sequence[int], *, request: PageRequest
) -> list[Page[R]]:
    """The same page of each group, in the order of their places on the page of groups."""

    async def read(entity: Entity[R], parents: list[int], keys: _Keys) -> list[Page[R]]:
        return await list_pages_of_parents(
            session, entity, request, groups.filter_, parent=_GROUP, parent_ids=parents, also=keys
        )

    return await _by_pattern(groups, places, read)


async def groups_with_rows_behind(
    session: ReadSession, groups: Groups[R], places: Sequence[int], *, request: PageRequest
) -> list[bool]:
    """Whether each group has rows on the other side of the request's cursor, its own included."""

    async def read(entity: Entity[R], parents: list[int], keys: _Keys) -> list[bool]:
        return await parents_with_rows_behind(
            session, entity, request, groups.filter_, parent=_GROUP, parent_ids=parents, also=keys
        )

    return await _by_pattern(groups, places, read)


async def _by_pattern(
    groups: Groups[R],
    places: Sequence[int],
    read: Callable[[Entity[R], list[int], _Keys], Awaitable[list[T]]],
) -> list[T]:
    """What is read of each group; those that lack the same keys go together."""
    shape, _ = split_filter(groups.filter_)
    patterns: defaultdict[_Pattern, list[int]] = defaultdict(list)
    for place in places:
        patterns[groups.pattern(place)].append(place)
    found: dict[int, T] = {}
    for pattern, members in patterns.items():
        columns = zip(*(groups.keys[place] for place in members), strict=True)
        keys: _Keys = {f"g{at}": list(column) for at, column in enumerate(columns)}
        entity = _rows_of_group(groups.grouping.of, groups.grouping.group_by, pattern, shape)
        parents = list(range(1, len(members) + 1))
        found |= zip(members, await read(entity, parents, keys), strict=True)
    return [found[place] for place in places]


@lru_cache(maxsize=256)
def _rows_of_group(
    of: Groupable[R], group_by: tuple[Any, ...], pattern: _Pattern, shape: Shape
) -> Entity[R]:
    """The records of the group that is the parent; parameters: g0, g1, …, the keys of all."""
    table = of.entity.table
    source = Source(table)
    conditions = []
    for at, (name, is_missing) in enumerate(zip(group_by, pattern.missing, strict=True)):
        dimension = of.dimensions[name]
        if is_missing:
            conditions.append(dimension.missing(source))
        else:
            has_key = dimension.found if pattern.few else dimension.holds
            conditions.append(has_key(source, _key_of_parent(at, dimension.key.type)))
    rows = select(*table.c, _PARENT.label(_GROUP)).select_from(source.joined).where(*conditions)
    if pattern.few:
        # Fenced off with all that narrows them, so that no scan along the order looks for them.
        rows = rows.where(table.c.deleted_at.is_(None), build_condition(shape, table))
        rows = rows.offset(literal_column("0"))
    # Lists ask a table for its columns alone, which these rows have.
    return replace(of.entity, table=cast("Table", rows.subquery("grouped")))


def _key_of_parent(at: int, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    # Taken from an array by the place, so that each parent is one value to search an index for.
    keys = Parenthesized(bindparam(f"g{at}", type_=ARRAY(kind)))
    key: ColumnElement[Any] = keys[_PARENT]
    return key
