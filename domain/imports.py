"""Imports: what a client may choose, and what is told about the rows of a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

from domain.bulk import DECIDING_KEYS, ErrorPolicy, OnConflict
from domain.charsets import charset_of
from domain.enums import ContactMatchKey, DescribedEnum
from domain.records import MAX_NAME_CHARS


class ImportEntity(DescribedEnum):
    """What the rows of a file are."""

    CONTACTS = "contacts", "A row is a contact, perhaps with its company."
    COMPANIES = "companies", "A row is a company."


class ImportMode(DescribedEnum):
    """Which rows may be written."""

    CREATE_ONLY = "CREATE_ONLY", "Only rows about new records; the others fail."
    UPDATE_ONLY = "UPDATE_ONLY", "Only rows about records that are there; the others fail."
    UPSERT = "UPSERT", "All of them."


class EmptyCell(DescribedEnum):
    """What an empty cell says."""

    IGNORE = "IGNORE", "Nothing."
    CLEAR = "CLEAR", "That there is to be no value. Only where rows overwrite."


class MultiValueMode(DescribedEnum):
    """What becomes of lists, e-mails and phones that a record has already."""

    APPEND = "APPEND", "They stay, and what the row has is added."
    REPLACE = "REPLACE", "What the row has takes their place. Only where rows overwrite."


class DateOrder(DescribedEnum):
    """How dates of three numbers are read, such as 03/04/2024."""

    YMD = "YMD", "The year first, as in 2024-04-03."
    DMY = "DMY", "The day first, as in most of the world."
    MDY = "MDY", "The month first, as in the United States."


class NumberLocale(DescribedEnum):
    """How numbers are read in which a point or a comma could mean either."""

    POINT = "POINT", "The point is a decimal one: 1,234.5."
    COMMA = "COMMA", "The comma is a decimal one: 1.234,5."


class Severity(DescribedEnum):
    """What something that is told means for its row."""

    ERROR = "ERROR", "The row was not written, or not all of it."
    WARNING = "WARNING", "The row was taken as it is."


class ImportErrorCode(DescribedEnum):
    """What can be told about a row."""

    INVALID_EMAIL = "INVALID_EMAIL", "Not an e-mail address."
    INVALID_DOMAIN = "INVALID_DOMAIN", "Not the name of a host."
    INVALID_URL = "INVALID_URL", "Not a web address, or not of the site the field is for."
    INVALID_PHONE = "INVALID_PHONE", "Not a phone number."
    INVALID_NUMBER = "INVALID_NUMBER", "Not a number, or none that fits."
    INVALID_DATE = "INVALID_DATE", "Not a date."
    INVALID_BOOLEAN = "INVALID_BOOLEAN", "Neither yes nor no."
    INVALID_ENUM_VALUE = "INVALID_ENUM_VALUE", "Not one of the values that the field takes."
    AMBIGUOUS_ENUM_VALUE = "AMBIGUOUS_ENUM_VALUE", "It could mean several of the field's values."
    INVALID_VALUE = "INVALID_VALUE", "Not a value that the field takes."
    VALUE_TOO_LONG = "VALUE_TOO_LONG", "More characters or items than fit."
    MISSING_REQUIRED = "MISSING_REQUIRED", "Nothing tells which record the row is about."
    WRONG_COLUMN_COUNT = "WRONG_COLUMN_COUNT", "More or fewer cells than the header has."
    UNPARSABLE_ROW = "UNPARSABLE_ROW", "The row cannot be read as CSV."
    ROW_TOO_LARGE = "ROW_TOO_LARGE", "The row or one of its cells is too large."
    BAD_ENCODING = "BAD_ENCODING", "The row holds bytes that are no text."
    DUPLICATE_IN_FILE = "DUPLICATE_IN_FILE", "An earlier row is about the same record."
    DUPLICATE_EXISTING = "DUPLICATE_EXISTING", "A record that is there has the value already."
    AMBIGUOUS_MATCH = "AMBIGUOUS_MATCH", "Several records could be meant."
    RELATION_NOT_FOUND = "RELATION_NOT_FOUND", "The company is not there, and none is made."
    RELATION_AMBIGUOUS = "RELATION_AMBIGUOUS", "Several companies could be meant."
    NAME_DIFFERS = "NAME_DIFFERS", "The company with this domain has another name."
    CREATE_ONLY_CONFLICT = "CREATE_ONLY_CONFLICT", "The record is there already."
    UPDATE_ONLY_MISSING = "UPDATE_ONLY_MISSING", "There is no such record."
    SUPPRESSED_CONTACT = "SUPPRESSED_CONTACT", "The person was erased and must not be stored."
    UNMAPPED_COLUMN = "UNMAPPED_COLUMN", "The column goes to no field."
    EDITED_SINCE = "EDITED_SINCE", "It was changed after the import, and so stays as it is."
    INTERNAL = "INTERNAL", "Something went wrong on our side."


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How a file is read and written.

    Attributes:
        match_on: The keys by which a contact is found, in the order in which they are tried.
        default_country: Two letters; phone numbers without a country are read as of there.
        date_order: None for dates that say themselves what they mean, alone.
        number_locale: None likewise.
        keep_unmapped: Columns that go to no field are kept in `customFields`, by their header.
        tag: A tag for every contact of the file.
        encoding: The name of the file's encoding; None finds it.
        delimiter: What stands between cells; None finds it.
    """

    mode: ImportMode = ImportMode.UPSERT
    match_on: Sequence[ContactMatchKey] = (ContactMatchKey.EMAIL, ContactMatchKey.LINKEDIN_URL)
    on_conflict: OnConflict = OnConflict.FILL_EMPTY
    error_policy: ErrorPolicy = ErrorPolicy.IGNORE_FAILED_FIELDS
    create_missing_companies: bool = True
    empty_cell: EmptyCell = EmptyCell.IGNORE
    multi_value_mode: MultiValueMode = MultiValueMode.APPEND
    default_country: str | None = None
    date_order: DateOrder | None = None
    number_locale: NumberLocale | None = None
    keep_unmapped: bool = False
    tag: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON can say it."""
        usual = asdict(type(self)())
        told = {k: v for k, v in asdict(self).items() if v != usual[k]}
        return told | ({"match_on": list(self.match_on)} if "match_on" in told else {})

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The options that `to_json` told.

        Raises:
            ValueError: A newer release told them.
        """
        if unknown := stored.keys() - {item.name for item in fields(cls)}:
            raise ValueError(f"Import options have no {', '.join(sorted(unknown))}.")
        return cls(**{name: _read(name, value) for name, value in stored.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportProblem:
    """Something that is told about a row of a file.

    Attributes:
        line: The line of the file on which the row begins, from 1; 0 for the file as a whole.
        column: The header of the column; empty for the row as a whole.
        field: The field it goes to, in snake_case; empty likewise.
        raw: The beginning of the value as the file has it.
        suggestion: What could be written instead, or done about it; empty where nobody knows.
    """

    line: int
    code: ImportErrorCode
    message: str
    severity: Severity = Severity.ERROR
    column: str = ""
    field: str = ""
    raw: str = ""
    suggestion: str = ""


MAX_RAW_CHARS: Final = 500
"""Of a value that is told about."""

Mapped = Mapping[str, str | None]
"""Header of a column to the field it goes to, or to None for a column that is passed over."""


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """What is to be imported, and how.

    Attributes:
        mapping: Goes before what is found; columns that are not named are found.
        force: Also when the same was imported before.
    """

    entity: ImportEntity
    mapping: Mapped = field(default_factory=dict)
    options: ImportOptions = field(default_factory=ImportOptions)
    force: bool = False


def problems_of(options: ImportOptions) -> dict[str, str]:
    """What does not go together: the name of an option to what to do about it."""
    told: dict[str, str] = {}
    overwrites = options.on_conflict is OnConflict.OVERWRITE
    if not options.match_on or not DECIDING_KEYS.issuperset(options.match_on):
        told["match_on"] = f"Give some of {', '.join(sorted(DECIDING_KEYS))}."
    if options.empty_cell is EmptyCell.CLEAR and not overwrites:
        told["empty_cell"] = "CLEAR needs onConflict: OVERWRITE."
    if options.multi_value_mode is MultiValueMode.REPLACE and not overwrites:
        told["multi_value_mode"] = "REPLACE needs onConflict: OVERWRITE."
    return told | _problems_of_texts(options)


def _problems_of_texts(options: ImportOptions) -> dict[str, str]:
    told: dict[str, str] = {}
    country, tag, encoding = options.default_country, options.tag, options.encoding
    if country is not None and not _COUNTRY.fullmatch(country):
        told["default_country"] = "Give the two letters of a country, such as DE."
    if tag is not None and not (tag.isprintable() and 0 < len(tag.strip()) <= MAX_NAME_CHARS):
        told["tag"] = f"Give 1 to {MAX_NAME_CHARS} characters, all on one line."
    if encoding is not None and charset_of(encoding) is None:
        told["encoding"] = "There is no such encoding. Try utf-8, or leave it out."
    if options.delimiter is not None and not _DELIMITER.fullmatch(options.delimiter):
        told["delimiter"] = "Give one sign, such as ; or a tab, or leave it out."
    return told


_COUNTRY: Final = re.compile("[A-Za-z]{2}")
_DELIMITER: Final = re.compile(r"[^\"\r\n\0\w \ud800-\udfff]|\t")

_ENUMS: Final[Mapping[str, type[DescribedEnum]]] = {
    "mode": ImportMode,
    "on_conflict": OnConflict,
    "error_policy": ErrorPolicy,
    "empty_cell": EmptyCell,
    "multi_value_mode": MultiValueMode,
    "date_order": DateOrder,
    "number_locale": NumberLocale,
}


def _read(name: str, value: Any) -> Any:
    if name == "match_on":
        return tuple(ContactMatchKey(key) for key in value)
    return _ENUMS[name](value) if name in _ENUMS and value is not None else value
