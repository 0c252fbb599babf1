"""Groups through the API: keys, counts and measures, in pages, and what is refused."""

from typing import Any

import pytest

from db.transaction import Database
from domain.enums import Role
from tests.apps import App
from tests.client import Client
from tests.graph.grouped import BOTH_WAYS
from tests.graph.rows import execute
from tests.statements import Statements

COUNTRIES = """query ($first: Int, $after: String, $last: Int, $before: String,
                      $filter: ContactFilter, $groupBy: [ContactGroupBy!],
                      $orderBy: [GroupOrder!]) {
  contactAggregate(first: $first, after: $after, last: $last, before: $before, groupBy: $groupBy,
                   orderBy: $orderBy, filter: $filter) {
    edges { cursor node { count keys { country } } } nodes { count keys { country } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
BY_COUNTRY = ["COUNTRY"]
OTHER_ORDER = "This cursor belongs to another orderBy. Start without a cursor."
WRONG_GROUPS: dict[str, tuple[dict[str, object], str]] = {
    "four dimensions": (
        {"groupBy": ["COUNTRY", "CITY", "TAG", "STAGE"]},
        "groupBy has 4 dimensions; at most 3 fit.",
    ),
    "a dimension twice": ({"groupBy": ["TAG", "TAG"]}, "groupBy names a dimension twice."),
    "no key": ({"orderBy": []}, "orderBy is empty. Leave it out, or name a field."),
    "a key twice": (
        {"orderBy": [{"field": "COUNT"}, {"field": "COUNT", "direction": "DESC"}]},
        "orderBy names a field twice.",
    ),
    "first: 0": ({"first": 0}, "A page has at least 1 row, 0 were asked for."),
    "first and last": ({"first": 1, "last": 1}, BOTH_WAYS),
    "eq: null": (
        {"filter": {"title": {"eq": None}}},
        "filter.title.eq is null. To find missing values use isNull: true.",
    ),
}


@pytest.fixture
def client(grouped: tuple[App, Statements]) -> Client:
    """A client of the application with the rows of `grouped`."""
    return grouped[0].client()


@pytest.fixture
def statements(grouped: tuple[App, Statements]) -> Statements:
    """The SQL that ran there."""
    return grouped[1]


async def test_group_answers_keys_count_and_measures(client: Client) -> None:
    """A group shows what its rows share and what is worked out, each value in its own form."""
    data = await client.query(
        """{ contactAggregate(groupBy: [COUNTRY, CREATED_MONTH], first: 1) { nodes { count
          keys { country createdMonth createdYear city company { name } }
          countDistinct { seniority company } countEmpty { title tags } countNotEmpty { title }
          percentEmpty { title } min { qualityScore createdAt lastContactedAt }
          max { companyEmployeesCount companyAnnualRevenue } avg { companyEmployeesCount }
          sum { companyAnnualRevenue companyEmployeesCount } distinctValues { seniority source }
        } } }"""
    )
    (group,) = data["contactAggregate"]["nodes"]
    assert group == {
        "count": 4,
        "keys": {
            "country": "d",
            "createdMonth": "2026-02-01",
            "createdYear": None,
            "city": None,
            "company": None,
        },
        "countDistinct": {"seniority": 2, "company": 4},
        "countEmpty": {"title": 2, "tags": 2},
        "countNotEmpty": {"title": 2},
        "percentEmpty": {"title": 50.0},
        "min": {
            "qualityScore": 35,
            "createdAt": "2026-02-01T00:30:00Z",
            "lastContactedAt": None,
        },
        "max": {"companyEmployeesCount": 20, "companyAnnualRevenue": str(2**63 - 1)},
        "avg": {"companyEmployeesCount": 20.0},
        "sum": {
            "companyAnnualRevenue": str(2 * (2**63 - 1) + 5),
            "companyEmployeesCount": "80",
        },
        "distinctValues": {"seniority": ["OWNER", "VP"], "source": ["API"]},
    }


async def test_companies_are_grouped_as_contacts_are(client: Client) -> None:
    """Groups of companies have their own keys, measures and rows."""
    data = await client.query(
        """{ companyAggregate(groupBy: [EMPLOYEE_RANGE, FOUNDED_YEAR]) { totalCount nodes { count
          keys { employeeRange foundedYear } countEmpty { annualRevenue } avg { foundedYear }
          sum { annualRevenue } companies(orderBy: {field: NAME}) { nodes { name } } } } }"""
    )
    assert data["companyAggregate"] == {
        "totalCount": 1,
        "nodes": [
            {
                "count": 4,
                "keys": {"employeeRange": "R11_20", "foundedYear": 1999},
                "countEmpty": {"annualRevenue": 1},
                "avg": {"foundedYear": 1999.0},
                "sum": {"annualRevenue": str(2 * (2**63 - 1) + 5)},
                "companies": {"nodes": [{"name": name} for name in "ABCD"]},
            }
        ],
    }


async def test_without_dimensions_there_is_one_group(client: Client, empty_app: App) -> None:
    """One group of everything, also of nothing, and an empty `groupBy` is none."""
    document = """{ contactAggregate { totalCount nodes { count percentEmpty { title }
      sum { qualityScore } countEmpty { title } contacts(first: 1) { totalCount } } }
      none: contactAggregate(groupBy: []) { nodes { count } } }"""
    data = await client.query(document)
    (group,) = data["contactAggregate"]["nodes"]
    assert (group["count"], group["contacts"]["totalCount"]) == (10, 10)
    assert data["none"]["nodes"] == [{"count": 10}]
    nothing = (await empty_app.client().query(document))["contactAggregate"]
    assert nothing == {
        "totalCount": 1,
        "nodes": [
            {
                "count": 0,
                "percentEmpty": {"title": None},
                "sum": {"qualityScore": None},
                "countEmpty": {"title": 0},
                "contacts": {"totalCount": 0},
            }
        ],
    }


async def countries(client: Client, **arguments: object) -> dict[str, Any]:
    """A page of groups by country."""
    data = await client.query(COUNTRIES, **{"groupBy": BY_COUNTRY, **arguments})
    found: dict[str, Any] = data["contactAggregate"]
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    return found


def shown(found: dict[str, Any]) -> str:
    """The countries of a page, `-` for none."""
    return "".join(node["keys"]["country"] or "-" for node in found["nodes"])


async def test_groups_come_in_pages(client: Client) -> None:
    """The largest first; cursors lead both ways, and `pageInfo` tells the truth."""
    everything = await countries(client)
    cursors = [edge["cursor"] for edge in everything["edges"]]
    expected: list[tuple[dict[str, object], str, bool, bool]] = [
        ({}, "dba-", False, False),
        ({"first": 3}, "dba", False, True),
        ({"first": 2, "after": cursors[0]}, "ba", True, True),
        ({"after": cursors[3]}, "", True, False),
        ({"last": 2}, "a-", True, False),
        ({"last": 2, "before": cursors[2]}, "db", False, True),
        ({"before": cursors[0]}, "", False, True),
    ]
    for arguments, page, previous, following in expected:
        found = await countries(client, **arguments)
        info = found["pageInfo"]
        assert shown(found) == page, arguments
        assert (info["hasPreviousPage"], info["hasNextPage"]) == (previous, following), arguments
        ends = [edge["cursor"] for edge in found["edges"]]
        assert info["startCursor"] == (ends[0] if ends else None)
        assert info["endCursor"] == (ends[-1] if ends else None)


async def test_groups_come_in_the_order_asked_for(client: Client) -> None:
    """By count or by key, up or down, groups without a key where they are wanted."""
    expected = {
        ("COUNT", "ASC", "LAST"): "-abd",
        ("COUNT", "DESC", "LAST"): "dba-",
        ("KEY", "ASC", "LAST"): "abd-",
        ("KEY", "ASC", "FIRST"): "-abd",
        ("KEY", "DESC", "LAST"): "dba-",
        ("KEY", "DESC", "FIRST"): "-dba",
    }
    for (field, direction, nulls), page in expected.items():
        order = [{"field": field, "direction": direction, "nulls": nulls}]
        assert shown(await countries(client, orderBy=order)) == page, order


async def test_page_size_of_groups_is_capped_with_a_notice(
    client_as: Any, resources_database: Database
) -> None:
    """Without a number a page has 100 groups; beyond 1 000 it is capped, and the client told."""
    await execute(
        resources_database,
        "INSERT INTO contacts (last_name, city) SELECT 'n', 'c' || n"
        " FROM generate_series(1, 1005) AS n",
    )
    client = await client_as(Role.VIEWER)
    answer = await client.send(
        """{ default: contactAggregate(groupBy: CITY) { totalCount nodes { count } }
             all: contactAggregate(groupBy: CITY, first: 5000) { nodes { count }
               pageInfo { hasNextPage } } }"""
    )
    assert answer["data"]["default"]["totalCount"] == 1005
    assert len(answer["data"]["default"]["nodes"]) == 100
    assert len(answer["data"]["all"]["nodes"]) == 1000
    assert answer["data"]["all"]["pageInfo"] == {"hasNextPage": True}
    assert answer["extensions"]["notices"] == [
        {"code": "PAGE_SIZE_CAPPED", "path": ["all"], "requested": 5000, "applied": 1000}
    ]


@pytest.mark.parametrize(("arguments", "message"), WRONG_GROUPS.values(), ids=WRONG_GROUPS.keys())
async def test_wrong_arguments_of_groups_are_bad_user_input(
    client: Client, arguments: dict[str, object], message: str
) -> None:
    """Arguments that mean no groups are refused with what is allowed."""
    error = await client.fail(COUNTRIES, **arguments)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == message
    assert error["path"] == ["contactAggregate"]


async def test_cursor_of_other_groups_is_cursor_invalid(client: Client) -> None:
    """A cursor belongs to its `groupBy` and `orderBy`, and to contacts or companies."""
    cursor = (await countries(client, first=1))["pageInfo"]["endCursor"]
    others: list[dict[str, object]] = [
        {"groupBy": ["CITY"]},
        {"groupBy": ["COUNTRY", "CITY"]},
        {"orderBy": [{"field": "COUNT"}]},
        {"orderBy": [{"field": "KEY"}]},
    ]
    for arguments in others:
        error = await client.fail(
            COUNTRIES, **{"groupBy": BY_COUNTRY, "after": cursor, **arguments}
        )
        assert (error["extensions"]["code"], error["message"]) == ("CURSOR_INVALID", OTHER_ORDER)
    for field in ("companyAggregate(groupBy: COUNTRY, after: $c)", "contacts(after: $c)"):
        error = await client.fail(f"query ($c: String) {{ {field} {{ totalCount }} }}", c=cursor)
        assert error["extensions"]["code"] == "CURSOR_INVALID"
