"""What a request wants exported: the parameters of a query, or the fields of a JSON body.

A name that nothing stands for is an error, and so is one given twice: a misspelled condition must
never export everything.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from itertools import chain
from typing import Any, Final

from db.exports import check_export
from domain.absent import given
from domain.errors import InvalidInput
from domain.exports import DEFAULT_COLUMNS, Export, ExportEntity, ExportFormat, order_of
from domain.filter_json import read_filter, read_order
from domain.filters import Filter
from domain.names import spelled
from domain.paging import Cursor, CursorCodec, Order, check_order
from streaming.encoders import read_format
from streaming.strict_json import parse_json
from streaming.weights import weighed

PARAMETERS: Final = (
    "format",
    "filter",
    "order_by",
    "columns",
    "max_results",
    "after",
    "bom",
    "raw",
)
"""What every export takes; each name may also be written as in GraphQL (`orderBy`)."""

CONDITIONS: Final[Mapping[ExportEntity, Mapping[str, str]]] = {
    ExportEntity.CONTACTS: {
        "search": "search",
        "name": "name.contains",
        "first_name": "firstName.contains",
        "last_name": "lastName.contains",
        "title": "title.contains",
        "seniority": "seniority.in",
        "department": "departments.anyOf",
        "email": "email.contains",
        "domain": "emailDomain.contains",
        "email_status": "emailStatus.in",
        "has_email": "hasEmail",
        "has_phone": "hasPhone",
        "city": "city.contains",
        "region": "region.contains",
        "country": "country.contains",
        "company": "companyName.contains",
        "company_domain": "company.domain.contains",
        "stage": "stage.contains",
        "tag": "tags.anyOf",
    },
    ExportEntity.COMPANIES: {
        "search": "search",
        "name": "name.contains",
        "domain": "domain.contains",
        "industry": "industry.contains",
        "technology": "technologies.anyOf",
        "keyword": "keywords.anyOf",
        "employee_range": "employeeRange.in",
        "city": "city.contains",
        "region": "region.contains",
        "country": "country.contains",
        "stage": "stage.contains",
    },
}
"""The simple parameters, and where in a filter the value of each stands."""

_SIGNATURE: Final = "token"
_LISTS: Final = ("in", "anyOf")
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_WHOLE: Final = re.compile(r"[0-9]{1,15}")
_KEY_PARTS: Final = ("field", "direction", "nulls")
_MAX_SHOWN_CHARS: Final = 100

_FORMATS: Final[Mapping[str, ExportFormat]] = {
    "application/jsonl": ExportFormat.JSONL,
    "application/x-ndjson": ExportFormat.JSONL,
    "text/csv": ExportFormat.CSV,
    "application/json": ExportFormat.JSON,
}


def read_parameters(
    query: Iterable[tuple[str, object]], body: Iterable[tuple[str, object]] = ()
) -> dict[str, object]:
    """The values by their names, from a query and a body together.

    Args:
        query: The signature of a link in it tells who asks, and not for what.

    Raises:
        InvalidInput: A name is given twice.
    """
    asked = (pair for pair in query if pair[0] != _SIGNATURE)
    found: dict[str, object] = {}
    for name, value in chain(asked, body):
        if name in found:
            raise _twice(name)
        found[name] = value
    return found


def read_export(
    entity: ExportEntity,
    given_: Mapping[str, object],
    *,
    cursors: CursorCodec,
    accept: str | None = None,
) -> Export:
    """What is wanted of the records of a kind.

    Args:
        given_: Texts, as a query has them, or JSON; null counts as left out but in conditions.
        accept: The header, which chooses the format where no parameter does.

    Raises:
        InvalidInput: A name is not known or given twice, a value cannot be used, or what is asked
            for cannot be exported.
    """
    named = _named(entity, given_)
    filter_ = _filter(entity, named)
    order = _order(entity, named)
    format_ = _format(named.get("format"), accept)
    export = Export(
        entity=entity,
        format=format_,
        filter_=filter_,
        order=order,
        columns=_columns(entity, named.get("columns")),
        most=_most(named.get("max_results")),
        after=_after(named.get("after"), order, cursors),
        bom=_of_csv("bom", named, format_),
        raw=_of_csv("raw", named, format_),
    )
    check_export(export)
    return export


def _named(entity: ExportEntity, given_: Mapping[str, object]) -> dict[str, object]:
    """The values by the names of this module, whichever way they were written."""
    names = (*PARAMETERS, *CONDITIONS[entity])
    known = {spelling: name for name in names for spelling in (name, spelled(name))}
    found: dict[str, object] = {}
    for spelling, value in given_.items():
        name = known.get(spelling)
        if name is None:
            raise _unknown(spelling, names)
        if name in found:
            raise _twice(name)
        found[name] = value
    return found


def _filter(entity: ExportEntity, named: Mapping[str, object]) -> Filter | None:
    """The filter together with the conditions of the simple parameters."""
    value = named.get("filter")
    filter_ = read_filter(entity, parse_json("filter", value) if isinstance(value, str) else value)
    simple: dict[str, Any] = {}
    for name, place in CONDITIONS[entity].items():
        if name in named:
            field, *path = place.split(".")
            simple[field] = _nested(path, _condition(name, place, named[name]))
    return _together(filter_, read_filter(entity, simple or None))


def _condition(name: str, place: str, value: object) -> object:
    """The operand of a simple parameter, as JSON."""
    if value == "":
        raise InvalidInput(f"{name} is empty. Leave it out, or say what to look for.")
    if isinstance(value, str) and "\0" in value:
        raise InvalidInput(f"{name} holds a NUL character, which no stored text can have.")
    if place.endswith(_LISTS):
        return None if value is None else _texts(name, value)
    return _flag(name, value) if place.startswith("has") and value is not None else value


def _nested(path: list[str], value: object) -> object:
    for name in reversed(path):
        value = {name: value}
    return value


def _together(filter_: Filter | None, simple: Filter | None) -> Filter | None:
    """Both filters in one; a condition on the same field stands beside it under `and`."""
    # A null `and` is refused later, for which it has to stay.
    if filter_ is None or simple is None or filter_.and_ is None:
        return simple if filter_ is None else filter_
    wanted = {
        item.name: value for item in fields(simple) if given(value := getattr(simple, item.name))
    }
    free = {name: value for name, value in wanted.items() if not given(getattr(filter_, name))}
    if taken := {name: value for name, value in wanted.items() if name not in free}:
        free["and_"] = [*(filter_.and_ or []), type(simple)(**taken)]
    return replace(filter_, **free)


def _order(entity: ExportEntity, named: Mapping[str, object]) -> tuple[Order, ...]:
    value, continues = named.get("order_by"), named.get("after") is not None
    if value is None:
        return order_of(entity, None, continues=continues)
    order = _read_order(entity, value)
    # Nothing but an order of its own: what goes with an export is told by `check_export`.
    check_order(order, searched=True)
    return order_of(entity, order, continues=continues)


def _read_order(entity: ExportEntity, value: object) -> tuple[Order, ...]:
    if not isinstance(value, str):
        return read_order(entity, value)
    if value.lstrip().startswith(("[", "{")):
        return read_order(entity, parse_json("orderBy", value))
    return read_order(entity, [_key(text) for text in value.split(",")])


def _key(text: str) -> dict[str, object]:
    """One key of an order from its short form, `NAME:DESC:FIRST`."""
    parts = [part.strip().upper() for part in text.split(":")]
    if not all(parts) or len(parts) > len(_KEY_PARTS):
        raise InvalidInput(
            f"orderBy has {_shown(text)} for a key. Write NAME, NAME:DESC or NAME:DESC:FIRST,"
            " and commas between keys."
        )
    return dict(zip(_KEY_PARTS, parts, strict=False))


def _columns(entity: ExportEntity, value: object) -> tuple[str, ...]:
    if value is None:
        return DEFAULT_COLUMNS[entity]
    return tuple(_texts("columns", value))


def _most(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, bool) and _WHOLE.fullmatch(str(value)) and int(str(value)) > 0:
        return int(str(value))
    raise InvalidInput(
        f"max_results is {_shown(value)}. Give a whole number of 1 or more, of at most 15 digits."
    )


def _after(value: object, order: tuple[Order, ...], cursors: CursorCodec) -> Cursor | None:
    return None if value is None else cursors.decode(str(value), order)


def _of_csv(name: str, named: Mapping[str, object], format_: ExportFormat) -> bool:
    value = named.get(name)
    is_wanted = value is not None and _flag(name, value)
    if is_wanted and format_ is not ExportFormat.CSV:
        raise InvalidInput(f"{name} goes with format=csv only. Leave it out, or ask for CSV.")
    return is_wanted


def _format(value: object, accept: str | None) -> ExportFormat:
    if value is None:
        return _accepted(accept or "")
    return read_format(str(value))


def _accepted(accept: str) -> ExportFormat:
    """The format that a client prefers; JSONL when it names none.

    Source: RFC 9110, 12.5.1.
    """
    named = [weighed(part) for part in accept.split(",")]
    ours = [(weight, _FORMATS[name]) for name, weight in named if name in _FORMATS and weight > 0]
    return max(ours, key=lambda each: each[0], default=(0, ExportFormat.JSONL))[1]


def _flag(name: str, value: object) -> bool:
    text = str(value).lower()
    if text not in _FLAGS:
        raise InvalidInput(f"{name} is {_shown(value)}. Write true or false.")
    return _FLAGS[text]


def _texts(name: str, value: object) -> list[str]:
    """Some texts: a list, or a text that has commas between them or is a JSON list."""
    if isinstance(value, str):
        is_json = value.lstrip().startswith("[")
        value = parse_json(name, value) if is_json else [part.strip() for part in value.split(",")]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(f"{name} is no list of texts. Write them with commas, or as JSON.")
    if not all(value):
        raise InvalidInput(f"{name} has an empty place. Leave it out, or name something.")
    return value


def _unknown(spelling: str, names: tuple[str, ...]) -> InvalidInput:
    near = get_close_matches(spelling[:_MAX_SHOWN_CHARS], names, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return InvalidInput(
        f"There is no parameter {_shown(spelling)}.{hint} Choose from {', '.join(names)}.",
        allowed=list(names),
    )


def _twice(name: str) -> InvalidInput:
    return InvalidInput(f"The parameter {_shown(name)} is given twice. Give it once.")


def _shown(value: object) -> str:
    return repr(value)[:_MAX_SHOWN_CHARS]
