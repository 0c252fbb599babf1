"""Promises of `db.filter_shapes`: the limits and refusals of filters, and SQL free of values."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Final

import pytest
from sqlalchemy import Table

from db.filter_fields import FIELDS, FilterField, Search
from db.filter_flags import Flag
from db.filter_shapes import split_filter
from db.filters import name_values
from db.import_tables import import_errors
from db.job_tables import jobs
from db.keyset import page_statement
from db.relations import Relation
from db.tables import (
    activities,
    companies,
    contact_emails,
    contact_metadata,
    contact_phones,
    contacts,
)
from db.transaction import Database
from domain.errors import InvalidFilter, InvalidInput
from domain.filters import (
    ActivityFilter,
    AnyFilter,
    CompanyFilter,
    ContactEmailFilter,
    ContactFilter,
    ContactMetadataFilter,
    ContactPhoneFilter,
    DateTimeFilter,
    DateTimeRange,
    Filter,
    FloatFilter,
    IDFilter,
    ImportErrorFilter,
    IntFilter,
    JobFilter,
    SeniorityFilter,
    StringFilter,
    StringListFilter,
)
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import NodeId
from tests.db.brute_force import OPERATORS
from tests.db.random_filters import (
    FILTERS,
    LOGIC,
    condition_fields,
    kind_of,
    operators_of,
    plain_fields,
    relation_fields,
)
from tests.db.selections import listed, spell
from tests.factories import make_contact

TABLES: Final[Mapping[type[AnyFilter], Table]] = {
    ContactFilter: contacts,
    CompanyFilter: companies,
    ContactMetadataFilter: contact_metadata,
    ContactEmailFilter: contact_emails,
    ContactPhoneFilter: contact_phones,
    ActivityFilter: activities,
    JobFilter: jobs,
    ImportErrorFilter: import_errors,
}
A_COMPANY = encode_node_id(NodeKind.COMPANY, 1)
A = StringFilter(eq="a")


def nested(depth: int) -> ContactFilter:
    """A filter of as many levels."""
    filter_ = ContactFilter(title=A)
    for _ in range(depth - 1):
        filter_ = ContactFilter(and_=[ContactFilter(), filter_])
    return filter_


REFUSED = [
    pytest.param(
        ContactFilter(title=StringFilter(eq=None)),
        "filter.title.eq is null. To find missing values use isNull: true.",
        id="null-operand",
    ),
    pytest.param(
        ContactFilter(not_=ContactFilter(tags=StringListFilter(any_of=None))),
        "filter.not.tags.anyOf is null. To find missing values use isNull: true.",
        id="null-list",
    ),
    pytest.param(
        ContactFilter(title=StringFilter(not_in=["a", None])),  # type: ignore[list-item]  # as from JSON
        "filter.title.notIn holds null. To find missing values use isNull: true.",
        id="null-item",
    ),
    pytest.param(
        ContactFilter(title=None),
        "filter.title is null. Leave it out, or ask with isNull.",
        id="null-field",
    ),
    pytest.param(
        ContactFilter(company=None),
        "filter.company is null. Leave it out, or ask with isNull.",
        id="null-company",
    ),
    pytest.param(
        ContactFilter(or_=[ContactFilter(), ContactFilter(and_=None)]),
        "filter.or[1].and is null. Leave it out, or ask with isNull.",
        id="null-and",
    ),
    pytest.param(
        ContactFilter(company=CompanyFilter(name=StringFilter(starts_with="a\0"))),
        "filter.company.name.startsWith holds a NUL character, which no stored text can have.",
        id="nul",
    ),
    pytest.param(
        ContactFilter(tags=StringListFilter(all_of=["a", "\0"])),
        "filter.tags.allOf holds a NUL character, which no stored text can have.",
        id="nul-item",
    ),
    pytest.param(
        ContactFilter(emails=ContactEmailFilter(confidence=FloatFilter(gt=None))),
        "filter.emails.confidence.gt is null. To find missing values use isNull: true.",
        id="null-of-related",
    ),
    pytest.param(
        ContactFilter(phones=None),
        "filter.phones is null. Leave it out, or ask with isNull.",
        id="null-relation",
    ),
    pytest.param(
        ContactFilter(company=CompanyFilter(has_contacts_with=ContactFilter(has_phone=None))),
        "filter.company.hasContactsWith.hasPhone is null. Leave it out, or give true or false.",
        id="null-flag",
    ),
    pytest.param(
        ContactFilter(search=None),
        "filter.search is null. Leave it out, or give words.",
        id="null-search",
    ),
    pytest.param(
        ContactFilter(company=CompanyFilter(search="a" * 201)),
        "filter.company.search has 201 characters; at most 200 fit.",
        id="long-search",
    ),
    pytest.param(
        ContactFilter(or_=[ContactFilter(), ContactFilter(search=" a" * 9)]),
        "filter.or[1].search has 9 words; at most 8 fit.",
        id="search-of-too-many-words",
    ),
    pytest.param(
        ContactFilter(search="a\0"),
        "filter.search: 'a\\x00' holds a NUL character; remove it.",
        id="nul-in-search",
    ),
    pytest.param(
        ContactFilter(activities=ActivityFilter(body=StringFilter(in_=["a\0"]))),
        "filter.activities.body.in holds a NUL character, which no stored text can have.",
        id="nul-of-related",
    ),
    pytest.param(
        nested(6),
        "filter.and[1].and[1].and[1].and[1].and[0] is nested more than 5 levels deep.",
        id="too-deep",
    ),
    pytest.param(
        ContactFilter(
            company=CompanyFilter(
                not_=CompanyFilter(not_=CompanyFilter(not_=CompanyFilter(or_=[CompanyFilter()])))
            )
        ),
        "filter.company.not.not.not.or[0] is nested more than 5 levels deep.",
        id="company-too-deep",
    ),
    pytest.param(
        ContactFilter(
            company=CompanyFilter(
                has_contacts_with=ContactFilter(
                    company=CompanyFilter(
                        has_contacts_with=ContactFilter(phones=ContactPhoneFilter())
                    )
                )
            )
        ),
        "filter.company.hasContactsWith.company.hasContactsWith.phones"
        " is nested more than 5 levels deep.",
        id="relations-too-deep",
    ),
    pytest.param(
        ContactFilter(or_=[ContactFilter(search="a b c d e f")] * 9),
        "A filter has at most 50 conditions.",
        id="too-many-words",
    ),
    pytest.param(
        ContactFilter(or_=[ContactFilter(has_email=True)] * 51),
        "A filter has at most 50 conditions.",
        id="too-many-flags",
    ),
    pytest.param(
        ContactFilter(or_=[ContactFilter(search=" ")] * 51),
        "A filter has at most 50 conditions.",
        id="too-many-blank-searches",
    ),
    pytest.param(
        ContactFilter(or_=[ContactFilter(title=StringFilter())] * 51),
        "A filter has at most 50 conditions.",
        id="too-many-fields-without-operator",
    ),
    pytest.param(
        ContactFilter(and_=[ContactFilter(emails=ContactEmailFilter())] * 51),
        "A filter has at most 50 conditions.",
        id="too-many-empty-relations",
    ),
    pytest.param(
        ContactFilter(or_=[ContactFilter(title=A)] * 51),
        "A filter has at most 50 conditions.",
        id="too-many-conditions",
    ),
    pytest.param(
        ContactFilter(and_=[ContactFilter()] * 51),
        "A filter has at most 50 conditions.",
        id="too-many-empty-filters",
    ),
    pytest.param(
        ContactFilter(or_=[ContactFilter()] * 1001),
        "filter.or has 1001 items; at most 1000 fit.",
        id="too-many-alternatives",
    ),
    pytest.param(
        ContactFilter(title=StringFilter(in_=["a"] * 1001)),
        "filter.title.in has 1001 items; at most 1000 fit.",
        id="too-many-items",
    ),
    pytest.param(
        ContactFilter(company=CompanyFilter(contact_count=IntFilter(not_in=[1] * 1001))),
        "filter.company.contactCount.notIn has 1001 items; at most 1000 fit.",
        id="too-many-items-of-related",
    ),
]


@pytest.mark.parametrize(("filter_", "message"), REFUSED)
def test_filter_without_meaning_is_refused_with_its_place(
    filter_: ContactFilter, message: str
) -> None:
    """What cannot be meant, or is too much, is told with the path of the condition."""
    with pytest.raises(InvalidFilter) as refused:
        split_filter(filter_)
    assert refused.value.message == message


@pytest.mark.parametrize(
    "filter_",
    [
        pytest.param(nested(5), id="depth"),
        pytest.param(ContactFilter(or_=[ContactFilter(title=A)] * 50), id="conditions"),
        pytest.param(ContactFilter(or_=[ContactFilter()] * 50), id="alternatives"),
        pytest.param(ContactFilter(title=StringFilter(in_=["a"] * 1000)), id="items"),
    ],
)
async def test_filter_at_its_limit_is_answered(database: Database, filter_: ContactFilter) -> None:
    """The greatest filter that is allowed is one that PostgreSQL takes."""
    wanted = await make_contact(database, last_name="a", title="a")
    assert await listed(database, [filter_]) == [{wanted.id}]


@pytest.mark.parametrize(
    ("filter_", "message"),
    [
        pytest.param(
            ContactFilter(id=IDFilter(in_=[NodeId("nonsense")])),
            "'nonsense' is not an id of this server.",
            id="malformed",
        ),
        pytest.param(
            ContactFilter(id=IDFilter(eq=A_COMPANY)),
            f"'{A_COMPANY}' is the id of a company, not of a contact.",
            id="contact",
        ),
        pytest.param(
            ContactFilter(owner_id=IDFilter(eq=A_COMPANY)),
            f"'{A_COMPANY}' is the id of a company, not of a user.",
            id="user",
        ),
        pytest.param(
            CompanyFilter(has_contacts_with=ContactFilter(id=IDFilter(not_eq=A_COMPANY))),
            f"'{A_COMPANY}' is the id of a company, not of a contact.",
            id="nested",
        ),
    ],
)
def test_id_of_something_else_is_refused(filter_: Filter, message: str) -> None:
    """An id that cannot be one of the field's is an error, not an empty answer."""
    with pytest.raises(InvalidInput) as refused:
        split_filter(filter_)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("filter_", "count"),
    [
        pytest.param(
            ContactFilter(
                company_name=A, company_id=IDFilter(is_null=True), has_email=True, search="a"
            ),
            0,
            id="none",
        ),
        pytest.param(ContactFilter(company=CompanyFilter()), 1, id="one"),
        pytest.param(ContactFilter(emails=ContactEmailFilter(address=A)), 1, id="emails"),
        pytest.param(
            ContactFilter(
                company=CompanyFilter(name=A),
                or_=[ContactFilter(title=A), ContactFilter(company=CompanyFilter(city=A))],
            ),
            2,
            id="two",
        ),
        pytest.param(
            ContactFilter(
                company=CompanyFilter(has_contacts_with=ContactFilter(company=CompanyFilter()))
            ),
            3,
            id="nested",
        ),
    ],
)
def test_sql_asks_for_relations_only_when_the_filter_does(
    filter_: ContactFilter, count: int
) -> None:
    """A relation is an EXISTS where it is used, and nothing where it is not."""
    sql = spell(filter_)
    assert sql.count("EXISTS") == count
    assert sql.count("FROM") == count + 1


def test_filters_of_one_shape_share_one_statement() -> None:
    """Values are bound, never written: other values, and lists of another length, build no SQL."""
    one = ContactFilter(
        title=StringFilter(eq="a", in_=["a"]),
        created_at=DateTimeFilter(
            between=DateTimeRange(from_=datetime.min.replace(tzinfo=UTC), to=datetime.now(UTC))
        ),
        company=CompanyFilter(employees_count=IntFilter(gt=1)),
    )
    other = replace(
        one,
        title=StringFilter(eq="'; DROP TABLE contacts", in_=["b"] * 900),
        company=CompanyFilter(employees_count=IntFilter(gt=-5)),
    )
    (shape, values), (other_shape, other_values) = split_filter(one), split_filter(other)
    assert shape == other_shape
    assert hash(shape) == hash(other_shape)
    assert values != other_values
    assert "DROP" not in spell(other)
    assert list(name_values(values)) == ["v0", "v1", "v2", "v3", "v4", "v5"]


async def test_page_with_other_values_compiles_nothing(database: Database) -> None:
    """The second filter of a shape is answered by the statement of the first."""
    await listed(database, [ContactFilter(seniority=SeniorityFilter(in_=[]), city=A)])
    before = page_statement.cache_info()
    await listed(
        database,
        [
            ContactFilter(seniority=SeniorityFilter(in_=[]), city=StringFilter(eq=w))
            for w in ("b", "c", "50%")
        ],
    )
    after = page_statement.cache_info()
    assert (after.hits, after.misses) == (before.hits + 3, before.misses)


def test_every_field_is_declared_and_every_operator_has_a_meaning() -> None:
    """Nothing of the vocabulary is left for the compiler to stumble over."""
    assert set(FIELDS) == FILTERS
    for kind, declared in FIELDS.items():
        assert set(declared) == {item.name for item in fields(kind)} - LOGIC
        for name, field in declared.items():
            assert isinstance(field, Relation) is (name in relation_fields(kind))
            assert isinstance(field, Flag | Search) is (name in plain_fields(kind))
            if isinstance(field, FilterField):
                assert {field.column, field.folded or field.column} <= set(TABLES[kind].c.keys())
                assert not field.searched or "search_text" in TABLES[kind].c
    used = {
        operator
        for kind in FILTERS
        for name in condition_fields(kind)
        for operator in operators_of(kind_of(kind, name))
    }
    assert used == {*OPERATORS, "is_null"}
