"""From a row of a CSV file to the contact or company that is staged, with all that is wrong in it.

The rules are those of `domain.validation`. A value that cannot be used is left out and told; a row
fails only when nothing identifies it, or when the only keys it has are among what cannot be used:
such a contact would be made anew each time the file is loaded. By another policy than
IGNORE_FAILED_FIELDS any row fails that has such a value.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from db.staging import Finding, StagedCompany, StagedContact
from domain.bulk import ErrorPolicy
from domain.contact_points import domain_of
from domain.enums import RecordSource
from domain.errors import InvalidValue
from domain.imports import MAX_RAW_CHARS, ImportOptions
from domain.normalize import PLACEHOLDER_VALUE, normalize_sequence
from domain.records import MAX_TEXT_CHARS, ContactFields
from domain.validation import CleanContact, rule_of
from streaming.cells import CellRules, Cells, column_of, meaning
from streaming.contact_points import emails_of, phones_of
from streaming.decoders import CsvRow, RowProblem
from streaming.import_fields import EMAIL_FIELDS, EMAILS, Entity
from streaming.mapping import HeaderMapping
from streaming.vendors import OURS

_NAMES: Final = ("first_name", "middle_name", "last_name")
_KEYS: Final = frozenset({*EMAIL_FIELDS, EMAILS, "linkedin_url"})
_FIRST_NAME: Final = rule_of(ContactFields, "first_name")
_LAST_NAME: Final = rule_of(ContactFields, "last_name")

# A page there is not a company's own domain: all who have one would become one company.
_SHARED_HOSTS: Final = frozenset(
    {"facebook.com", "instagram.com", "linkedin.com", "twitter.com", "x.com", "youtube.com"}
    | {"tiktok.com", "xing.com", "medium.com", "linktr.ee", "sites.google.com", "bit.ly"}
)

_EAST_ASIAN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SMALL_WORDS: Final = frozenset(
    {"van", "von", "der", "den", "de", "del", "della", "di", "da", "dos", "das", "du", "la", "le"}
    | {"ter", "ten", "zu", "zum", "zur", "al", "el", "bin", "ibn"}
)
_SUFFIXES: Final = frozenset(
    {"phd", "md", "mba", "jr", "sr", "ii", "iii", "esq", "cpa", "msc", "bsc", "dds"}
)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of the file as it is to be loaded.

    Attributes:
        line: The line of the file on which the row begins.
        staged: None for a row that failed; the findings say why.
        cells: As the file has them, but for characters that PostgreSQL cannot store.
    """

    line: int
    staged: StagedContact | StagedCompany | None
    findings: tuple[Finding, ...] = ()
    cells: tuple[str, ...] = ()


class RowReader:
    """Reads the rows of one file.

    Args:
        entity: What a row is about.
        mapping: Where the columns go.
        placeholder: What a cell says that has no value.
    """

    def __init__(
        self,
        entity: Entity,
        mapping: HeaderMapping,
        options: ImportOptions | None = None,
        *,
        placeholder: str = PLACEHOLDER_VALUE,
    ) -> None:
        self._options = options = options or ImportOptions()
        self._rules = CellRules(options, placeholder, mapping.vendor == OURS)
        self._columns = [column_of(entity, each, self._rules) for each in mapping.columns]
        self._kept = _kept_columns(mapping) if options.keep_unmapped else {}
        self._is_strict = options.error_policy is not ErrorPolicy.IGNORE_FAILED_FIELDS
        self._stage: Callable[[int, Cells, CsvRow], StagedContact | StagedCompany | None] = (
            self._stage_contact if entity == "contacts" else _stage_company
        )

    def read(self, row: CsvRow | RowProblem) -> ReadRow:
        """What a row says, as far as it can be used."""
        if isinstance(row, RowProblem):
            return _unread(row)
        cells = Cells(self._columns, row.values, self._rules)
        staged = self._stage(row.line, cells, row)
        if cells.findings and self._is_strict:
            staged = None
        return ReadRow(row.line, staged, cells.told(), tuple(row.values))

    def _stage_contact(self, line: int, cells: Cells, row: CsvRow) -> StagedContact | None:
        values = cells.record
        if "full_name" in values:
            _split_full_name(cells)
        if self._kept:
            self._keep_unmapped(cells, row)
        if tag := self._options.tag:
            values["tags"] = normalize_sequence([*(values.get("tags") or ()), tag])
        values["source"] = RecordSource.IMPORT
        emails = emails_of(cells)
        phones = phones_of(cells, self._options.default_country)
        contact = CleanContact(values, emails, phones)
        return (
            StagedContact(line, contact, _employer(cells)) if _is_usable(contact, cells) else None
        )

    def _keep_unmapped(self, cells: Cells, row: CsvRow) -> None:
        """Add what the columns say that go nowhere to the custom fields."""
        kept = orjson.loads(cells.record.get("custom_fields", b"{}"))
        known = len(kept)
        for header, index in self._kept.items():
            raw = row.values[index]
            text = meaning(raw, self._rules.placeholder) if raw else None
            if text and len(text) <= MAX_TEXT_CHARS:
                kept.setdefault(header, text)
            elif text:
                message = f"{len(text)} characters; at most {MAX_TEXT_CHARS} fit."
                cells.add(_too_long(header, message, text))
        if len(kept) > known:
            cells.record["custom_fields"] = orjson.dumps(kept).decode()


def split_name(full_name: str) -> tuple[str, str]:
    """Given and family name of `Ada King`, `King, Ada`, `Ludwig van Beethoven`, `山田 太郎`.

    A single word is a given name. Of two words in East Asian script the first is the family name.
    """
    family, _, given = full_name.partition(",")
    if given.strip() and given.replace(".", "").strip().casefold() not in _SUFFIXES:
        return given.strip(), family.strip()
    words = full_name.split()
    if len(words) == 2 and _EAST_ASIAN.match(full_name):
        return words[1], words[0]
    start = max(len(family.split()) - 1, 1)
    while start > 1 and words[start - 1].casefold() in _SMALL_WORDS:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


def _kept_columns(mapping: HeaderMapping) -> dict[str, int]:
    """The columns that go nowhere, though nobody said so; of two with one name the first."""
    kept: dict[str, int] = {}
    for choice in mapping.choices:
        if choice.field is None and choice.header and not choice.is_excluded:
            kept.setdefault(choice.header, choice.index)
    return kept


def _too_long(header: str, message: str, text: str) -> Finding:
    raw = text[:MAX_RAW_CHARS]
    return Finding(
        code="VALUE_TOO_LONG", message=message, field="custom_fields", column=header, raw=raw
    )


def _unread(row: RowProblem) -> ReadRow:
    finding = Finding(
        code=row.code.value, message=row.message, raw=row.raw, suggestion=row.suggestion
    )
    return ReadRow(row.line, None, (finding,), row.cells)


def _stage_company(line: int, cells: Cells, _row: CsvRow) -> StagedCompany | None:
    values = _company_values(cells.record)
    if values.get("name") or values.get("domain"):
        return StagedCompany(line, values)
    cells.fail("The row has neither a usable name nor a usable domain.")
    return None


def _employer(cells: Cells) -> dict[str, Any] | None:
    """The columns of the employer; None where it has neither name nor domain."""
    values = cells.employer
    if "name" not in values and (name := cells.record.get("company_name_raw")):
        values["name"] = name
    values = _company_values(values) if values else values
    return values if values.get("name") or values.get("domain") else None


def _company_values(values: dict[str, Any]) -> dict[str, Any]:
    """A company's columns; a domain that is not given is that of its web site."""
    values["source"] = RecordSource.IMPORT
    if not values.get("domain") and (url := values.get("website_url")):
        domain = domain_of(url)
        if domain and domain not in _SHARED_HOSTS:
            values["domain"] = domain
    return values


def _is_usable(contact: CleanContact, cells: Cells) -> bool:
    """Whether the row says enough for a contact; else the reason is among its findings."""
    values = contact.values
    if contact.emails or values.get("linkedin_url"):
        return True
    if not _KEYS.isdisjoint(cells.given):
        cells.fail(
            "Neither an e-mail address nor a LinkedIn profile of the row can be used; the contact"
            " could not be found again."
        )
        return False
    if contact.phones or any(values.get(name) for name in _NAMES):
        return True
    cells.fail("The row has no name, no e-mail address, no LinkedIn profile and no phone number.")
    return False


def _split_full_name(cells: Cells) -> None:
    """Write the parts of the full name where the row does not give them itself."""
    values = cells.record
    full_name = values.pop("full_name")
    if values.get("first_name") or values.get("last_name"):
        return
    given, family = split_name(full_name)
    try:
        parts = {"first_name": _FIRST_NAME(given), "last_name": _LAST_NAME(family)}
    except InvalidValue as error:
        cells.findings.append(
            Finding(code="VALUE_TOO_LONG", message=error.message, field="full_name")
        )
        return
    values |= {name: part for name, part in parts.items() if part}
