"""The e-mails and phones that a row gives a contact, in stored form, each once.

Several cells may speak of one address: what the first says counts, the others add what it left
open. What no cell says is left out, so that it takes nothing from what is stored.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from domain.contact_points import normalize_email, normalize_phone
from domain.enums import PhoneType
from domain.errors import InvalidValue
from domain.records import MAX_EMAILS, MAX_PHONES
from streaming.cells import Cells, Column, PointCell
from streaming.import_fields import EMAIL_FIELDS, EMAILS, PHONE_FIELDS, PHONE_PREFIX, PHONES
from streaming.list_cells import split_addresses, split_escaped, split_numbers

_TYPES: Final = {f"{PHONE_PREFIX}{kind}": kind for kind in PhoneType}
# Some may be equal, or none; those behind are not looked at.
_MOST_EMAILS: Final = MAX_EMAILS + 10
_MOST_PHONES: Final = MAX_PHONES + 10


def emails_of(cells: Cells) -> list[dict[str, Any]] | None:
    """The addresses; None where no cell says anything, empty where they are to be cleared."""
    found: dict[str, dict[str, Any]] = {}
    primary = ""
    parts = _parts(cells, cells.emails, EMAILS, _MOST_EMAILS)
    for column, part, said in islice(parts, _MOST_EMAILS):
        try:
            address = normalize_email(part)
        except InvalidValue as error:
            cells.tell(column, error, part)
            continue
        name = address.lower()
        found[name] = {"address": address} | said | found.get(name, {})
        if column.field == EMAIL_FIELDS[0]:
            primary = primary or name
    rows = list(found.values())
    if len(rows) > MAX_EMAILS or next(parts, None):
        _tell_too_many(cells, cells.emails, MAX_EMAILS)
    if not rows:
        return [] if EMAILS in cells.cleared and not cells.emails else None
    return _placed(rows[:MAX_EMAILS], found.get(primary))


def phones_of(cells: Cells, default_region: str | None) -> list[dict[str, Any]] | None:
    """The numbers; None where no cell says anything, empty where they are to be cleared.

    Args:
        default_region: Two letters; numbers without a country are read as of there.
    """
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    primary = None
    parts = _parts(cells, cells.phones, PHONES, _MOST_PHONES)
    for column, part, said in islice(parts, _MOST_PHONES):
        try:
            number, e164, extension = normalize_phone(part, default_region=default_region)
        except InvalidValue as error:
            cells.tell(column, error, part)
            continue
        bare = e164 or "".join(filter(str.isdecimal, number))
        extension = extension or said.pop("extension", None)
        name = (bare, extension)
        if extension is None and name not in found:
            # Our exports give the main number without its extension beside all with theirs.
            name = next((known for known in found if known[0] == bare), name)
        new = {"number": number, "e164": e164, "extension": extension}
        found[name] = new | said | found.get(name, {})
        if column.field == PHONE_FIELDS[0]:
            primary = primary or name
    rows = list(found.values())
    if len(rows) > MAX_PHONES or next(parts, None):
        _tell_too_many(cells, cells.phones, MAX_PHONES)
    if not rows:
        return [] if PHONES in cells.cleared and not cells.phones else None
    return _placed(rows[:MAX_PHONES], found.get(primary) if primary else None)


def _parts(
    cells: Cells, given: Sequence[PointCell], whole: str, most: int
) -> Iterator[tuple[Column, str, dict[str, Any]]]:
    """Each address or number, and what is said about it; those of lists come first."""
    ordered: Iterable[PointCell] = given
    if len(given) > 1:
        ordered = sorted(given, key=lambda cell: cell.column.field != whole)
    for column, text in ordered:
        said = cells.attributes.get(column.point, {})
        if column.field == whole:
            for at, part in enumerate(split_escaped(text, most)):
                if part.strip():
                    yield column, part, _said_of(said, at)
            continue
        if kind := _TYPES.get(column.field):
            said = {"type": kind}
        split = split_addresses if whole == EMAILS else split_numbers
        for at, part in enumerate(split(text, most)):
            # Only the type is true of all of them.
            yield column, part, dict(said) if at == 0 else _only_type(said)


def _said_of(said: dict[str, Any], at: int) -> dict[str, Any]:
    """What lists say about the item at a place."""
    items = ((name, values[at]) for name, values in said.items() if at < len(values))
    return {name: value for name, value in items if value is not None}


def _only_type(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name == "type"}


def _placed(rows: list[dict[str, Any]], primary: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The rows with their places; the first that is called the primary one is it."""
    chosen = next((row for row in rows if row.get("is_primary")), primary or rows[0])
    for at, row in enumerate(rows):
        row["position"] = at
        row["is_primary"] = row is chosen
    return rows


def _tell_too_many(cells: Cells, given: Sequence[PointCell], most: int) -> None:
    column, text = given[0]
    message = f"More are given than fit; the first {most} are taken."
    cells.findings.append(column.finding("VALUE_TOO_LONG", message, text))
