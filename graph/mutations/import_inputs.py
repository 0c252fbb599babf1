"""What imports take: the file, where its columns go, and how it is read and written."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from difflib import get_close_matches

from domain.absent import given
from domain.bulk import ErrorPolicy, OnConflict, refusal
from domain.enums import ContactMatchKey
from domain.errors import Problem, ProblemCode, Rejected
from domain.import_json import MAX_MAPPED_COLUMNS
from domain.imports import (
    DateOrder,
    EmptyCell,
    ImportEntity,
    ImportMode,
    ImportOptions,
    MultiValueMode,
    NumberLocale,
    problems_of,
)
from domain.names import spelled
from domain.records import described
from domain.scalars import NodeId
from graph.declare import as_input
from graph.mutations.writing import MutationInput, WriteInput, said


@as_input
@dataclass(kw_only=True)
class ColumnMappingInput:
    """Where a column of the file goes."""

    column: str = described("Its header, as the file has it.", required=True)
    field: str | None = described("The field; null to pass the column over.")


@as_input
@dataclass(kw_only=True)
class ImportOptionsInput:
    """How a file is read and written; what is left out, or null, is as usual."""

    mode: ImportMode | None = described("Which rows may be written; UPSERT when left out.")
    match_on: list[ContactMatchKey] | None = described(
        "By what a row finds its contact, in this order; EMAIL, then LINKEDIN_URL when left out."
    )
    on_conflict: OnConflict | None = described(
        "What a row does to a record that is there already; FILL_EMPTY when left out."
    )
    error_policy: ErrorPolicy | None = described(
        "What happens when some cannot be taken; IGNORE_FAILED_FIELDS when left out."
    )
    create_missing_companies: bool | None = described(
        "Whether a row of contacts makes its company when there is none; true when left out."
    )
    empty_cell: EmptyCell | None = described("What an empty cell says; IGNORE when left out.")
    multi_value_mode: MultiValueMode | None = described(
        "What becomes of lists, e-mails and phones of a record; APPEND when left out."
    )
    default_country: str | None = described(
        "Two letters; phone numbers without a country are read as of there."
    )
    date_order: DateOrder | None = described(
        "How dates of three numbers are read; when left out only those that say so themselves are."
    )
    number_locale: NumberLocale | None = described(
        "How numbers are read in which a point or a comma could mean either; when left out only"
        " those that say so themselves are."
    )
    keep_unmapped: bool | None = described(
        "Whether columns that go to no field are kept in `customFields`; false when left out."
    )
    tag: str | None = described("A tag for every contact of the file.")
    encoding: str | None = described("The encoding of the file; found when left out.")
    delimiter: str | None = described("What stands between cells; found when left out.")
    dry_run: bool | None = described("Whether to write nothing; false when left out.")


@dataclass(kw_only=True)
class FileInput:
    """A file that has come, and what to make of it."""

    upload_id: NodeId = described("The file, of which all bytes are here.", required=True)
    entity: ImportEntity | None = described("What its rows are; what it was sent as when left out.")
    mapping: list[ColumnMappingInput] | None = described(
        "Where its columns go; those that are not named are found."
    )
    options: ImportOptionsInput | None = described("How it is read and written.")


@as_input
@dataclass(kw_only=True)
class PreviewImportInput(MutationInput, FileInput):
    """Which file to look into. Nothing is written, so it has no idempotency key."""


@as_input
@dataclass(kw_only=True)
class CreateImportInput(FileInput, WriteInput):
    """Which file to import, and how."""

    force: bool | None = described(
        "Import it also when the same file was imported in the same way before; false when left"
        " out."
    )


@as_input
@dataclass(kw_only=True)
class UndoImportInput(WriteInput):
    """Which import to take back."""

    id: NodeId = described("The id of its job.", required=True)


def options_of(asked: ImportOptionsInput | None) -> ImportOptions:
    """The options, as usual where nothing was said.

    Raises:
        Rejected: They do not go together, or one has a value that cannot be used.
    """
    if asked is None or not given(asked):
        return ImportOptions()
    values = {item.name: said(getattr(asked, item.name)) for item in fields_of(asked)}
    options = ImportOptions(**{name: each for name, each in values.items() if each is not None})
    if problems := [
        Problem(code=ProblemCode.INVALID_VALUE, message=message, path=("options", spelled(name)))
        for name, message in problems_of(options).items()
    ]:
        raise Rejected(problems)
    return options


def mapping_of(
    asked: Sequence[ColumnMappingInput] | None, *, fields: Collection[str]
) -> Mapping[str, str | None]:
    """Header of a column to its field.

    Args:
        fields: Those that there are.

    Raises:
        Rejected: A column is named twice, a field is none, or they are too many.
    """
    columns = [(each.column, said(each.field)) for each in asked or ()]
    if len(columns) > MAX_MAPPED_COLUMNS:
        message = f"{len(columns)} columns are named; at most {MAX_MAPPED_COLUMNS} fit."
        raise refusal(message, "mapping", code=ProblemCode.TOO_LONG)
    if problems := [*_problems_of_mapping(columns, fields)]:
        raise Rejected(problems)
    return dict(columns)


def _problems_of_mapping(
    columns: Sequence[tuple[str, str | None]], fields: Collection[str]
) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, (column, field) in enumerate(columns):
        if column in seen:
            yield _problem("This column is named twice. Say once where it goes.", at, "column")
        if "\0" in column:
            yield _problem("This is no header: it holds a NUL character.", at, "column")
        if field is not None and field not in fields:
            near = get_close_matches(field, fields, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            yield _problem(f"There is no such field.{hint}", at, "field")
        seen.add(column)


def _problem(message: str, at: int, name: str) -> Problem:
    path = ("mapping", str(at), name)
    return Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)
