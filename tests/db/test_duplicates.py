"""Promises of `db.duplicates`: which records form a group, and that a walk meets each once."""

from typing import Any

import pytest

from db.companies import delete_company
from db.contacts import delete_contact
from db.duplicates import DuplicateGroup, count_duplicates, duplicates_behind, list_duplicates
from db.transaction import Database
from domain.duplicates import (
    GROUPS_OF_COMPANIES,
    GROUPS_OF_CONTACTS,
    MAX_SHOWN,
    MatchKey,
    match_keys,
)
from domain.enums import CompanyMatchKey, ContactMatchKey
from domain.paging import PageRequest
from domain.records import NewLocation, NewPhone
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute
from tests.statements import Statements

ADA = "https://www.linkedin.com/in/ada"
PHONE = "+4930901820"


async def groups(database: Database, *keys: MatchKey, **page: Any) -> list[DuplicateGroup]:
    """The groups of a page of these keys."""
    order = GROUPS_OF_CONTACTS if isinstance(keys[0], ContactMatchKey) else GROUPS_OF_COMPANIES
    async with database.read() as session:
        listed = await list_duplicates(session, keys, PageRequest(order=order, **page))
    return list(listed.rows)


async def found(database: Database, *keys: MatchKey) -> list[tuple[str, list[int]]]:
    """Value and ids of all groups of these keys."""
    return [(group.value, list(group.ids)) for group in await groups(database, *keys)]


async def contact(database: Database, **fields: Any) -> int:
    """The id of a new contact."""
    return (await make_contact(database, **fields)).id


async def test_contacts_with_one_profile_are_a_group(database: Database) -> None:
    """The address of the profile counts in its stored form; the page of a company is nobody's."""
    first = await contact(database, linkedin_url="linkedin.com/in/ada")
    await contact(database, linkedin_url="linkedin.com/in/bob")
    second = await contact(database, linkedin_url="http://de.linkedin.com/in/Ada/")
    for _ in range(2):
        await contact(database, linkedin_url="linkedin.com/company/acme")
    assert await found(database, ContactMatchKey.LINKEDIN_URL) == [(ADA, [first, second])]


async def test_contacts_with_one_phone_and_last_name_are_a_group(database: Database) -> None:
    """A shared number alone is a switchboard; a short family name with it is a person."""
    phones = [NewPhone(number="+49 30 901820"), NewPhone(number="0049 30 901820")]
    ids = [
        await contact(database, last_name=name, phones=phones)
        for name in ("King", "KING", "Byron", "王", "王", None)
        if name
    ]
    await contact(database, first_name="King", phones=phones)
    await contact(database, last_name="King", phones=[NewPhone(number="030 901820")])
    assert await found(database, ContactMatchKey.PHONE_AND_LAST_NAME) == [
        (f"{PHONE}, king", ids[:2]),
        (f"{PHONE}, 王", ids[3:]),
    ]


async def test_contacts_with_one_name_at_one_company_are_a_suggestion(database: Database) -> None:
    """Only the same name at the same domain; a name of two letters says too little."""
    acme = id_of(await make_company(database, domain="acme.com"))
    other = id_of(await make_company(database, domain="other.com"))
    nameless = id_of(await make_company(database, name="No domain"))
    ids = [
        await contact(database, first_name="Ada", last_name=name, company_id=company)
        for name, company in (("King", acme), ("KING", acme), ("King", other), ("King", nameless))
    ]
    for _ in range(2):
        await contact(database, last_name="Li", company_id=acme)
        await contact(database, first_name="Ada", last_name="King", company_id=nameless)
    (group,) = await groups(database, ContactMatchKey.NAME_AND_COMPANY_DOMAIN)
    assert (group.value, group.ids, group.is_suggestion) == ("ada king, acme.com", ids[:2], True)


async def test_addresses_of_one_mailbox_are_a_suggestion(database: Database) -> None:
    """What stands behind a plus is delivered without it; Google passes over dots too."""
    plain = await contact(database, emails=("ada@acme.com",))
    tagged = await contact(database, emails=("Ada+news@acme.com", "ada+shop@acme.com"))
    dotted = await contact(database, emails=("a.da+x@gmail.com",))
    google = await contact(database, emails=("ada@googlemail.com",))
    await contact(database, emails=("a.da@acme.com", "+x@acme.com"))
    await contact(database, emails=("+y@acme.com", "ada@acme.org"))
    assert await found(database, ContactMatchKey.EMAIL) == [
        ("ada@acme.com", [plain, tagged]),
        ("ada@gmail.com", [dotted, google]),
    ]


async def test_companies_that_name_one_host_are_a_group(database: Database) -> None:
    """A further domain is read as a host, and meets a main domain or another further one."""
    ids = [
        (await make_company(database, **fields)).id
        for fields in (
            {"domain": "acme.com"},
            {"domain": "acme.de", "additional_domains": ["https://www.ACME.com/about", "acme.io"]},
            {"name": "Acme", "additional_domains": ["acme.io:443", "ac"]},
            {"name": "Short", "additional_domains": ["ac", "alone.com"]},
        )
    ]
    assert await found(database, CompanyMatchKey.DOMAIN) == [
        ("acme.com", ids[:2]),
        ("acme.io", ids[1:3]),
    ]


async def test_companies_with_one_page_are_a_group(database: Database) -> None:
    """The address of the LinkedIn page; contacts with the same name of a key are no companies."""
    url = "https://www.linkedin.com/company/acme"
    ids = [(await make_company(database, name="A", linkedin_url=url)).id for _ in range(2)]
    await contact(database, linkedin_url=url)
    assert await found(database, CompanyMatchKey.LINKEDIN_URL) == [(url, ids)]
    assert await found(database, ContactMatchKey.LINKEDIN_URL) == []


@pytest.mark.parametrize(
    "names",
    [
        ("Acme", "ACME GmbH"),
        ("Acme, Inc.", "Acme Incorporated"),
        ("Acme GmbH & Co. KG", "acme"),
        ("Acme S.A.", "Acme B.V."),
        ("A.C.M.E. Ltd.", "ACME A/S"),
        ("Acme-Tools (Sp. z o.o.)", "Acme Tools"),
        ("Ärzte–Haus AG", "ärzte–haus"),
    ],
)
async def test_companies_of_one_name_in_one_country_are_a_suggestion(
    database: Database, names: tuple[str, str]
) -> None:
    """Legal form, punctuation and capitals do not tell companies apart; the country does."""
    ids = [
        (await make_company(database, name=name, address=NewLocation(country_code="DE"))).id
        for name in names
    ]
    await make_company(database, name=names[0], address=NewLocation(country_code="AT"))
    await make_company(database, name=names[0])
    (group,) = await groups(database, CompanyMatchKey.NAME_AND_COUNTRY)
    assert (group.ids, group.is_suggestion, group.value[-4:]) == (ids, True, ", de")


async def test_a_legal_form_alone_is_no_name(database: Database) -> None:
    """What is left of a name has to say something."""
    for name in ("Co", "& Co. KG", "AB Inc.", "GmbH & Co. KG"):
        await make_company(database, name=name, address=NewLocation(country="Germany"))
        await make_company(database, name=name, address=NewLocation(country="Germany"))
    values = [value for value, _ in await found(database, CompanyMatchKey.NAME_AND_COUNTRY)]
    assert values == ["gmbh, germany"]


async def test_deleted_records_are_in_no_group(database: Database) -> None:
    """A group is of live records; of one alone there is none."""
    rows = [
        await make_contact(database, linkedin_url=ADA, emails=(f"ada+{n}@x.org",)) for n in "ab"
    ]
    firms = [await make_company(database, name="A", additional_domains=["acme.com"]) for _ in "ab"]
    keys = list(ContactMatchKey)
    assert len(await groups(database, *keys)) == 2
    async with database.write() as tx:
        await delete_contact(tx, rows[0].id)
        await delete_company(tx, firms[0].id)
    assert await groups(database, *keys) == []
    assert await groups(database, *CompanyMatchKey) == []


async def test_a_large_group_shows_its_first_and_counts_all(database: Database) -> None:
    """A hundred records by id, however many there are."""
    await execute(
        database,
        "WITH made AS (INSERT INTO contacts (first_name) SELECT 'n' || n"
        " FROM generate_series(1, 150) AS n RETURNING id)"
        " INSERT INTO contact_metadata (contact_id, linkedin_url) SELECT id, $1 FROM made",
        ADA,
    )
    (group,) = await groups(database, ContactMatchKey.LINKEDIN_URL)
    assert (group.count, len(group.ids), group.ids) == (150, MAX_SHOWN, sorted(group.ids))


async def _many(database: Database) -> None:
    """Groups of every key of contacts, some of which share their values' beginnings."""
    for at in range(4):
        company = id_of(await make_company(database, domain=f"acme{at}.com"))
        for twin in range(2):
            await make_contact(
                database,
                first_name=f"Ada{at // 2}",
                last_name=f"King{at}",
                emails=(f"ada{at}+{twin}@acme.com",),
                linkedin_url=f"{ADA}{at}",
                phones=[NewPhone(number=f"+49 30 90182{at // 2}")],
                company_id=company,
            )


@pytest.mark.parametrize("size", [1, 3, 7, 16])
@pytest.mark.parametrize("backward", [False, True])
async def test_a_walk_meets_every_group_once(database: Database, size: int, backward: bool) -> None:
    """By key and value, in both directions, whatever the size of the pages."""
    await _many(database)
    keys = match_keys(ContactMatchKey, list(ContactMatchKey))
    everything = [(group.match_key, group.value) for group in await groups(database, *keys)]
    assert everything == sorted(everything, key=lambda each: (keys.index(each[0]), each[1]))
    assert len(everything) == 16
    walked: list[tuple[MatchKey, str]] = []
    cursor = None
    while True:
        request = PageRequest(order=GROUPS_OF_CONTACTS, size=size, cursor=cursor, backward=backward)
        async with database.read() as session:
            page = await list_duplicates(session, keys, request)
            behind = await duplicates_behind(session, keys, request) if cursor else False
            assert await count_duplicates(session, keys) == 16
        rows = [(group.match_key, group.value) for group in page.rows]
        assert behind is bool(walked)
        walked = rows + walked if backward else walked + rows
        if not page.has_more:
            break
        cursor = page.rows[0 if backward else -1].cursor(0)
    assert walked == everything


async def test_a_cursor_of_a_key_that_is_not_asked_for_goes_on_behind_it(
    database: Database,
) -> None:
    """A place in the list stays where it is when fewer keys are asked for."""
    await _many(database)
    keys = list(ContactMatchKey)
    last_profile = [g for g in await groups(database, *keys) if g.match_key == keys[1]][-1]
    cursor = last_profile.cursor(8)
    assert await groups(database, keys[0], keys[1], cursor=cursor) == []
    after = await groups(database, keys[0], keys[3], cursor=cursor)
    assert {group.match_key for group in after} == {keys[3]}
    before = await groups(database, keys[0], keys[3], cursor=cursor, backward=True)
    assert {group.match_key for group in before} == {keys[0]}


async def test_a_page_is_one_statement(database: Database, statements: Statements) -> None:
    """However many keys and groups it has; none at all where nothing can be left."""
    await _many(database)
    keys = list(ContactMatchKey)
    with statements.recorded() as recorded:
        everything = await groups(database, *keys)
    assert len(recorded) == 1
    with statements.recorded() as recorded:
        assert await groups(database, keys[0], cursor=everything[-1].cursor(16)) == []
    assert recorded == []
