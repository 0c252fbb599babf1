"""Decides which column of a file goes to which field, with a score and the reason.

What the user says goes before all; then what the vendor that wrote the file is known to mean by its
columns; then names that are, capitals and punctuation aside, one of those listed; then names much
like one of them; and at last what the cells look like. A name never counts because it contains one:
"Last Contacted" is no last name, "Company Name for Emails" no company name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Self

from domain.errors import InvalidInput
from streaming.header_names import (
    ANY_EMAIL,
    ANY_PHONE,
    key,
    keys_in_context,
    scale_of,
    without_scale,
)
from streaming.header_similarity import best_likeness
from streaming.import_fields import (
    EMAIL_FIELDS,
    EMAILS,
    PHONE_FIELDS,
    PHONE_PREFIX,
    PHONES,
    Entity,
    destinations,
    field_names,
    takes_several,
)
from streaming.value_sniffing import Looks, looks_of
from streaming.vendors import Preset, preset_of

_MAX_SHOWN_NAMES: Final = 40
_MAX_NAME_CHARS: Final = 60

_CERTAIN: Final = 1.0
_BY_NAME: Final = 0.95
_BY_LOOKS: Final = 0.5

# The finest industry is the main one and comes first in the list.
_LAST_IN_LIST: Final = {"industrygroup": 1, "allindustries": 1, "allsubindustries": 1, "sector": 2}

_PLACES: Final = {ANY_EMAIL: (*EMAIL_FIELDS, EMAILS), ANY_PHONE: (*PHONE_FIELDS, PHONES)}
_OF_LOOKS: Final[Mapping[str, Mapping[Looks, str]]] = {
    "contacts": {
        Looks.EMAIL: "email",
        Looks.LINKEDIN_PERSON: "linkedin_url",
        Looks.LINKEDIN_COMPANY: "company_linkedin_url",
        Looks.PHONE: "phone",
    },
    "companies": {Looks.LINKEDIN_COMPANY: "linkedin_url"},
}
_LOOKS_OF: Final = {"email": Looks.EMAIL, "linkedin_url": None, "phone": Looks.PHONE}
# Whose addresses and numbers stand there, it is not the contact.
_OF_OTHERS: Final = ("owner", "manager", "assistant", "parent", "sender", "created", "modified")

_IDENTIFYING: Final = {
    "contacts": {
        *("first_name", "last_name", "full_name", *EMAIL_FIELDS, EMAILS, "linkedin_url"),
        *(*PHONE_FIELDS, PHONES, PHONE_PREFIX.rstrip(":")),
    },
    "companies": {"name", "domain", "website_url"},
}


@dataclass(frozen=True)
class ColumnMapping:
    """A column and where it goes.

    Attributes:
        index: The position of the column, from 0.
        field: One of `field_names`; several columns may share one that takes several.
        scale: What one stands for in a column of numbers.
    """

    index: int
    header: str
    field: str
    scale: int = 1


@dataclass(frozen=True)
class ColumnChoice:
    """What was decided about a column, and why.

    Attributes:
        field: None for a column that is not read.
        score: How sure that is, from 0 to 1; 0 for a column that is not read.
        reason: A sentence.
        is_excluded: The user wants it to be passed over.
    """

    index: int
    header: str
    field: str | None
    score: float
    reason: str
    scale: int = 1
    is_excluded: bool = False


class HeaderMapping(NamedTuple):
    """Where the columns of a file go.

    Attributes:
        choices: One for each column, in the order of the file.
        vendor: Who wrote the file, as far as its columns tell.
    """

    choices: tuple[ColumnChoice, ...]
    vendor: str | None = None

    @property
    def columns(self) -> tuple[ColumnMapping, ...]:
        """Those that are read, in the order of the file.

        But for the coarser of several industries, which come last: a list has the order of these.
        """
        read = [
            ColumnMapping(choice.index, choice.header, choice.field, choice.scale)
            for choice in self.choices
            if choice.field
        ]
        read.sort(key=lambda column: _LAST_IN_LIST.get(key(column.header), 0))
        return tuple(read)

    @property
    def unmapped(self) -> tuple[str, ...]:
        """The names of the columns that are not read, in the order of the file."""
        return tuple(choice.header for choice in self.choices if not choice.field)

    def to_json(self) -> list[dict[str, Any]]:
        """The choices as JSON can say them."""
        return [asdict(choice) for choice in self.choices]

    @classmethod
    def from_json(cls, stored: Sequence[Mapping[str, Any]], vendor: str | None) -> Self:
        """The mapping whose choices `to_json` told."""
        return cls(tuple(ColumnChoice(**choice) for choice in stored), vendor)


class _Proposal(NamedTuple):
    """What a column means by itself; of several for one field not all can be followed."""

    field: str | None
    score: float
    reason: str
    is_certain: bool = False


def map_headers(
    entity: Entity,
    header: Sequence[str],
    *,
    overrides: Mapping[str, str | None] | None = None,
    sample: Sequence[Sequence[str]] = (),
) -> HeaderMapping:
    """Where each column goes; of two for one field the surer counts, of equals the first.

    Args:
        entity: What a row of the file is.
        header: The names of the columns.
        overrides: Name of a column to a field, in camelCase or snake_case, or to None for a column
            that is not to be read. They go before all other rules.
        sample: Some rows of the file, as wide as the header.

    Raises:
        InvalidInput: An override names an unknown column or field, or no column tells who a row is
            about, as in a file without a header.
    """
    mapper = _Mapper(entity, header, sample)
    mapper.follow(_overridden(entity, header, overrides or {}))
    mapper.propose()
    mapper.sniff()
    if not any(field.partition(":")[0] in _IDENTIFYING[entity] for field in mapper.taken):
        raise _nobody_named(entity, header)
    return HeaderMapping(mapper.choices(), mapper.preset.vendor.name if mapper.preset else None)


class _Mapper:
    """The columns of one file as they find their fields.

    Attributes:
        taken: The fields that a column has.
    """

    def __init__(
        self, entity: Entity, header: Sequence[str], sample: Sequence[Sequence[str]]
    ) -> None:
        self.preset: Preset | None = preset_of(entity, header)
        self.taken: set[str] = set()
        self._entity = entity
        self._header = header
        self._keys = [key(without_scale(name)) for name in header]
        self._known = keys_in_context(entity, self._keys)
        self._looks = [
            looks_of([row[index] for row in sample if index < len(row)])
            for index in range(len(header))
        ]
        self._chosen: dict[int, ColumnChoice] = {}

    def choices(self) -> tuple[ColumnChoice, ...]:
        """What was decided, in the order of the file."""
        return tuple(self._chosen[index] for index in range(len(self._header)))

    def follow(self, overrides: Mapping[int, str | None]) -> None:
        """Do what the user says."""
        for index, field in overrides.items():
            if field:
                self._take(index, field, _CERTAIN, "The mapping says so.")
            else:
                self._pass_over(index, "The mapping passes it over.", is_excluded=True)

    def propose(self) -> None:
        """Give fields to columns by their names, the surest first."""
        proposals = {
            index: self._proposal(index)
            for index in range(len(self._header))
            if index not in self._chosen
        }
        for index in sorted(proposals, key=lambda at: _rank(proposals[at])):
            proposal = proposals[index]
            if proposal.field is None:
                if proposal.is_certain:
                    self._pass_over(index, proposal.reason)
                continue
            wanted = _PLACES.get(proposal.field, (proposal.field,))
            free = next((f for f in wanted if f not in self.taken or takes_several(f)), None)
            if free:
                self._take(index, free, proposal.score, proposal.reason)
            else:
                self._pass_over(index, f"Another column goes to {wanted[0]} already.")

    def sniff(self) -> None:
        """Give fields that nobody has to columns by the looks of their cells."""
        for index, name in enumerate(self._header):
            if index in self._chosen:
                continue
            looks = self._looks[index]
            field = _OF_LOOKS[self._entity].get(looks) if looks else None
            is_of_others = any(word in name.casefold() for word in _OF_OTHERS)
            if field and looks and not is_of_others and not self._has_like(field):
                self._take(index, field, _BY_LOOKS, f"Its cells look like {looks.value}.")
            else:
                self._pass_over(index, "No field has a name like this.")

    def _proposal(self, index: int) -> _Proposal:
        name, spelt = self._header[index], self._keys[index]
        if not spelt:
            return _Proposal(None, 0, "The column has no name.", is_certain=True)
        if self.preset and (found := self._of_vendor(index)):
            return found
        if field := self._known.get(spelt):
            if field == "title" and self._looks[index] is Looks.SALUTATION:
                return _Proposal(None, 0, "Its cells are forms of address.", is_certain=True)
            return _Proposal(field, _BY_NAME, f"{name!r} is a usual name of it.")
        return self._like_another(index)

    def _of_vendor(self, index: int) -> _Proposal | None:
        preset = self.preset
        for spelt in (key(self._header[index]), self._keys[index]):
            if preset and spelt in preset.fields:
                field = preset.fields[spelt]
                if field is None:
                    reason = f"A column of {preset.vendor.name} that has no field here."
                    return _Proposal(None, 0, reason, is_certain=True)
                return _Proposal(field, _CERTAIN, f"{preset.vendor.name} means this by it.")
        return None

    def _like_another(self, index: int) -> _Proposal:
        found = best_likeness(without_scale(self._header[index]), self._entity)
        if found is None:
            return _Proposal(None, 0, "No field has a name like this.")
        field, likeness = found
        # What the name means beside the other columns may be another thing, or nothing.
        field = self._known.get(key(likeness.name), field)
        if (whole := self._list_of(field)) and whole not in self._named():
            return _Proposal(None, 0, f"Without a column of {whole} it says nothing.")
        expected = _LOOKS_OF.get(field)
        if expected and self._looks[index] not in {expected, None}:
            return _Proposal(None, 0, f"Its cells do not look like {expected.value}.")
        return _Proposal(field, likeness.score, f"It is much like {likeness.name!r}.")

    def _list_of(self, field: str) -> str:
        """The list of e-mails or phones about which a field says something; empty for others."""
        found = destinations(self._entity).get(field)
        return found.point if found and found.point in {EMAILS, PHONES} - {field} else ""

    def _named(self) -> set[str]:
        """The fields that columns have by the mapping, or by usual names."""
        return {self._known.get(spelt, "") for spelt in self._keys} | self.taken

    def _has_like(self, field: str) -> bool:
        """Whether a column goes to a field of this kind."""
        if field in {"email", "phone"}:
            return any(name.startswith(field) for name in self.taken)
        return field in self.taken

    def _take(self, index: int, field: str, score: float, reason: str) -> None:
        name = self._header[index]
        scale = scale_of(name)
        if scale > 1:
            reason = f"{reason} One stands for {scale:,}."
        self.taken.add(field)
        self._chosen[index] = ColumnChoice(index, name, field, score, reason, scale)

    def _pass_over(self, index: int, reason: str, *, is_excluded: bool = False) -> None:
        name = self._header[index]
        self._chosen[index] = ColumnChoice(index, name, None, 0.0, reason, is_excluded=is_excluded)


def _rank(proposal: _Proposal) -> tuple[bool, float]:
    """The surest first; e-mails and phones of no certain rank take the places left."""
    return proposal.field in _PLACES, -proposal.score


def _overridden(
    entity: Entity, header: Sequence[str], overrides: Mapping[str, str | None]
) -> dict[int, str | None]:
    chosen: dict[int, str | None] = {}
    for name, field in overrides.items():
        index = _column(header, name)
        chosen[index] = None if field is None else _field(entity, field)
    single = [field for field in chosen.values() if field and not takes_several(field)]
    for field in single:
        if single.count(field) > 1:
            raise InvalidInput(f"The mapping sends several columns to {field}; it takes one.")
    return chosen


def _column(header: Sequence[str], name: str) -> int:
    if name in header:
        return header.index(name)
    keys = [key(column) for column in header]
    if key(name) in keys:
        return keys.index(key(name))
    raise InvalidInput(f"The mapping names a column {_shown([name])} that the file has not.")


def _field(entity: Entity, name: str) -> str:
    fields = {key(field): field for field in field_names(entity)}
    try:
        return fields[key(name)]
    except KeyError as error:
        raise InvalidInput(
            f"The mapping names a field {_shown([name])} that {entity} do not have;"
            f" they have {', '.join(fields.values())}."
        ) from error


def _nobody_named(entity: Entity, header: Sequence[str]) -> InvalidInput:
    needed = {
        "contacts": "First Name, Last Name, Full Name, Email, LinkedIn URL or Phone",
        "companies": "Name, Domain or Website",
    }
    return InvalidInput(
        f"No column tells which of the {entity} a row is about. The file has {_shown(header)};"
        f" name at least one of them {needed[entity]}, or give a mapping."
    )


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:_MAX_NAME_CHARS]) for name in names[:_MAX_SHOWN_NAMES])
    rest = len(names) - _MAX_SHOWN_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown
