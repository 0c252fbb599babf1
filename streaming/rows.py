"""From a row of a CSV file to the contact or company that is staged, with all that is wrong in it.

The rules are those of `domain.validation`. A value that cannot be used is left out and told; a row
fails only when nothing identifies it, or when the only keys it has are among what cannot be used:
such a contact would be made anew each time the file is loaded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from db.staging import Finding, StagedCompany, StagedContact
from domain.absent import ABSENT
from domain.contact_points import domain_of
from domain.enums import PhoneType, RecordSource
from domain.names import spelled
from domain.records import CompanyFields, ContactFields, NewEmail, NewPhone
from domain.validation import CleanContact, clean_company, clean_contact
from streaming.cells import Cell, Cells
from streaming.decoders import CsvRow, RowProblem
from streaming.mapping import EMAIL_FIELDS, PHONE_PREFIX, Entity, HeaderMapping

_CONTACT_FIELDS: Final = tuple(
    item.name
    for item in fields(ContactFields)
    if item.name not in {"emails", "phones", "location", "source"}
)
_COMPANY_FIELDS: Final = tuple(
    item.name for item in fields(CompanyFields) if item.name not in {"address", "source"}
)
_EMPLOYER: Final = {
    "company_name": "name",
    "company_domain": "domain",
    "company_website": "website_url",
    "company_linkedin_url": "linkedin_url",
}
_EMPLOYER_FIELDS: Final = {spelled(name): field for field, name in _EMPLOYER.items()}
_NAMES: Final = ("first_name", "middle_name", "last_name")

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
        staged: None for a row that failed; the reason is the first finding.
    """

    line: int
    staged: StagedContact | StagedCompany | None
    findings: tuple[Finding, ...] = ()


class RowReader:
    """Reads the rows of one file.

    Args:
        entity: What a row is about.
        mapping: Where the columns go.
    """

    def __init__(self, entity: Entity, mapping: HeaderMapping) -> None:
        self._columns = mapping.columns
        self._stage = _stage_contact if entity == "contacts" else _stage_company

    def read(self, row: CsvRow | RowProblem) -> ReadRow:
        """What a row says, as far as it can be used."""
        if isinstance(row, RowProblem):
            finding = Finding(code=row.code.value, message=row.message, raw=row.raw)
            return ReadRow(row.line, None, (finding,))
        cells = Cells(self._columns, row.values)
        staged = self._stage(row.line, cells)
        return ReadRow(row.line, staged, tuple(cells.findings))


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


def _stage_contact(line: int, cells: Cells) -> StagedContact | None:
    _split_full_name(cells.values)
    emails = _emails(cells.values)
    clean = clean_contact(
        ContactFields(
            **cells.pick(_CONTACT_FIELDS),
            location=cells.place(),
            emails=list(emails.values()),
            phones=[_phone(cell) for cell in cells.phones],
            source=RecordSource.IMPORT,
        )
    )
    if clean.problems:
        fields_of = {f"emails.{position}": name for position, name in enumerate(emails)}
        cells.tell(clean.problems, fields_of=fields_of)
    contact = CleanContact(
        clean.values,
        [email for email in clean.emails or () if email["address"]],
        [phone for phone in clean.phones or () if phone.get("number")],
    )
    return StagedContact(line, contact, _employer(cells)) if _is_usable(contact, cells) else None


def _stage_company(line: int, cells: Cells) -> StagedCompany | None:
    given = {**cells.pick(_COMPANY_FIELDS), "address": cells.place()}
    values = _company_values(given, cells, {})
    if values.get("name") or values.get("domain"):
        return StagedCompany(line, values)
    cells.fail("The row has neither a usable name nor a usable domain.")
    return None


def _employer(cells: Cells) -> dict[str, Any] | None:
    """The columns of the employer; None where it has neither name nor domain."""
    given = {name: cells.values[field] for field, name in _EMPLOYER.items() if cells.has(field)}
    values = _company_values(given, cells, _EMPLOYER_FIELDS) if given else {}
    return values if values.get("name") or values.get("domain") else None


def _company_values(
    given: Mapping[str, Any], cells: Cells, fields_of: Mapping[str, str]
) -> dict[str, Any]:
    """A company's columns; a domain that is not given is that of its web site."""
    clean = clean_company(CompanyFields(**given, source=RecordSource.IMPORT))
    if clean.problems:
        cells.tell(clean.problems, fields_of=fields_of)
    values = clean.values
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
    if cells.has(*EMAIL_FIELDS, "linkedin_url"):
        cells.fail(
            "Neither an e-mail address nor a LinkedIn profile of the row can be used; the contact"
            " could not be found again."
        )
        return False
    if contact.phones or any(values.get(name) for name in _NAMES):
        return True
    cells.fail("The row has no name, no e-mail address, no LinkedIn profile and no phone number.")
    return False


def _emails(values: Mapping[str, Any]) -> dict[str, NewEmail]:
    """The addresses by field; one that is given twice counts once."""
    found: dict[str, NewEmail] = {}
    seen: set[str] = set()
    for name in EMAIL_FIELDS:
        address = values.get(name)
        if address and address.lower() not in seen:
            seen.add(address.lower())
            status = values.get(f"{name}_status", ABSENT)
            found[name] = NewEmail(address=address, status=status)
    return found


def _phone(cell: Cell) -> NewPhone:
    return NewPhone(number=cell.text, type=PhoneType[cell.column.field.removeprefix(PHONE_PREFIX)])


def _split_full_name(values: dict[str, Any]) -> None:
    """Write the parts of the full name where the row does not give them itself."""
    full_name = values.get("full_name")
    if full_name and not values.keys() & {"first_name", "last_name"}:
        given, family = split_name(full_name)
        values |= {"first_name": given or ABSENT, "last_name": family or ABSENT}
