"""The cells of a row of a CSV file by field: what each says, and what cannot be understood.

A cell becomes text, number, date or word as its field asks for. Placeholders such as `N/A` say
nothing. What a value must look like beyond that is the business of `domain.validation`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, NamedTuple

from db.staging import Finding
from domain import cell_values, normalize
from domain.absent import ABSENT
from domain.errors import InvalidValue, Problem, ProblemCode
from domain.names import spelled
from domain.records import LIST_FIELDS, CompanyFields, ContactFields, NewLocation
from streaming.decoders import MAX_RAW_CHARS, without_formula_guard
from streaming.mapping import EMAIL_FIELDS, PHONE_PREFIX, ColumnMapping

# Items of these hold commas themselves: "Electronic Equipment, Instruments & Components".
_COMMA_IS_TEXT: Final = frozenset({"industries", "sub_industries"})
_SEPARATOR: Final = re.compile(r":::|[;|\n]")

_PLACE: Final = tuple(item.name for item in fields(NewLocation))
_FIELD_OF_NAME: Final = {
    spelled(item.name): item.name
    for record in (ContactFields, CompanyFields, NewLocation)
    for item in fields(record)
}
_LONGEST_PLACEHOLDER: Final = 10

_CODES: Final = {
    ProblemCode.TOO_LONG: "VALUE_TOO_LONG",
    ProblemCode.REQUIRED: "MISSING_REQUIRED",
}
_NUMBERS: Final = frozenset(
    {"employees_count", "annual_revenue", "total_funding", "latest_funding_amount"}
    | {"retail_locations", "founded_year"}
)


def _parse_date(value: str) -> object:
    return cell_values.parse_datetime(value).date()


# Field: what turns the text of a cell into its value, and the code when it cannot.
_PARSERS: Final[Mapping[str, tuple[Callable[[str], Any], str]]] = {
    **dict.fromkeys(_NUMBERS, (cell_values.parse_integer, "INVALID_NUMBER")),
    "last_raised_at": (_parse_date, "INVALID_DATE"),
    "last_contacted_at": (cell_values.parse_datetime, "INVALID_DATE"),
    "last_verified_at": (cell_values.parse_datetime, "INVALID_DATE"),
    "do_not_contact": (cell_values.parse_boolean, "INVALID_BOOLEAN"),
    "seniority": (cell_values.parse_seniority, "INVALID_ENUM_VALUE"),
    **dict.fromkeys(
        (f"{email}_status" for email in EMAIL_FIELDS),
        (cell_values.parse_email_status, "INVALID_ENUM_VALUE"),
    ),
}


class Cell(NamedTuple):
    """A cell that says something."""

    column: ColumnMapping
    text: str


class Cells:
    """The cells of a row that say something, and what is wrong with them.

    Attributes:
        values: Field to value; all cells of a list field are one list.
        phones: The cells with phone numbers, in the order of the columns.
        findings: What is wrong, in the order in which it was found.
    """

    def __init__(self, columns: Sequence[ColumnMapping], texts: Sequence[str]) -> None:
        self.values: dict[str, Any] = {}
        self.phones: list[Cell] = []
        self.findings: list[Finding] = []
        self._cells: dict[str, Cell] = {}
        for column in columns:
            if (raw := texts[column.index]) and (text := _meaning(raw)):
                self._add(Cell(column, text))

    def has(self, *names: str) -> bool:
        """Whether one of the fields has a cell that says something, usable or not."""
        return any(name in self._cells for name in names)

    def pick(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of the fields that have a value."""
        return {name: self.values[name] for name in names if name in self.values}

    def place(self) -> Any:
        """The parts of an address as one value; ABSENT where there is none."""
        parts = self.pick(_PLACE)
        return NewLocation(**parts) if parts else ABSENT

    def tell(self, problems: Iterable[Problem], *, fields_of: Mapping[str, str]) -> None:
        """Remember what the rules of the fields found.

        Args:
            fields_of: The name at the end of a problem's path, or `emails.` and a number, to the
                field of the cell it is about, where that is another.
        """
        for problem in problems:
            name = problem.path[-1]
            if problem.path[0] in {"emails", "phones"}:
                name = ".".join(problem.path[:2])
            code = _CODES.get(problem.code, problem.code.value)
            cell = self._cell_of(fields_of.get(name) or _FIELD_OF_NAME.get(name, name))
            self.findings.append(_finding(code, problem.message, cell))

    def fail(self, message: str) -> None:
        """Put the reason why the row cannot be loaded before all else that is wrong."""
        code = _CODES[ProblemCode.REQUIRED]
        self.findings.insert(0, Finding(code=code, message=message))

    def _add(self, cell: Cell) -> None:
        name = cell.column.field
        if name.startswith(PHONE_PREFIX):
            self.phones.append(cell)
            return
        self._cells.setdefault(name, cell)
        if name in LIST_FIELDS:
            self.values.setdefault(name, []).extend(_items(name, cell.text))
            return
        parse, code = _PARSERS.get(name, (None, ""))
        try:
            self.values[name] = parse(cell.text) if parse else cell.text
        except InvalidValue as error:
            self.findings.append(_finding(code, error.message, cell))

    def _cell_of(self, name: str) -> Cell | None:
        if name.startswith("phones."):
            return self.phones[int(name.removeprefix("phones."))]
        return self._cells.get(name)


def _meaning(raw: str) -> str | None:
    """The text of a cell; nothing where it is empty or a placeholder."""
    text = without_formula_guard(raw).strip()
    if len(text) > _LONGEST_PLACEHOLDER or normalize.normalize_text(text):
        return text
    return None


def _items(name: str, text: str) -> list[str]:
    return _SEPARATOR.split(text) if name in _COMMA_IS_TEXT else normalize.normalize_sequence(text)


def _finding(code: str, message: str, cell: Cell | None) -> Finding:
    if cell is None:
        return Finding(code=code, message=message)
    return Finding(
        code=code,
        message=message,
        field=cell.column.field,
        column=cell.column.header,
        raw=cell.text[:MAX_RAW_CHARS],
    )
