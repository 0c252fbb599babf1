"""What a filter means, said in Python over plain rows: the other opinion on `db.filters`.

It follows the contract of the filter inputs alone: a comparison with a missing value is false,
`notEq`, `notIn` and `not` are its exact opposite.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from domain.absent import given
from domain.filters import CompanyFilter, ContactFilter, Filter, StringFilter
from domain.node_ids import NodeKind, encode_node_id

Row = Mapping[str, Any]
Companies = Mapping[int, Row]

_NODES: Final = {
    (ContactFilter, "id"): NodeKind.CONTACT,
    (ContactFilter, "company_id"): NodeKind.COMPANY,
    (CompanyFilter, "id"): NodeKind.COMPANY,
}
_COLUMNS: Final[Mapping[tuple[type[Filter], str], str]] = {(ContactFilter, "name"): "full_name"}

OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda value, operand: value == operand,
    "not_eq": lambda value, operand: value != operand,
    "in_": lambda value, operand: value in operand,
    "not_in": lambda value, operand: value not in operand,
    "contains": lambda value, operand: operand in value,
    "starts_with": lambda value, operand: value.startswith(operand),
    "ends_with": lambda value, operand: value.endswith(operand),
    "gt": lambda value, operand: value > operand,
    "gte": lambda value, operand: value >= operand,
    "lt": lambda value, operand: value < operand,
    "lte": lambda value, operand: value <= operand,
    "between": lambda value, operand: operand.from_ <= value <= operand.to,
    "any_of": lambda value, operand: bool(set(value) & set(operand)),
    "all_of": lambda value, operand: set(operand) <= set(value),
    "none_of": lambda value, operand: not set(value) & set(operand),
    "is_empty": lambda value, operand: (not value) is operand,
}
_TRUE_OF_NOTHING: Final = frozenset({"not_eq", "not_in"})


def matches(filter_: Filter, row: Row, companies: Companies) -> bool:
    """Whether a live row is one that the filter asks for.

    Args:
        companies: The live companies by id.
    """
    return all(
        _part_holds(type(filter_), name, value, row, companies)
        for name, value in given_fields(filter_)
    )


def given_fields(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a filter that were not left out."""
    for item in fields(value):
        if given(operand := getattr(value, item.name)):
            yield item.name, operand


def filtered_value(kind: type[Filter], name: str, row: Row) -> Any:
    """What a filter field compares of a row."""
    value = row[_COLUMNS.get((kind, name), name)]
    node = _NODES.get((kind, name))
    return value if value is None or node is None else encode_node_id(node, value)


def _part_holds(kind: type[Filter], name: str, value: Any, row: Row, companies: Companies) -> bool:
    if name == "and_":
        return all(matches(part, row, companies) for part in value)
    if name == "or_":
        return any(matches(part, row, companies) for part in value)
    if name == "not_":
        return not matches(value, row, companies)
    if isinstance(value, CompanyFilter):
        company = companies.get(row["company_id"])
        return company is not None and matches(value, company, companies)
    compared = filtered_value(kind, name, row)
    caseless = isinstance(value, StringFilter) and not value.case_sensitive
    return all(
        _holds(operator, compared, operand, caseless=caseless)
        for operator, operand in given_fields(value)
        if operator != "case_sensitive"
    )


def _holds(operator: str, value: Any, operand: Any, *, caseless: bool) -> bool:
    if operator == "is_null":
        return (value is None) is operand
    if value is None:
        return operator in _TRUE_OF_NOTHING
    if caseless:
        value = value.lower()
        operand = operand.lower() if isinstance(operand, str) else [o.lower() for o in operand]
    return OPERATORS[operator](value, operand)
