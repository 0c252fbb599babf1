"""Promises on indexes: each filter field and operator has one that answers it, or a reason."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.entities import COMPANIES, CONTACTS, Entity
from db.filter_shapes import split_filter
from db.filters import name_values
from db.keyset import PageShape, page_statement
from db.transaction import Database, ReadSession
from domain.enums import EmailStatus, Seniority
from domain.filters import (
    CompanyFilter,
    ContactFilter,
    EmailStatusFilter,
    Filter,
    IntFilter,
    IntRange,
    SeniorityFilter,
    StringFilter,
)
from domain.paging import NEWEST_COMPANIES, NEWEST_CONTACTS
from tests.databases import database_of_its_own
from tests.db.selective import Probe, probes

SEED: Final = Path(__file__).parents[2] / "benchmarks" / "seed.sql"
Plan = Mapping[str, Any]


@dataclass(frozen=True)
class Server:
    """What decides on indexes beside the rows.

    Attributes:
        trigrams: It has pg_trgm, so parts of the searched texts have an index.
        bytewise: Texts are sorted by their bytes, so those that begin alike stand together.
        folds_nulls: It knows while planning that a column without NULLs has none.
    """

    trigrams: bool
    bytewise: bool
    folds_nulls: bool
    table_of_index: Mapping[str, str]


@dataclass(frozen=True)
class Reason:
    """Why no index answers some conditions.

    Attributes:
        conditions: A pattern of the names of probes, all of which have no index.
        where: On which servers; everywhere when not said.
    """

    conditions: str
    why: str
    where: Callable[[Server], bool] = field(default=lambda _server: True)

    def covers(self, probe: Probe) -> bool:
        return re.fullmatch(rf"({self.conditions})( caseSensitive)?", probe.name) is not None


def without_trigrams(server: Server) -> bool:
    return not server.trigrams


def sorted_by_language(server: Server) -> bool:
    return not server.bytewise


SEARCHED: Final = (
    r"(ContactFilter\.(firstName|middleName|lastName|name|title|email|emailDomain|companyName)"
    r"|CompanyFilter\.(name|domain))"
)
SHORT: Final = (
    r"(ContactFilter\.(city|region|country|countryCode|stage|leadStatus)"
    r"|CompanyFilter\.(industry|latestFunding|city|region|country|countryCode|stage))"
)
LIKE_CONTACT: Final = "A detail of few searches; the table is read once or contact by contact."

REASONS: Final = (
    Reason(
        r"(?!.*(contactCount|linkedinUrl)).*\.(notEq|notIn|noneOf)|CompanyFilter\.linkedinUrl"
        r"\.(notEq|notIn)",
        "Nearly every row matches, so the index of the order gives a page at once.",
    ),
    Reason(
        rf"{SHORT}\.(contains|endsWith)",
        "A part of one of a few short values; asked whole, or by its beginning, it has an index.",
    ),
    Reason(
        r"CompanyFilter\.linkedinUrl\.(contains|endsWith)",
        "Profiles are found whole, or by their beginning.",
    ),
    Reason(
        rf"({SEARCHED}\.(contains|endsWith)|(Contact|Company)Filter\.search .*)",
        "A part of a text has an index only with pg_trgm; without it all rows are read.",
        where=without_trigrams,
    ),
    Reason(
        rf"({SHORT}|CompanyFilter\.linkedinUrl|ContactMetadataFilter\.linkedinUrl"
        r"|ContactEmailFilter\.address|ContactPhoneFilter\.e164)\.startsWith",
        "Texts that begin alike do not stand together in an index that is sorted by language.",
        where=sorted_by_language,
    ),
    Reason(
        rf"{SEARCHED}\.startsWith",
        "Neither sorted by bytes nor cut into trigrams.",
        where=lambda server: sorted_by_language(server) and without_trigrams(server),
    ),
    Reason(
        r"ContactFilter\.middleName\.(eq|in|isNull)",
        "Few have one and nobody is looked for by it alone, so there is no index.",
    ),
    Reason(
        r"ContactFilter\.middleName\.startsWith",
        "As with its other conditions.",
        where=without_trigrams,
    ),
    Reason(
        r"(ContactFilter\.(lastContactedAt|lastVerifiedAt)"
        r"|CompanyFilter\.(totalFunding|latestFunding|latestFundingAmount|lastRaisedAt|parentId))"
        r"\.isNull",
        "Missing in so many rows that the index of the order gives a page at once.",
    ),
    Reason(
        r"CompanyFilter\.employeeRange\.(eq|in)",
        "Eleven classes, none of them rare: the index of the order soon meets enough of each.",
    ),
    Reason(r"ContactFilter\.hasEmail True", "Nearly every contact has one."),
    Reason(
        r"ContactFilter\.hasLinkedIn False",
        "Nearly every contact has one, so those without are found by reading all.",
    ),
    Reason(r"ContactFilter\.metadata", "Without conditions it holds for every contact."),
    Reason(
        r"ContactMetadataFilter\.(headline|facebookUrl|twitterUrl|websiteUrl|street|postalCode"
        r"|timezone|notes)\..*",
        LIKE_CONTACT,
    ),
    Reason(
        r"ContactMetadataFilter\.linkedinUrl\.(contains|endsWith|isNull)",
        "Profiles are found whole, or by their beginning; those without one by reading all.",
    ),
    Reason(
        r"ContactEmailFilter\.(type|confidence|isCatchAll|source|verifiedAt)\..*",
        LIKE_CONTACT,
    ),
    Reason(r"ContactEmailFilter\.(status\.(eq|in)|isPrimary\.eq)", LIKE_CONTACT),
    Reason(
        r"ContactEmailFilter\.address\.(contains|endsWith)",
        "The primary address can be searched for; others are found whole, or by their beginning.",
    ),
    Reason(r"ContactPhoneFilter\.(number|extension|status|source)\..*", LIKE_CONTACT),
    Reason(r"ContactPhoneFilter\.(type\.(eq|in)|isPrimary\.eq)", LIKE_CONTACT),
    Reason(
        r"ContactPhoneFilter\.e164\.(contains|endsWith)",
        "Numbers are found whole, or by their beginning.",
    ),
    Reason(r"ActivityFilter\.(body\..*|type\.(eq|in))", LIKE_CONTACT),
    Reason(
        r"(ContactEmailFilter\.(status|isPrimary)|ContactPhoneFilter\.(type|isPrimary)"
        r"|ActivityFilter\.type)\.isNull",
        "Never missing, which older servers find out by reading.",
        where=lambda server: not server.folds_nulls,
    ),
)


@pytest.fixture(scope="session")
async def seeded(server_url: URL, template: str) -> AsyncIterator[Database]:
    """A database of 20,000 contacts of 2,000 companies, as the benchmark has them."""
    name = f"{template}_seeded"
    async with (
        database_of_its_own(server_url, name=name, template=template) as url,
        open_engine(url, statement_timeout_seconds=600) as engine,
    ):
        database = Database(engine)
        async with database.read() as session:
            for table, rows in (("contacts", 20_000), ("companies", 2_000)):
                await session.driver.execute(f"SET benchmarks.{table} = {rows}")
            await session.driver.execute(SEED.read_text("utf-8"))
            await session.driver.execute("VACUUM ANALYZE")
        yield database


async def server_of(session: ReadSession) -> Server:
    """What the server can do."""
    indexes = await session.driver.fetch(
        "SELECT indexname, tablename FROM pg_indexes WHERE schemaname = 'public'"
    )
    bytewise = await session.driver.fetchval(
        "SELECT datlocprovider = 'b' OR datcollate IN ('C', 'POSIX') AND datlocprovider = 'c'"
        " FROM pg_database WHERE datname = current_database()"
    )
    names = {row["indexname"]: row["tablename"] for row in indexes}
    folds_nulls = session.driver.get_server_version().major >= 17
    return Server("ix_contacts_search_text_trgm" in names, bytewise, folds_nulls, names)


async def plan_of(session: ReadSession, filter_: Filter, *, how: str = "FORMAT JSON") -> Plan:
    """How PostgreSQL reads the first page of ten."""
    is_contact = isinstance(filter_, ContactFilter)
    entity: Entity[Any] = CONTACTS if is_contact else COMPANIES
    shape, values = split_filter(filter_)
    order = NEWEST_CONTACTS if is_contact else NEWEST_COMPANIES
    statement = page_statement(PageShape(entity, shape, order))
    arguments = statement.arguments(name_values(values) | {"size": 11})
    (explained,) = await session.driver.fetchval(f"EXPLAIN ({how}) {statement.sql}", *arguments)
    plan: Plan = explained["Plan"]
    return plan


def nodes(plan: Plan) -> Iterator[Plan]:
    """A plan's node and all below."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def conditions_by_index(plan: Plan, server: Server, table: str) -> list[str]:
    """What the indexes of a table are searched for."""
    return [
        node["Index Cond"]
        for node in nodes(plan)
        if "Index Cond" in node and server.table_of_index[node["Index Name"]] == table
    ]


def is_by_index(plan: Plan, server: Server, probe: Probe) -> bool:
    """Whether the condition itself is looked up, or needs no reading at all."""
    if not any("Scan" in node["Node Type"] for node in nodes(plan)):
        return True
    found = conditions_by_index(plan, server, probe.table)
    return any(re.search(rf"\b{column}\b", text) for column in probe.columns for text in found)


async def test_every_condition_is_answered_by_an_index_or_has_a_reason(seeded: Database) -> None:
    """Each operator of each field alone, and no reason stands where an index does the work."""
    by_index: dict[str, bool] = {}
    explained: dict[str, list[Reason]] = {}
    async with seeded.read() as session:
        server = await server_of(session)
        reasons = [reason for reason in REASONS if reason.where(server)]
        async for probe in probes(session.driver):
            plan = await plan_of(session, probe.filter_)
            by_index[probe.name] = is_by_index(plan, server, probe)
            explained[probe.name] = [reason for reason in reasons if reason.covers(probe)]
    assert [name for name in by_index if not by_index[name] and not explained[name]] == []
    assert [name for name in by_index if by_index[name] and explained[name]] == []
    used = {reason.conditions for covering in explained.values() for reason in covering}
    assert [reason.conditions for reason in reasons if reason.conditions not in used] == []


# "Verified VPs in Berlin at software companies with 50–500 employees that have no phone."
SENTENCE: Final = ContactFilter(
    email_status=EmailStatusFilter(eq=EmailStatus.VERIFIED),
    seniority=SeniorityFilter(eq=Seniority.VP),
    city=StringFilter(eq="Berlin"),
    has_phone=False,
    company=CompanyFilter(
        industry=StringFilter(eq="Software"),
        employees_count=IntFilter(between=IntRange(from_=50, to=500)),
    ),
)


async def test_sentence_reads_every_table_by_index(seeded: Database) -> None:
    """The question that filters are for looks up companies, contacts and phones alike."""
    async with seeded.read() as session:
        plan, server = await plan_of(session, SENTENCE), await server_of(session)
    assert [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"] == []
    for table in ("companies", "contacts", "contact_phones"):
        assert conditions_by_index(plan, server, table), table


async def test_contacts_of_a_company_are_counted_no_further_than_asked(seeded: Database) -> None:
    """Whether a company has three contacts is known after the fourth, however many it has."""
    few = CompanyFilter(contact_count=IntFilter(gte=3))
    async with seeded.read() as session:
        most = await session.driver.fetchval(
            "SELECT max(count) FROM (SELECT count(*) FROM contacts GROUP BY company_id) AS counts"
        )
        plan = await plan_of(session, few, how="ANALYZE, FORMAT JSON")
    counted = [node["Actual Rows"] for node in nodes(plan) if node.get("Alias") == "contacts_1"]
    assert most > 4
    assert counted
    assert max(counted) <= 4
