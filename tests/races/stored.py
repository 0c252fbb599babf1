"""What PostgreSQL has at the end of a race, against everything that writers were told."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import open_engine
from tests.races.history import History, Person, Records
from tests.races.judging import DOMAIN

_PEOPLE = text(
    "SELECT first_name, title, lead_status, contacts.stage, contacts.tags, companies.domain,"
    " contacts.version, contacts.deleted_at IS NULL AS is_there"
    " FROM contacts LEFT JOIN companies ON companies.id = contacts.company_id"
)
_FIRMS = text("SELECT domain, name, short_description, version FROM companies")

Row = Mapping[str, Any]


async def lost_writes(url: URL, records: Records) -> list[str]:
    """What was acknowledged and is not stored, or not once; every writer has its last answer.

    A write that was lost and hidden by a later one is missing in the version of its record.
    """
    async with open_engine(url) as engine, engine.connect() as connection:
        people = (await connection.execute(_PEOPLE)).mappings().all()
        firms = (await connection.execute(_FIRMS)).mappings().all()
    return [*_wrong_people(people, records), *_wrong_firms(firms, records)]


def _wrong_people(rows: Any, records: Records) -> Iterator[str]:
    stored = _by_name((row["first_name"], row) for row in rows)
    for history in (*records.people.values(), *records.gone.values()):
        found = stored.get(history.name, [])
        wanted = _person_row(history)
        if [dict(row) for row in found] != [wanted]:
            yield f"{history.name} is {found}, and not {wanted}"


def _person_row(history: History[Person]) -> dict[str, Any]:
    now = history.now
    return {
        "first_name": history.name,
        "title": f"v{now.number}",
        "lead_status": f"v{now.number}",
        "stage": now.stage,
        "tags": [f"t{now.tag}"],
        "domain": f"{now.firm}{DOMAIN}",
        # The first of its states is that of not being there yet.
        "version": len(history.states) - 1,
        "is_there": now.is_there,
    }


def _wrong_firms(rows: Any, records: Records) -> Iterator[str]:
    stored = _by_name((row["domain"].removesuffix(DOMAIN), row) for row in rows)
    for history in records.firms.values():
        (row,) = stored[history.name]
        wanted = (f"w{history.now.number}", len(history.states))
        if (row["name"], row["version"]) != wanted:
            yield f"{row} is not {wanted}"
    for name in records.founded:
        if len(stored.get(name, [])) != 1:
            yield f"{name} is stored {len(stored.get(name, []))} times"


def _by_name(named: Iterator[tuple[str, Row]]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for name, row in named:
        found.setdefault(name, []).append(row)
    return found
