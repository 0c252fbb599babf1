"""What the arguments of a field make its answer depend on, beyond the rows that the field shows.

The one idea: a filter, an order or a grouping that looks into another table makes the answer depend
on the records there. Which ones do is known to `db.reach`; here the values of a request are walked.
An argument of a kind that is not known here is none that is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any, Final, cast

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    get_named_type,
    is_scalar_type,
)

from cache.tags import Entity
from db.aggregates import GROUPABLE_COMPANIES, GROUPABLE_CONTACTS
from db.reach import reach_of_dimension, reach_of_filter, reach_of_order
from domain.aggregates import CompanyGroupBy, ContactGroupBy, GroupOrder
from domain.filters import CompanyFilter, ContactFilter, RelatedFilter
from domain.paging import CompanyOrder, ContactOrder
from graph.caching import NotKept, records_of

Records = frozenset[Entity]
Reach = Callable[[Any], Records]
"""The kinds of records that a coerced value which is not None makes an answer depend on."""

_PLAIN: Final = frozenset({"Boolean", "ID", "Int", "String"})
_NONE: Final[Records] = frozenset()
_FILTERS: Final = (ContactFilter, CompanyFilter, *RelatedFilter.__args__)


def reach_of(type_: GraphQLInputType) -> Reach | None:
    """What the values of an argument reach; None when there is no value of it that does.

    Raises:
        NotKept: That is not known.
    """
    named = get_named_type(type_)
    if is_scalar_type(named) and named.name in _PLAIN:
        return None
    origin = _origin(named)
    if origin in _FILTERS:
        return partial(_of_filter, cast("GraphQLInputObjectType", named))
    if origin not in _OTHERS:
        raise NotKept(named.name)
    return _OTHERS[origin]


def _origin(type_: Any) -> Any:
    """The class that a type of the schema was made of."""
    definition = type_.extensions.get("strawberry-definition")
    return getattr(definition, "origin", None) or getattr(definition, "wrapped_cls", None)


def _of_filter(type_: GraphQLInputObjectType, value: Mapping[str, Any]) -> Records:
    fields = _fields(type_)
    found: set[Entity] = set()
    for name, operand in value.items():
        records, below = fields[name]
        if records is None:
            raise NotKept(name)
        found |= records
        if below is not None:
            for each in operand if isinstance(operand, list) else [operand]:
                found |= _of_filter(below, each or {})
    return frozenset(found)


@lru_cache(maxsize=64)
def _fields(
    type_: GraphQLInputObjectType,
) -> Mapping[str, tuple[Records | None, GraphQLInputObjectType | None]]:
    """What each field of a filter reaches, None when nobody knows, and the filter that it holds."""
    kind, fields = _origin(type_), {}
    for name, field in type_.fields.items():
        tables = reach_of_filter(kind, field.extensions["strawberry-definition"].python_name)
        named = get_named_type(field.type)
        below = cast("GraphQLInputObjectType", named) if _origin(named) in _FILTERS else None
        fields[name] = (_known(tables or ()), below)
    return fields


def _known(tables: Iterable[str]) -> Records | None:
    try:
        return records_of(tables)
    except NotKept:
        return None


def _of_orders(orders: Iterable[Mapping[str, Any]]) -> Records:
    return _NONE.union(*(records_of(reach_of_order(order["field"])) for order in orders))


def _of_contact_dimensions(dimensions: Iterable[ContactGroupBy]) -> Records:
    return _NONE.union(
        *(records_of(reach_of_dimension(GROUPABLE_CONTACTS, each)) for each in dimensions)
    )


def _of_company_dimensions(dimensions: Iterable[CompanyGroupBy]) -> Records:
    return _NONE.union(
        *(records_of(reach_of_dimension(GROUPABLE_COMPANIES, each)) for each in dimensions)
    )


_OTHERS: Final[Mapping[Any, Reach | None]] = {
    ContactOrder: _of_orders,
    CompanyOrder: _of_orders,
    ContactGroupBy: _of_contact_dimensions,
    CompanyGroupBy: _of_company_dimensions,
    GroupOrder: None,
}
