"""Files to import: clean ones, the same in every run."""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROWS_OF_A_COMPANY: Final = 20

_SEED: Final = 8
_FIRST: Final = (
    *("Ada", "Bo", "Chen", "Dina", "Eve", "Finn", "Gita", "Hugo"),
    *("Ines", "Jonas", "Kaja", "Leo", "Mira", "Nils", "Olga", "Paul"),
)
_MIDDLE: Final = (
    *("ber", "dor", "fal", "gan", "hol", "kin", "lam", "mer"),
    *("nor", "pol", "rin", "sen", "tal", "vor", "wel", "zan"),
)
_LAST: Final = (
    *("berg", "dahl", "feld", "gaard", "holm", "ing", "kov", "land"),
    *("man", "ner", "owski", "quist", "rup", "son", "stein", "ton"),
)


@dataclass(frozen=True)
class ImportFile:
    """A file, and what becomes of it.

    Attributes:
        companies: How many its rows name.
    """

    name: str
    path: Path
    columns: tuple[str, ...]
    rows: int
    companies: int


def write_file(folder: Path, name: str, *, rows: int, has_phones: bool) -> ImportFile:
    """Contacts with names, an address each, and a company of about twenty; perhaps with numbers."""
    path, companies = folder / f"{name}.csv", max(1, rows // ROWS_OF_A_COMPANY)
    columns = ("First Name", "Last Name", "Email", "Company", *(("Phone",) if has_phones else ()))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in _people(rows, companies):
            writer.writerow(row[: len(columns)])
    path.chmod(0o644)
    return ImportFile(name, path, columns, rows, companies)


def _people(rows: int, companies: int) -> Iterator[tuple[str, ...]]:
    chance = random.Random(_SEED)  # noqa: S311  # invents people
    employers = [n if n < companies else chance.randrange(companies) for n in range(rows)]
    chance.shuffle(employers)
    for number, employer in enumerate(employers):
        first = chance.choice(_FIRST) + chance.choice(_MIDDLE)
        last = (chance.choice(_MIDDLE) + chance.choice(_LAST)).title()
        address = f"{first}.{last}.{number}@company-{employer}.example".lower()
        phone = f"+49 30 {20_000_000 + number}"
        yield first, last, address, f"Company {employer} {_LAST[employer % len(_LAST)]}", phone
