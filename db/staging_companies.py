"""Companies of a batch: which company each row is about, and the writing of them all.

A row with a domain is about the company with this domain and no other; a deleted one comes back.
A row without is about the company of the same name, capitals aside, as long as country, region and
city differ in nothing that both have: one name in two cities stays two companies. Of several the
one that was given exactly the same counts; else the row is ambiguous, and nothing is guessed. So a
row that is loaded again finds its own company.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from db.problems import NAMELESS_COMPANY
from db.rows import Row
from db.staging import (
    Finding,
    Match,
    Outcome,
    Placed,
    StagedCompany,
    StagingCode,
    StagingRules,
    Target,
    count_written,
    targets_of,
)
from db.staging_journal import Journal, noting
from db.staging_updates import Updates
from db.staging_writing import bulk_write, in_turns, insert_targets
from db.statements import sql
from db.tables import companies
from db.transaction import Transaction
from db.writing import record_loaded

_UPDATES: Final = Updates(companies)
_LOADING: Final = StagingRules()
_TELLING_APART: Final = ("domain", "country", "region", "city")

# Besides what tells companies apart: what the row of a contact says about the employer.
_COLUMNS: Final = (
    "c.id, c.uuid, c.name, c.domain, c.website_url, c.linkedin_url, c.country, c.region, c.city,"
    " c.deleted_at"
)
_BY_DOMAIN: Final = sql(
    f"SELECT {_COLUMNS} FROM unnest(CAST(:domains AS text[])) AS wanted(domain)"
    " JOIN companies c ON c.domain = wanted.domain AND c.deleted_at IS NULL"
)
_DELETED_BY_DOMAIN: Final = sql(
    f"SELECT {_COLUMNS} FROM unnest(CAST(:domains AS text[])) AS wanted(domain)"
    " JOIN companies c ON c.domain = wanted.domain AND c.deleted_at IS NOT NULL"
    " ORDER BY c.deleted_at DESC"
)
_BY_NAME: Final = sql(
    f"SELECT {_COLUMNS} FROM companies c WHERE c.deleted_at IS NULL AND lower(c.name) IN"
    " (SELECT lower(wanted) FROM unnest(CAST(:names AS text[])) AS wanted) ORDER BY c.id"
)
_LOCK: Final = sql(
    "SELECT id FROM companies WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE"
)


async def upsert_companies(tx: Transaction, rows: Sequence[StagedCompany]) -> list[Outcome]:
    """Create the companies that are new, fill what known ones lack; outcomes in row order.

    Raises:
        Rejected: Another transaction took a domain meanwhile; the same batch may succeed now.
    """
    outcomes = [row.outcome for row in await place_companies(tx, rows)]
    record_loaded(tx, companies, count_written(outcomes))
    return outcomes


async def place_companies(
    tx: Transaction,
    rows: Sequence[StagedCompany],
    rules: StagingRules = _LOADING,
    *,
    journal: Journal | None = None,
) -> list[Placed]:
    """The same by rules of one's own, with the ids of the companies; it records no change."""
    async with bulk_write(tx, rules.timeout_seconds):
        known = await _load_known(tx, rows, rules)
        matches = await in_turns(known.place, rows)
        await _write(tx, targets_of(matches), rules, journal)
    return await in_turns(Match.placed, matches)


class _Known:
    """The companies that rows can be about: stored ones, and the new ones of the rows so far."""

    def __init__(self, rules: StagingRules) -> None:
        self._rules = rules
        self._by_id: dict[int, _Company] = {}
        self._by_domain: dict[str, _Company] = {}
        self._by_name: defaultdict[str, list[_Company]] = defaultdict(list)

    def add_stored(self, rows: Iterable[Row]) -> None:
        """Know stored companies; of several with one domain the first counts."""
        for row in rows:
            if row["id"] not in self._by_id:
                company = _Company(record_id=row["id"], uuid=row["uuid"], is_new=False, stored=row)
                self._by_id[row["id"]] = company
                self._add(company, row, is_deleted=row["deleted_at"] is not None)

    def place(self, row: StagedCompany) -> "_Match":
        """The company a row is about, which takes the row; or why there is none."""
        values = row.values
        if not values.get("domain") and not values.get("name"):
            return Match(row, None, [_NAMELESS])
        company = self._match(values)
        if isinstance(company, Finding):
            return Match(row, None, [company])
        is_deleted = company is not None and company.is_deleted
        if refusal := self._rules.refused(company, is_deleted=is_deleted, kind=_Company.kind):
            return Match(row, None, [refusal])
        if company is None:
            if not row.may_create:
                return Match(row, None, [_UNKNOWN])
            company = _Company()
            self._add(company, values)
        elif self._rules.skips and not is_deleted:
            return Match(row, company, [], is_passed_over=True)
        company.take(row.line, values, with_nulls=self._rules.overwrites)
        return Match(row, company, [] if self._rules.overwrites else company.name_findings(values))

    def _add(
        self, company: "_Company", values: Mapping[str, Any] | Row, *, is_deleted: bool = False
    ) -> None:
        if domain := values.get("domain"):
            self._by_domain.setdefault(domain, company)
        if (name := values.get("name")) and not is_deleted:
            self._by_name[name.casefold()].append(company)

    def _match(self, values: Mapping[str, Any]) -> "_Company | Finding | None":
        if domain := values.get("domain"):
            return self._by_domain.get(domain)
        called = self._by_name.get(values["name"].casefold())
        if not called:
            return None
        told = _telling_apart(values)
        near = [item for item in called if not told or _agree(item.facts(), told)]
        if len(near) > 1:
            near = [item for item in near if item.facts() == told] or near
        if len(near) > 1:
            message = f"{len(near)} companies are called {values['name']!r}; add their domain."
            return Finding(code=StagingCode.AMBIGUOUS_MATCH, message=message, field="name")
        return near[0] if near else None


@dataclass(eq=False, slots=True)
class _Company(Target):
    """A company that rows go to, and what is stored of it."""

    kind = "company"

    stored: Mapping[str, Any] | Row | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether it is stored as deleted and no row has asked for it yet."""
        return not self.line and bool((self.stored or {}).get("deleted_at"))

    def facts(self) -> dict[str, str]:
        """What tells it apart from others of its name."""
        return _telling_apart(self.values) | _telling_apart(self.stored or {})

    def name_findings(self, values: Mapping[str, Any]) -> list[Finding]:
        """What is to be told when a row with its domain calls it by another name."""
        name = (self.stored or {}).get("name") or self.values.get("name")
        given = values.get("name")
        if not name or not given or name.casefold() == given.casefold():
            return []
        message = f"{values['domain']} is the domain of {name!r}, which is not renamed {given!r}."
        return [Finding(code=StagingCode.NAME_DIFFERS, message=message, field="name")]

    def needs_writing(self) -> bool:
        """Whether it is deleted, or was given something that is not known to be stored."""
        stored = self.stored or {}
        given = (name for name in self.values if name != "source")
        return bool(stored.get("deleted_at")) or not all(map(stored.get, given))


_Match = Match[StagedCompany, _Company]


_NAMELESS: Final = Finding(
    code=StagingCode.MISSING_REQUIRED, message=NAMELESS_COMPANY.message, field="name"
)
_UNKNOWN: Final = Finding(
    code=StagingCode.RELATION_NOT_FOUND,
    message="There is no such company, and none is to be made.",
)


async def _load_known(
    tx: Transaction, rows: Sequence[StagedCompany], rules: StagingRules
) -> _Known:
    known = _Known(rules)
    domains = list({row.values["domain"] for row in rows if row.values.get("domain")})
    names = {row.values.get("name") for row in rows if not row.values.get("domain")}
    if domains:
        live = await tx.fetch(_BY_DOMAIN, {"domains": domains})
        known.add_stored(live)
        missing = list(set(domains).difference(row["domain"] for row in live))
        known.add_stored(await tx.fetch(_DELETED_BY_DOMAIN, {"domains": missing}))
    if names := names - {None}:
        known.add_stored(await tx.fetch(_BY_NAME, {"names": list(names)}))
    return known


async def _write(
    tx: Transaction, targets: Sequence[_Company], rules: StagingRules, journal: Journal | None
) -> None:
    # In one order in every batch, so that two loads wait for each other instead of deadlocking.
    new = sorted((t for t in targets if t.is_new), key=lambda t: t.values.get("domain") or "")
    stored = [target for target in targets if not target.is_new]
    if not rules.overwrites:
        stored = [target for target in stored if target.needs_writing()]
    if stored:
        await tx.fetch(_LOCK, {"ids": [target.record_id for target in stored]})
        async with noting(journal, tx, companies, stored):
            await _UPDATES.write(tx, stored, rules)
    if new:
        await insert_targets(tx, companies, new)
        if journal:
            journal.made(companies, new)


def _telling_apart(values: Mapping[str, Any] | Row) -> dict[str, str]:
    """What tells companies of one name apart, as far as it is known; capitals do not count."""
    return {name: value.casefold() for name in _TELLING_APART if (value := values.get(name))}


def _agree(facts: Mapping[str, str], told: Mapping[str, str]) -> bool:
    return all(facts.get(name, value) == value for name, value in told.items())
