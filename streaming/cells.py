"""The cells of a row of a CSV file by field: what each says, and what cannot be understood.

What reads the cells of a column is put together once, before the first row. A cell becomes text,
number, date or word as its field asks for, then has the form in which `domain.validation` stores
it. Placeholders such as `N/A` say nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from db.staging import Finding
from domain import cell_dates, cell_values, normalize
from domain.contact_points import normalize_email
from domain.errors import InvalidValue, ProblemCode
from domain.formulas import unguarded
from domain.imports import MAX_RAW_CHARS, EmptyCell, ImportOptions
from domain.normalize import PLACEHOLDER_VALUE
from domain.records import (
    LIST_FIELDS,
    MAX_EMAILS,
    MAX_LIST_ITEMS,
    MAX_PHONES,
    CompanyFields,
    ContactFields,
    NewEmail,
    NewLocation,
    NewPhone,
)
from domain.validation import rule_of
from streaming.import_fields import (
    EMAILS,
    PHONES,
    Destination,
    Entity,
    Group,
    destinations,
)
from streaming.list_cells import first_of, split_escaped, split_list
from streaming.mapping import ColumnMapping

# Items of these hold commas themselves: "Electronic Equipment, Instruments & Components".
_COMMA_IS_TEXT: Final = frozenset({"industries", "sub_industries"})
_LONGEST_PLACEHOLDER: Final = 10
MAX_FINDINGS: Final = 20
"""Of a row; what else is wrong with it is told as one more."""
_MAX_SUGGESTIONS: Final = 3
_LONGEST_MENDED: Final = 300
_NEVER_CLEARED: Final = frozenset({"full_name", "do_not_contact", "custom_fields"})

_CODES: Final = {
    ProblemCode.TOO_LONG: "VALUE_TOO_LONG",
    ProblemCode.REQUIRED: "MISSING_REQUIRED",
}
NUMBERS: Final = frozenset(
    {"employees_count", "annual_revenue", "total_funding", "latest_funding_amount"}
    | {"retail_locations", "founded_year"}
)
_LONG_TEXTS: Final = frozenset({"notes", "short_description", "headline"})
_MOST_POINTS: Final = max(MAX_EMAILS, MAX_PHONES)
_OF_POINTS: Final = {"address": EMAILS, "number": PHONES}
_PLACE: Final = frozenset(NewLocation.__dataclass_fields__)

_Parse = Callable[[str], Any]


class CellRules(NamedTuple):
    """How the cells of a file are read.

    Attributes:
        placeholder: What a cell says that has no value, besides the usual `N/A` and the like.
        is_own: The file is one of our exports, which escape what separates the items of lists.
    """

    options: ImportOptions
    placeholder: str = PLACEHOLDER_VALUE
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read.

    Attributes:
        group: What its cells say something about, `name` what of it, and `point` about which of
            its e-mails or phones.
        is_list: All cells of its field are one list.
        read: What a cell's text is in its stored form; of a list, its items.
        code: What is told of a text that cannot be read.
    """

    index: int
    header: str
    field: str
    group: Group
    name: str
    point: str
    is_list: bool
    read: Callable[[str], Any]
    code: str

    def finding(self, code: str, message: str, raw: str, suggestion: str = "") -> Finding:
        """What is to be told about a cell."""
        return Finding(
            code=code,
            message=message,
            field=self.field,
            column=self.header,
            raw=raw[:MAX_RAW_CHARS],
            suggestion=suggestion,
        )

    def problem(self, error: InvalidValue, raw: str, *, suggests: bool) -> Finding:
        """What is to be told about a cell that cannot be used.

        Args:
            suggests: Look for what an e-mail address was meant to be.
        """
        if isinstance(error, cell_values.UnclearCell):
            ambiguous = error.is_ambiguous and self.code == "INVALID_ENUM_VALUE"
            code = "AMBIGUOUS_ENUM_VALUE" if ambiguous else self.code
            return self.finding(code, error.message, raw, error.suggestion)
        code = _CODES.get(error.code, error.code.value)
        is_email = suggests and error.code is ProblemCode.INVALID_EMAIL
        suggestion = _suggested_email(raw) if is_email else ""
        return self.finding(code, error.message, raw, suggestion)


class PointCell(NamedTuple):
    """A cell with e-mail addresses or phone numbers."""

    column: Column
    text: str


class Cells:
    """The cells of a row that say something, and what is wrong with them.

    Attributes:
        record: Column to value of the record itself.
        employer: The same of a contact's employer.
        emails: The cells with addresses, in the order of the columns; `phones` likewise.
        attributes: What other cells say about the e-mails and phones, by point.
        cleared: Those of `emails` and `phones` that an empty cell wants to have none.
        findings: What is wrong, in the order in which it was found.
        untold: How much more is.
    """

    __slots__ = (
        *("attributes", "cleared", "emails", "employer", "findings", "given", "phones", "record"),
        "untold",
    )

    def __init__(self, columns: Sequence[Column], texts: Sequence[str], rules: CellRules) -> None:
        self.record: dict[str, Any] = {}
        self.employer: dict[str, Any] = {}
        self.emails: list[PointCell] = []
        self.phones: list[PointCell] = []
        self.attributes: dict[str, dict[str, Any]] = {}
        self.cleared: set[str] = set()
        self.findings: list[Finding] = []
        self.untold = 0
        self.given: set[str] = set()
        clears = rules.options.empty_cell is EmptyCell.CLEAR
        for column in columns:
            raw = texts[column.index]
            text = meaning(raw, rules.placeholder) if raw else None
            if text is not None:
                self._add(column, text, raw)
            elif clears:
                self._clear(column)

    def fail(self, message: str) -> None:
        """Put the reason why the row cannot be loaded before all else that is wrong."""
        code = _CODES[ProblemCode.REQUIRED]
        self.findings.insert(0, Finding(code=code, message=message))

    def tell(self, column: Column, error: InvalidValue, raw: str) -> None:
        """A value cannot be used."""
        told = len(self.findings)
        if told < MAX_FINDINGS:
            self.findings.append(column.problem(error, raw, suggests=told < _MAX_SUGGESTIONS))
        else:
            self.untold += 1

    def add(self, finding: Finding) -> None:
        """Tell something, unless enough is told."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.untold += 1

    def told(self) -> tuple[Finding, ...]:
        """The findings, and how much is wrong besides."""
        if not self.untold:
            return tuple(self.findings)
        message = f"{self.untold} more values of the row cannot be used."
        return (*self.findings, Finding(code="INVALID_VALUE", message=message))

    def _add(self, column: Column, text: str, raw: str) -> None:
        self.given.add(column.field)
        if column.name == "address":
            self.emails.append(PointCell(column, text))
            return
        if column.name == "number":
            self.phones.append(PointCell(column, text))
            return
        try:
            value = column.read(text)
        except InvalidValue as error:
            self.tell(column, error, raw)
            return
        if value is None or value == []:
            return
        held = self._held(column)
        if column.is_list and held.get(column.name):
            value = normalize.normalize_sequence([*held[column.name], *value])
            if len(value) > MAX_LIST_ITEMS:
                self.tell(column, _too_many_items(), raw)
                return
        held[column.name] = value

    def _held(self, column: Column) -> dict[str, Any]:
        """Where the values of a column are kept."""
        if column.group is Group.RECORD:
            return self.record
        if column.group is Group.EMPLOYER:
            return self.employer
        return self.attributes.setdefault(column.point, {})

    def _clear(self, column: Column) -> None:
        if column.name in _OF_POINTS:
            self.cleared.add(_OF_POINTS[column.name])
        elif column.group is Group.RECORD and column.name not in _NEVER_CLEARED:
            self.record.setdefault(column.name, [] if column.is_list else None)


def column_of(entity: Entity, mapping: ColumnMapping, rules: CellRules) -> Column:
    """What reads the cells of a column."""
    destination = destinations(entity)[mapping.field]
    is_list = not destination.point and destination.name in LIST_FIELDS
    parse, code = _parser(destination, mapping.scale, rules.options)
    return Column(
        mapping.index,
        mapping.header,
        mapping.field,
        *destination,
        is_list=is_list,
        read=_reader(entity, destination, parse, rules),
        code=code,
    )


def meaning(raw: str, placeholder: str) -> str | None:
    """The text of a cell; nothing where it is empty or a placeholder."""
    text = unguarded(raw).strip() if raw[0] == "'" else raw.strip()
    if text == placeholder:
        return None
    if len(text) > _LONGEST_PLACEHOLDER or normalize.normalize_text(text):
        return text
    return None


def _reader(
    entity: Entity, destination: Destination, parse: _Parse | None, rules: CellRules
) -> Callable[[str], Any]:
    """What brings the text of a cell into its stored form."""
    name, point = destination.name, destination.point
    if point in {EMAILS, PHONES} and parse is not None:
        return partial(_parallel, parse)
    stored = _stored_form(_kind(entity, destination), destination)
    if not point and name in LIST_FIELDS:
        return partial(_list, stored, _splitter(name, rules))
    if rules.is_own or name in _LONG_TEXTS:
        return stored if parse is None else partial(_parsed, stored, parse)
    return partial(_first_parsed, stored, parse or str)


def _kind(entity: Entity, destination: Destination) -> type:
    if destination.group is Group.EMAIL:
        return NewEmail
    if destination.group is Group.PHONE:
        return NewPhone
    if destination.name in _PLACE:
        return NewLocation
    is_contact = entity == "contacts" and destination.group is Group.RECORD
    return ContactFields if is_contact else CompanyFields


def _stored_form(kind: type, destination: Destination) -> Callable[[Any], Any]:
    if destination.name == "full_name":
        return normalize.normalize_text
    if destination.name in _OF_POINTS:
        return str  # they get their form together with the other cells about them
    return rule_of(kind, destination.name)


def _parser(
    destination: Destination, scale: int, options: ImportOptions
) -> tuple[_Parse | None, str]:
    """What turns the text of a cell into its value, and the code when it cannot."""
    group, name, point = destination
    if name in NUMBERS:
        read = partial(cell_values.parse_integer, locale=options.number_locale, scale=scale)
        return read, "INVALID_NUMBER"
    if name == "last_raised_at":
        return partial(cell_dates.parse_date, order=options.date_order), "INVALID_DATE"
    if name.endswith("_at"):
        return partial(cell_dates.parse_datetime, order=options.date_order), "INVALID_DATE"
    if point in {EMAILS, PHONES} and name in {"source", "extension"}:
        return str, "INVALID_VALUE"
    return _PARSERS.get((group, name), (None, "INVALID_VALUE"))


def _json_object(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"{normalize.shown(text)} is not a JSON object."
        raise cell_values.UnclearCell(message, suggestion='Write it as in {"name": 1}.') from error


_PARSERS: Final[Mapping[tuple[Group, str], tuple[_Parse, str]]] = {
    (Group.RECORD, "do_not_contact"): (cell_values.parse_boolean, "INVALID_BOOLEAN"),
    (Group.RECORD, "seniority"): (cell_values.parse_seniority, "INVALID_ENUM_VALUE"),
    (Group.RECORD, "custom_fields"): (_json_object, "INVALID_VALUE"),
    (Group.EMAIL, "status"): (cell_values.parse_email_status, "INVALID_ENUM_VALUE"),
    (Group.EMAIL, "type"): (cell_values.parse_email_type, "INVALID_ENUM_VALUE"),
    (Group.EMAIL, "confidence"): (cell_values.parse_fraction, "INVALID_NUMBER"),
    (Group.EMAIL, "is_catch_all"): (cell_values.parse_catch_all, "INVALID_BOOLEAN"),
    (Group.EMAIL, "is_primary"): (cell_values.parse_boolean, "INVALID_BOOLEAN"),
    (Group.PHONE, "type"): (cell_values.parse_phone_type, "INVALID_ENUM_VALUE"),
    (Group.PHONE, "status"): (str, "INVALID_VALUE"),
    (Group.PHONE, "is_primary"): (cell_values.parse_boolean, "INVALID_BOOLEAN"),
}


def _splitter(name: str, rules: CellRules) -> Callable[[str], list[str]]:
    if rules.is_own:
        return split_escaped
    return partial(split_list, comma_is_text=name in _COMMA_IS_TEXT)


def _list(rule: Callable[[Any], Any], split: Callable[[str], list[str]], text: str) -> Any:
    items = split(text)
    if len(items) > MAX_LIST_ITEMS:
        raise _too_many_items()
    return rule(items)


def _too_many_items() -> InvalidValue:
    return InvalidValue(ProblemCode.TOO_LONG, f"At most {MAX_LIST_ITEMS} items fit.")


def _parsed(stored: Callable[[Any], Any], parse: _Parse, text: str) -> Any:
    return stored(parse(text))


def _first_parsed(stored: Callable[[Any], Any], parse: _Parse, text: str) -> Any:
    return stored(parse(first_of(text)))


def _parallel(parse: _Parse, text: str) -> list[Any]:
    """What a cell says about each of several e-mails or phones; None for those it passes over."""
    items = split_escaped(text, _MOST_POINTS)[:_MOST_POINTS]
    return [parse(item) if item else None for item in items]


def _suggested_email(raw: str) -> str:
    """What an address with a plain slip was meant to be."""
    if len(raw) > _LONGEST_MENDED:
        return ""
    mended = re.sub(r"\s+|^mailto:", "", raw.strip(" \t<>;,.")).replace(",", ".")
    with suppress(InvalidValue):
        return f"Did you mean {normalize_email(mended)}?"
    return ""
