"""Promises of `domain.filter_json`: JSON is taken for a filter as GraphQL takes a variable."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
import pytest
from graphql import Undefined, coerce_input_value
from strawberry.types.arguments import convert_argument

from domain.conditions import StringFilter
from domain.errors import InvalidFilter, InvalidInput
from domain.exports import ExportEntity
from domain.filter_json import read_filter, read_order, write_filter, write_order
from domain.filters import MAX_FILTER_DEPTH, CompanyFilter, ContactFilter, Filter
from domain.paging import (
    CompanyOrder,
    CompanyOrderField,
    ContactOrder,
    ContactOrderField,
    Direction,
    Nulls,
)
from graph.schema import build_schema, core_schema
from tests.db.brute_force import World
from tests.db.datasets import seeded
from tests.db.random_filters import (
    RandomFilters,
    condition_fields,
    kind_of,
    operators_of,
    plain_fields,
)

CONTACTS, COMPANIES = ExportEntity.CONTACTS, ExportEntity.COMPANIES
SORTED: Final = orjson.OPT_SORT_KEYS
TRIES: Final = 60
KINDS: Final[dict[ExportEntity, type[Filter]]] = {
    CONTACTS: ContactFilter,
    COMPANIES: CompanyFilter,
}
# Whatever JSON can put where something else should stand.
JUNK: Final[tuple[object, ...]] = (
    *(None, True, False, 0, 1, -1, 1.0, 1.5, 2**31, 2**31 - 1, -(2**31), 2.0**31, 2**53 + 1),
    *(2**63, 2**63 - 1, 1e19, 1e300, "", "x", "1", " 1", "1_0", "true", "VP", "vp", "VERIFIED"),
    *("2026-01-31", "2026-01-31T09:30:00+05:30", "2026-02-30", "0001-01-01T00:00:00+14:00"),
    *("00000000-0000-0000-0000-000000000001", "9223372036854775808", "AQEB", "é\u2028", "\0"),
    *([], [[]], [None], ["x", None], [1, "1"], {}, {"eq": 1}, {"nope": 1}, {"from": 1, "to": 2}),
)


def graphql_reads(entity: ExportEntity, value: object) -> Any:
    """What GraphQL makes of the value of a variable; Undefined when it refuses it."""
    kind, schema = KINDS[entity], build_schema()
    declared: Any = core_schema().type_map[kind.__name__]
    coerced = coerce_input_value(value, declared)
    if coerced is Undefined:
        return Undefined
    converter = schema.schema_converter
    return convert_argument(coerced, kind, converter.scalar_registry, schema.config)


def reads(entity: ExportEntity, value: object) -> Any:
    try:
        return read_filter(entity, value)
    except InvalidFilter:
        return Undefined


def random_filters(seed: str) -> RandomFilters:
    return RandomFilters(seeded(seed), World({}, {}, {}, {}, {}, {}))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where in JSON a value stands: what holds it, and the name or number in that."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for at, item in list(items):
        yield value, at
        if isinstance(item, dict | list):
            yield from places(item)


@pytest.mark.parametrize("entity", ExportEntity)
def test_random_filters_are_read_as_graphql_reads_them(entity: ExportEntity) -> None:
    """Written and read, a filter is the same again, and the one that GraphQL makes of the JSON."""
    makers = random_filters("read")
    for _ in range(TRIES):
        filter_ = makers.tree(KINDS[entity], depth=MAX_FILTER_DEPTH)
        text = orjson.dumps(write_filter(filter_))

        assert read_filter(entity, orjson.loads(text)) == filter_
        assert graphql_reads(entity, orjson.loads(text)) == filter_


@pytest.mark.parametrize("entity", ExportEntity)
def test_each_condition_is_read_as_graphql_reads_it(entity: ExportEntity) -> None:
    """Every operator of every field is written and read by the name that GraphQL gives it."""
    makers, kind = random_filters("conditions"), KINDS[entity]
    filters_: list[Any] = [makers.of_plain_field(kind, name) for name in plain_fields(kind)]
    for name in condition_fields(kind):
        filters_ += [
            makers.of_field(kind, name, operator) for operator in operators_of(kind_of(kind, name))
        ]

    assert [read_filter(entity, write_filter(each)) for each in filters_] == filters_
    assert [graphql_reads(entity, write_filter(each)) for each in filters_] == filters_


@pytest.mark.parametrize("entity", ExportEntity)
def test_what_graphql_refuses_is_refused(entity: ExportEntity) -> None:
    """With anything put anywhere, a filter is taken as GraphQL takes it, or refused by both."""
    makers = random_filters("junk")
    outcomes = set()
    for _ in range(TRIES):
        value: Any = {"filter": write_filter(makers.tree(KINDS[entity], depth=3))}
        inside, at = makers.random.choice(list(places(value)))
        for junk in JUNK:
            inside[at] = junk
            found = reads(entity, value["filter"])
            assert found == graphql_reads(entity, value["filter"]), value
            outcomes.add(found is Undefined)
    assert outcomes == {True, False}


def test_equal_filters_are_written_alike() -> None:
    """Whatever a client leaves open, the form that is written is one."""
    loose = {
        "uuid": {"eq": "0B7E2A5C-0000-4000-8000-000000000001"},
        "title": {"in": "CEO", "caseSensitive": False},
        "qualityScore": {"eq": 42.0},
        "createdAt": {"gte": "2026-01-31T10:30:00+01:00", "lt": "2026-02-01 00:00"},
        "company": {"annualRevenue": {"in": [5, "12345678901"]}, "id": {"eq": 7}},
        "emails": {"confidence": {"gt": 1}},
        "or": {"seniority": {"notIn": "VP"}},
    }
    written = {
        "uuid": {"eq": "0b7e2a5c-0000-4000-8000-000000000001"},
        "title": {"in": ["CEO"]},
        "qualityScore": {"eq": 42},
        "company": {"id": {"eq": "7"}, "annualRevenue": {"in": ["5", "12345678901"]}},
        "emails": {"confidence": {"gt": 1.0}},
        "createdAt": {"gte": "2026-01-31T09:30:00Z", "lt": "2026-02-01T00:00:00Z"},
        "or": [{"seniority": {"notIn": ["VP"]}}],
    }

    assert orjson.dumps(write_filter(read_filter(CONTACTS, loose)), option=SORTED) == orjson.dumps(
        written, option=SORTED
    )
    assert read_filter(CONTACTS, written) == read_filter(CONTACTS, loose)


def test_null_stays_where_it_was_given() -> None:
    """A condition of null is kept, for the compiler to tell what to ask instead."""
    found = read_filter(CONTACTS, {"title": {"eq": None}, "company": None})

    assert found == ContactFilter(title=StringFilter(eq=None), company=None)
    assert write_filter(found) == {"title": {"eq": None}, "company": None}


@pytest.mark.parametrize("value", [None, {}])
def test_a_filter_may_ask_for_nothing(value: object) -> None:
    """Null is no filter, and an empty object one without conditions."""
    assert read_filter(CONTACTS, value) == (None if value is None else ContactFilter())
    assert write_filter(read_filter(CONTACTS, value)) == value


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"company": {"nmae": {"eq": "x"}}}, "filter.company.nmae", "Did you mean name?"),
        ({"title": {"equals": "x"}}, "filter.title.equals", "There are eq, notEq, in, notIn,"),
        ({"or": [{}, {"titel": {}}]}, "filter.or[1].titel", "Did you mean title?"),
        ({"seniority": {"in": ["VP", "VPP"]}}, "filter.seniority.in[1]", "Did you mean VP?"),
        ({"seniority": {"eq": 7}}, "filter.seniority.eq", "Choose one of OWNER, FOUNDER"),
        ({"title": "CEO"}, "filter.title", "It has the fields eq, notEq, in"),
        ({"title": {"in": ["x", None]}}, "filter.title.in[1]", "is null"),
        ({"title": {"eq": 5}}, "filter.title.eq", "String cannot represent 5; write it like"),
        ({"createdAt": {"gt": "2026-01-31"}}, "filter.createdAt.gt", "2026-01-31T09:30:00Z"),
        ({"qualityScore": {"between": {"from": 1}}}, "filter.qualityScore.between", "needs to"),
        ([{"title": {}}], "filter", "is not an object"),
    ],
)
def test_mistakes_are_told_with_their_place(value: object, path: str, message: str) -> None:
    """An error says where the mistake stands and what could stand there."""
    with pytest.raises(InvalidFilter) as told:
        read_filter(CONTACTS, value)

    assert told.value.details["path"] == path
    assert told.value.message.startswith(path)
    assert message in told.value.message


def test_names_that_are_allowed_are_told_to_programs() -> None:
    """An unknown name comes with those that there are, as data."""
    with pytest.raises(InvalidFilter) as told:
        read_filter(COMPANIES, {"industry": {"is": "Software"}})

    assert told.value.details["allowed"] == [
        *("eq", "notEq", "in", "notIn", "contains", "startsWith", "endsWith"),
        *("isNull", "caseSensitive"),
    ]


@pytest.mark.parametrize("name", ["not", "and"])
def test_a_filter_without_end_is_refused(name: str) -> None:
    """However deep it goes, a filter is refused by the documented limit."""
    text = f'{{"{name}":' * 900 + "{}" + "}" * 900

    with pytest.raises(InvalidFilter, match=f"nested more than {MAX_FILTER_DEPTH} levels deep"):
        read_filter(CONTACTS, orjson.loads(text))


def test_a_value_without_end_is_refused() -> None:
    """Lists in lists are told apart from a value, however many there are."""
    with pytest.raises(InvalidFilter, match="DateTime cannot represent a list"):
        read_filter(CONTACTS, {"createdAt": {"eq": orjson.loads("[" * 900 + "]" * 900)}})


def test_orders_are_read_as_they_are_written() -> None:
    """An order names fields, directions and the place of missing values, as in GraphQL."""
    order = (
        ContactOrder(field=ContactOrderField.NAME),
        ContactOrder(field=ContactOrderField.TITLE, direction=Direction.DESC, nulls=Nulls.FIRST),
    )
    written = [{"field": "NAME"}, {"field": "TITLE", "direction": "DESC", "nulls": "FIRST"}]

    assert write_order(order) == written
    assert read_order(CONTACTS, written) == order
    assert read_order(COMPANIES, {"field": "DOMAIN"}) == (
        CompanyOrder(field=CompanyOrderField.DOMAIN),
    )
    assert read_order(CONTACTS, None) == read_order(CONTACTS, []) == ()


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ([{"field": "NAMES"}], "orderBy[0].field", "Did you mean NAME?"),
        ([{"field": "DOMAIN"}], "orderBy[0].field", "There are NAME, FIRST_NAME"),
        ([{"direction": "ASC"}], "orderBy[0]", "needs field"),
        ([{"field": "NAME", "direction": None}], "orderBy[0].direction", "is null"),
        ("NAME", "orderBy", "is not an object"),
    ],
)
def test_mistakes_of_orders_are_told_with_their_place(
    value: object, path: str, message: str
) -> None:
    """An error of an order says where the mistake stands, as that of a filter does."""
    with pytest.raises(InvalidInput) as told:
        read_order(CONTACTS, value)

    assert told.value.details["path"] == path
    assert message in told.value.message
