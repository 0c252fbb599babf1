"""Promises of `cache.tags`: a change touches what depends on it, and nothing else."""

from cache.keys import CompanyDetail, ContactDetail, ContactList
from cache.tags import MAX_TAGS, Entity, any_of, contacts_of, every, one, tags_of
from domain.changes import (
    AvatarChanged,
    Change,
    ChangeKind,
    CompaniesLoaded,
    CompanyChanged,
    ContactChanged,
    ContactsLoaded,
)

NOTHING: frozenset[Entity] = frozenset()


def contact(row_id: int, *companies: int) -> ContactChanged:
    return ContactChanged(
        kind=ChangeKind.UPDATED, contact_id=row_id, company_ids=frozenset(companies)
    )


def test_contact_touches_itself_its_lists_and_both_companies() -> None:
    """One that moves is missing in one place and new in the other."""
    assert tags_of([contact(7, 1, 2)]) == {
        any_of(Entity.CONTACT),
        one(Entity.CONTACT, 7),
        contacts_of(1),
        contacts_of(2),
    }


def test_company_touches_no_contact() -> None:
    """Answers that show both depend on both by themselves."""
    changed = CompanyChanged(kind=ChangeKind.DELETED, company_id=3)
    assert tags_of([changed]) == {any_of(Entity.COMPANY), one(Entity.COMPANY, 3)}


def test_very_many_touch_every_one_of_their_kind() -> None:
    """Nobody tells which they were."""
    changes: list[Change] = [ContactsLoaded(rows=9), CompaniesLoaded(rows=9)]
    records = (Entity.CONTACT, Entity.COMPANY)
    assert tags_of(changes) == {tag for kind in records for tag in (any_of(kind), every(kind))}


def test_a_picture_touches_what_shows_pictures_alone() -> None:
    """Whoever sends many of them does not empty the cache for all."""
    assert tags_of([AvatarChanged(user_id=1)]) == {any_of(Entity.USER)}


def test_what_touches_too_many_tags_touches_every_record_of_its_kinds() -> None:
    """Telling a store about each would take longer than reading them again."""
    changes = [contact(row_id) for row_id in range(MAX_TAGS)]
    assert tags_of(changes) == {any_of(Entity.CONTACT), every(Entity.CONTACT)}


def test_each_answer_is_touched_by_what_it_is_made_of() -> None:
    """Also by a change of which only the kind is told."""
    detail = ContactDetail(contact_id=7, digest="x", shows=NOTHING)
    company = CompanyDetail(company_id=1, with_contacts=True, digest="x", shows=NOTHING)
    page = ContactList(digest="x", shows=frozenset({Entity.CONTACT}))
    for key in (detail, company, page):
        assert tags_of([contact(7, 1)]) & set(key.tags)
        assert tags_of([ContactsLoaded(rows=1)]) & set(key.tags)


def test_an_answer_is_not_touched_by_others() -> None:
    """Another contact, another company's contacts, a company that is not shown."""
    detail = ContactDetail(contact_id=7, digest="x", shows=NOTHING)
    company = CompanyDetail(company_id=1, with_contacts=False, digest="x", shows=NOTHING)
    assert not tags_of([contact(8, 1)]) & set(detail.tags)
    assert not tags_of([contact(7, 1)]) & set(company.tags)
    others = CompanyDetail(company_id=2, with_contacts=True, digest="x", shows=NOTHING)
    assert not tags_of([contact(7, 1)]) & set(others.tags)
