"""Promises of `db.filters` on the form of filters: limits, refusals, and SQL free of values."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from db.filters import FIELDS, name_values, split_filter
from db.keyset import page_statement
from db.tables import companies, contacts
from db.transaction import Database
from domain.errors import InvalidFilter, InvalidInput
from domain.filters import (
    CompanyFilter,
    ContactFilter,
    DateTimeFilter,
    DateTimeRange,
    IDFilter,
    IntFilter,
    SeniorityFilter,
    StringFilter,
    StringListFilter,
)
from tests.db.brute_force import OPERATORS
from tests.db.random_filters import (
    NESTING,
    condition_fields,
    conditions_of,
    operators_of,
)
from tests.db.selections import Stored, spell
from tests.factories import make_contact

KINDS = (ContactFilter, CompanyFilter)
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
    assert await Stored(database, [], []).listed([filter_]) == [{wanted.id}]


@pytest.mark.parametrize(
    ("operand", "message"),
    [
        ("nonsense", "'nonsense' is not an id of this server."),
        ("AQIB", "'AQIB' is the id of a company, not of a contact."),
    ],
    ids=["malformed", "other-kind"],
)
def test_id_of_something_else_is_refused(operand: Any, message: str) -> None:
    """An id that cannot be one of the field's is an error, not an empty answer."""
    with pytest.raises(InvalidInput) as refused:
        split_filter(ContactFilter(id=IDFilter(in_=[operand])))
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("filter_", "count"),
    [
        pytest.param(
            ContactFilter(company_name=A, company_id=IDFilter(is_null=True)), 0, id="none"
        ),
        pytest.param(ContactFilter(company=CompanyFilter()), 1, id="one"),
        pytest.param(
            ContactFilter(
                company=CompanyFilter(name=A),
                or_=[ContactFilter(title=A), ContactFilter(company=CompanyFilter(city=A))],
            ),
            2,
            id="two",
        ),
    ],
)
def test_sql_asks_for_the_company_only_when_the_filter_does(
    filter_: ContactFilter, count: int
) -> None:
    """The relation is an EXISTS where it is used, and nothing where it is not."""
    sql = spell(filter_)
    assert sql.count("EXISTS") == count
    assert sql.count("FROM companies") == count


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
    assert list(name_values(values)) == ["v0", "v1", "v2", "v3", "v4"]


async def test_page_with_other_values_compiles_nothing(database: Database) -> None:
    """The second filter of a shape is answered by the statement of the first."""
    stored = Stored(database, [], [])
    await stored.listed([ContactFilter(seniority=SeniorityFilter(in_=[]), city=A)])
    before = page_statement.cache_info()
    await stored.listed(
        [
            ContactFilter(seniority=SeniorityFilter(in_=[]), city=StringFilter(eq=w))
            for w in ("b", "c", "50%")
        ]
    )
    after = page_statement.cache_info()
    assert (after.hits, after.misses) == (before.hits + 3, before.misses)


def test_every_field_has_a_column_and_every_operator_a_meaning() -> None:
    """Nothing of the vocabulary is left for the compiler to stumble over."""
    assert set(FIELDS) == set(KINDS)
    for kind in KINDS:
        table = contacts if kind is ContactFilter else companies
        assert set(FIELDS[kind]) == {item.name for item in fields(kind)} - NESTING
        for field in FIELDS[kind].values():
            assert field.column in table.c
            assert field.folded is None or field.folded in table.c
    used = {
        operator
        for kind in KINDS
        for name in condition_fields(kind)
        for operator in operators_of(conditions_of(kind, name))
    }
    assert used == {*OPERATORS, "is_null"}
