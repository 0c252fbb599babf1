"""Promises of `db.filters` on related rows: the company, the metadata, duplicates, and nesting."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from db.tables import companies, contacts
from db.transaction import Database
from domain.filters import (
    CompanyFilter,
    ContactFilter,
    ContactMetadataFilter,
    IDFilter,
    IntFilter,
    StringFilter,
)
from domain.node_ids import NodeKind, encode_node_id
from domain.records import NewPhone
from tests.db.datasets import mark_deleted
from tests.db.selections import listed
from tests.factories import make_company, make_contact


async def test_contact_without_company_matches_company_filters_only_under_not(
    database: Database, engine: AsyncEngine
) -> None:
    """Even an empty company filter asks for a company that is there; a deleted one is not."""
    live, gone = (
        await make_company(database, name="Live"),
        await make_company(database, name="Gone"),
    )
    made = [
        await make_contact(database, last_name=name, company_id=company_id)
        for name, company_id in [
            ("of live", encode_node_id(NodeKind.COMPANY, live.id)),
            ("of gone", encode_node_id(NodeKind.COMPANY, gone.id)),
            ("alone", None),
        ]
    ]
    async with engine.begin() as connection:
        await connection.execute(
            companies.update().where(companies.c.id == gone.id).values(deleted_at=datetime.now(UTC))
        )
    of_live, of_gone, alone = (row.id for row in made)
    some = ContactFilter(company=CompanyFilter())
    found = await listed(
        database, [some, ContactFilter(not_=some), ContactFilter(company_id=IDFilter(is_null=True))]
    )
    assert found == [{of_live}, {of_gone, alone}, {alone}]


async def test_contact_that_was_never_given_metadata_has_none(database: Database) -> None:
    """A missing row is as good as one without values: null is shown, and isNull finds it."""
    bare = await make_contact(database, last_name="bare")
    known = await make_contact(database, last_name="known", headline="x")
    asked = [
        ContactMetadataFilter(headline=StringFilter(is_null=True)),
        ContactMetadataFilter(headline=StringFilter(not_eq="X"), notes=StringFilter(not_in=["y"])),
        ContactMetadataFilter(headline=StringFilter(not_eq="y", is_null=False)),
        ContactMetadataFilter(headline=StringFilter(not_eq="y")),
        ContactMetadataFilter(),
    ]
    found = await listed(database, [ContactFilter(metadata=one) for one in asked])
    both = {bare.id, known.id}
    assert found == [{bare.id}, {bare.id}, {known.id}, both, both]


async def test_duplicates_share_a_profile_or_number_and_family_name(
    database: Database, engine: AsyncEngine
) -> None:
    """Only live ones count, and a number under another name is somebody else's."""
    number = [NewPhone(number="+49 30 123456")]
    profile = "https://www.linkedin.com/in/ada"
    people: dict[str, dict[str, Any]] = {
        "profile": {"first_name": "A", "linkedin_url": profile},
        "same profile": {"first_name": "B", "linkedin_url": profile},
        "number": {"last_name": "Lovelace", "phones": number},
        "same number": {"last_name": "LOVELACE", "phones": number},
        "colleague": {"last_name": "Byron", "phones": number},
        "nameless": {"first_name": "C", "phones": number},
        "also nameless": {"first_name": "D", "phones": number},
        "alone": {"last_name": "King", "linkedin_url": f"{profile}-king"},
        "like a deleted one": {"last_name": "Gone", "linkedin_url": f"{profile}-gone"},
        "deleted": {"last_name": "Gone", "linkedin_url": f"{profile}-gone"},
    }
    made = {name: (await make_contact(database, **given)).id for name, given in people.items()}
    await mark_deleted(engine, contacts, [made.pop("deleted")])
    duplicates = {made[name] for name in ("profile", "same profile", "number", "same number")}
    found = await listed(
        database,
        [
            ContactFilter(is_duplicate=True),
            ContactFilter(is_duplicate=False),
            ContactFilter(not_=ContactFilter(is_duplicate=True)),
        ],
    )
    others = set(made.values()) - duplicates
    assert found == [duplicates, others, others]


async def test_relations_nest_without_taking_each_other_for_themselves(
    database: Database,
) -> None:
    """Contacts of a company that has another contact of a company: each level is its own."""
    companies_ = [await make_company(database, name=name) for name in ("Acme", "Umbrella")]
    made = [
        await make_contact(
            database, last_name=name, company_id=encode_node_id(NodeKind.COMPANY, company.id)
        )
        for company in companies_
        for name in ("Ada", "Bob")
    ]
    deep = ContactFilter(
        last_name=StringFilter(eq="Bob"),
        company=CompanyFilter(
            contact_count=IntFilter(eq=2),
            has_contacts_with=ContactFilter(
                last_name=StringFilter(eq="Ada"),
                company=CompanyFilter(
                    name=StringFilter(eq="Acme"),
                    has_contacts_with=ContactFilter(last_name=StringFilter(eq="Bob")),
                ),
            ),
        ),
    )
    assert await listed(database, [deep]) == [{made[1].id}]
