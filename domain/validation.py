"""From what a caller wrote to what is stored: every field's rule applied, every mistake collected.

The rules stand beside the fields in `domain.records`. All problems of an input are told at once,
each with its path, and a value that has a problem is left out of the result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from functools import lru_cache, partial
from typing import Any, Final

from domain.absent import given
from domain.contact_points import normalize_email, normalize_phone
from domain.enums import EmailStatus, PhoneType
from domain.errors import InvalidValue, Problem, ProblemCode
from domain.names import spelled
from domain.records import (
    LIST_FIELDS,
    MAX_EMAILS,
    MAX_LIST_ITEMS,
    MAX_PHONES,
    CompanyPatch,
    ContactFields,
    ContactPatch,
    NewEmail,
    NewLocation,
    NewPhone,
)

_NEVER_NULL: Final = frozenset({"do_not_contact", "source"})
_WHEN_NULL: Final[Mapping[type, Mapping[str, str]]] = {
    ContactPatch: {"custom_fields": "{}"},
    NewEmail: {"status": EmailStatus.UNKNOWN},
    NewPhone: {"type": PhoneType.OTHER},
}

_LOCATIONS: Final = frozenset({"location", "address"})

Path = tuple[str, ...]


@dataclass(frozen=True)
class CleanContact:
    """A contact's fields as they are stored; only those that were given.

    Attributes:
        values: Column to value, of the contact and its metadata.
        emails: The addresses that replace those stored; None leaves them.
        phones: The same for phone numbers.
    """

    values: dict[str, Any] = field(default_factory=dict)
    emails: list[dict[str, Any]] | None = None
    phones: list[dict[str, Any]] | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class CleanCompany:
    """A company's fields as they are stored; only those that were given."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def clean_contact(given_fields: ContactFields) -> CleanContact:
    """A contact's input in its stored form."""
    cleaner = _Cleaner()
    values = cleaner.columns(given_fields, ())
    return CleanContact(
        values,
        cleaner.emails(given_fields.emails),
        cleaner.phones(given_fields.phones),
        tuple(cleaner.problems),
    )


def clean_patch(given_fields: ContactPatch) -> CleanContact:
    """What several contacts are given, in its stored form."""
    cleaner = _Cleaner()
    return CleanContact(cleaner.columns(given_fields, ()), problems=tuple(cleaner.problems))


def clean_company(given_fields: CompanyPatch) -> CleanCompany:
    """A company's input in its stored form."""
    cleaner = _Cleaner()
    values = cleaner.columns(given_fields, ())
    return CleanCompany(values, tuple(cleaner.problems))


def rule_of(kind: type, name: str) -> Callable[[Any], Any]:
    """What brings a value of a field into its stored form, or raises `InvalidValue`.

    Args:
        kind: The class of the input that has the field.
        name: The field's name, in snake_case.
    """
    return partial(_stored, next(item for item in _written_fields(kind) if item.name == name))


def _stored(item: Field[Any], value: Any) -> Any:
    rule, max_chars = item.metadata["rule"], item.metadata["max_chars"]
    stored = value if rule is None else rule(value)
    if max_chars is not None and stored is not None:
        _check_length(stored, max_chars)
    return stored


def _check_length(stored: str | Sequence[str], max_chars: int) -> None:
    if isinstance(stored, list):
        if len(stored) > MAX_LIST_ITEMS:
            raise InvalidValue(ProblemCode.TOO_LONG, f"At most {MAX_LIST_ITEMS} items fit.")
        for text in stored:
            _check_length(text, max_chars)
    elif len(stored) > max_chars:
        message = f"{len(stored)} characters; at most {max_chars} fit."
        raise InvalidValue(ProblemCode.TOO_LONG, message)


@lru_cache(maxsize=64)
def _written_fields(kind: type) -> tuple[Field[Any], ...]:
    """The fields of an input that are stored: those with a rule, be it the empty one."""
    return tuple(item for item in fields(kind) if "rule" in item.metadata)


class _Cleaner:
    """Applies the rules of one input and collects what they refuse."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def columns(self, record: Any, path: Path) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for item in _written_fields(record.__class__):
            value = getattr(record, item.name)
            if not given(value):
                continue
            here = (*path, spelled(item.name))
            if isinstance(value, NewLocation):
                columns |= self.columns(value, here)
            elif item.name in _LOCATIONS:
                columns |= dict.fromkeys(part.name for part in fields(NewLocation))
            elif item.name not in {"emails", "phones"}:
                if value is None:
                    self._null(columns, record, item.name, here)
                else:
                    self._column(columns, item, value, here)
        return columns

    def emails(self, given_emails: Sequence[NewEmail] | None) -> list[dict[str, Any]] | None:
        if not given(given_emails):
            return None
        rows = [
            self.columns(new, path) | self._address(new, path)
            for new, path in self._listed(given_emails or (), "emails", MAX_EMAILS)
        ]
        self._check_repeats(rows)
        self._choose_primary(rows, "emails")
        return rows

    def phones(self, given_phones: Sequence[NewPhone] | None) -> list[dict[str, Any]] | None:
        if not given(given_phones):
            return None
        rows = [
            self._number(new, path) | self.columns(new, path)
            for new, path in self._listed(given_phones or (), "phones", MAX_PHONES)
        ]
        self._choose_primary(rows, "phones")
        return rows

    def _null(self, columns: dict[str, Any], record: Any, name: str, path: Path) -> None:
        # An input of a door may extend the class of the fields, so it is asked what it is one of.
        if name in _NEVER_NULL and isinstance(record, ContactPatch | CompanyPatch):
            self._add(ProblemCode.REQUIRED, f"{path[-1]} cannot be null.", path)
        elif name in LIST_FIELDS:
            columns[name] = []
        else:
            usual = (_WHEN_NULL[kind].get(name) for kind in _WHEN_NULL if isinstance(record, kind))
            columns[name] = next(usual, None)

    def _column(self, columns: dict[str, Any], item: Field[Any], value: Any, path: Path) -> None:
        try:
            columns[item.name] = _stored(item, value)
        except InvalidValue as error:
            self._add(error.code, error.message, path)

    def _address(self, new: NewEmail, path: Path) -> dict[str, Any]:
        try:
            return {"address": normalize_email(new.address)}
        except InvalidValue as error:
            self._add(error.code, error.message, (*path, "address"))
            return {"address": None}

    def _number(self, new: NewPhone, path: Path) -> dict[str, Any]:
        try:
            return normalize_phone(new.number)._asdict()
        except InvalidValue as error:
            self._add(error.code, error.message, (*path, "number"))
            return {}

    def _listed(self, items: Sequence[Any], name: str, most: int) -> list[tuple[Any, Path]]:
        if len(items) > most:
            self._add(ProblemCode.TOO_LONG, f"At most {most} {name} fit.", (name,))
        return [(item, (name, str(at))) for at, item in enumerate(items[:most])]

    def _check_repeats(self, rows: Sequence[Mapping[str, Any]]) -> None:
        seen: set[str] = set()
        for at, row in enumerate(rows):
            key = (row["address"] or "").lower()
            if key and key in seen:
                path = ("emails", str(at), "address")
                self._add(ProblemCode.INVALID_VALUE, f"{key} is listed twice.", path)
            seen.add(key)

    def _choose_primary(self, rows: Sequence[dict[str, Any]], name: str) -> None:
        chosen = [row for row in rows if row.get("is_primary")]
        if len(chosen) > 1:
            self._add(ProblemCode.INVALID_VALUE, f"Only one of the {name} is primary.", (name,))
        for at, row in enumerate(rows):
            row["position"] = at
            row["is_primary"] = row in chosen if chosen else at == 0

    def _add(self, code: ProblemCode, message: str, path: Path) -> None:
        self.problems.append(Problem(code=code, message=message, path=path))
