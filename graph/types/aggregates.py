"""Groups of contacts and companies, and what is worked out over each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import GenericAlias
from typing import Any, Final, cast

import strawberry

from db.aggregates import GROUPABLE_COMPANIES, GROUPABLE_CONTACTS, Groupable, GroupRow
from db.entities import COMPANIES, CONTACTS, Entity
from db.group_rows import Groups
from db.measures import measure_label
from db.reach import reach_of_measure
from domain.aggregates import (
    CompanyGroupBy,
    ContactGroupBy,
    CountPrecision,
    Measure,
    Operation,
)
from domain.enums import DescribedEnum, EmailStatus, EmployeeRange, RecordSource, Seniority
from domain.paging import (
    NEWEST_COMPANIES,
    NEWEST_CONTACTS,
    Order,
)
from domain.scalars import BigInt
from graph.arguments import After, Before, CompaniesOrder, ContactsOrder, First, Last
from graph.caching import (
    ON_COMPANIES,
    ON_CONTACTS,
    ON_NOTHING_ELSE,
    ON_USERS,
    Depends,
    records_of,
)
from graph.context import Info, place_of
from graph.declare import column, depending, part
from graph.pages import Listing, PageArguments, page_request, tell_of_cap
from graph.types.connections import Connection
from graph.types.parts import User
from graph.types.records import Company, Contact


@strawberry.type(description="How many rows match, and how sure that is.")
class Count:
    """A `domain.aggregates.Count`."""

    count: int = column("The number of rows.")
    precision: CountPrecision = column("Whether it is exact.")


@dataclass(frozen=True, eq=False)
class Group:
    """A group on its page.

    Attributes:
        place: Its position on the page.
    """

    row: GroupRow
    page: Groups[Any]
    place: int

    @property
    def count(self) -> int:
        """How many rows it has."""
        count: int = self.row["count"]
        return count

    def key(self, dimension: DescribedEnum) -> Any:
        """Its key of a dimension; None when it has none, or is not grouped by it."""
        return self.row.get(f"key_{dimension.lower()}")


def _key(dimension: DescribedEnum) -> Any:
    def resolve(root: strawberry.Parent[Any]) -> Any:
        return root.key(dimension)

    metadata = depending(ON_NOTHING_ELSE)
    return strawberry.field(resolver=resolve, description=dimension.doc, metadata=metadata)


def _owner(dimension: DescribedEnum) -> Any:
    async def resolve(root: strawberry.Parent[Any], info: Info) -> Any:
        user_id = root.key(dimension)
        return None if user_id is None else await info.context.loaders.user_by_id.load(user_id)

    metadata = depending(ON_USERS)
    return strawberry.field(resolver=resolve, description=dimension.doc, metadata=metadata)


async def _company(root: strawberry.Parent[Any], info: Info) -> Any:
    company_id = root.key(ContactGroupBy.COMPANY)
    return None if company_id is None else await info.context.loaders.company_by_id.load(company_id)


@strawberry.type(
    description="What the contacts of a group share; null where they have no value, and for"
    " everything that `groupBy` does not name."
)
class ContactGroupKeys:
    """A field for each member of `ContactGroupBy`."""

    company: Company | None = strawberry.field(
        resolver=_company,
        description=ContactGroupBy.COMPANY.doc,
        metadata=depending(ON_COMPANIES),
    )
    email_domain: str | None = _key(ContactGroupBy.EMAIL_DOMAIN)
    industry: str | None = _key(ContactGroupBy.INDUSTRY)
    country: str | None = _key(ContactGroupBy.COUNTRY)
    city: str | None = _key(ContactGroupBy.CITY)
    seniority: Seniority | None = _key(ContactGroupBy.SENIORITY)
    department: str | None = _key(ContactGroupBy.DEPARTMENT)
    email_status: EmailStatus | None = _key(ContactGroupBy.EMAIL_STATUS)
    stage: str | None = _key(ContactGroupBy.STAGE)
    owner: User | None = _owner(ContactGroupBy.OWNER)
    tag: str | None = _key(ContactGroupBy.TAG)
    technology: str | None = _key(ContactGroupBy.TECHNOLOGY)
    source: RecordSource | None = _key(ContactGroupBy.SOURCE)
    employee_range: EmployeeRange | None = _key(ContactGroupBy.EMPLOYEE_RANGE)
    created_day: date | None = _key(ContactGroupBy.CREATED_DAY)
    created_week: date | None = _key(ContactGroupBy.CREATED_WEEK)
    created_month: date | None = _key(ContactGroupBy.CREATED_MONTH)
    created_year: date | None = _key(ContactGroupBy.CREATED_YEAR)


@strawberry.type(
    description="What the companies of a group share; null where they have no value, and for"
    " everything that `groupBy` does not name."
)
class CompanyGroupKeys:
    """A field for each member of `CompanyGroupBy`."""

    industry: str | None = _key(CompanyGroupBy.INDUSTRY)
    country: str | None = _key(CompanyGroupBy.COUNTRY)
    employee_range: EmployeeRange | None = _key(CompanyGroupBy.EMPLOYEE_RANGE)
    stage: str | None = _key(CompanyGroupBy.STAGE)
    owner: User | None = _owner(CompanyGroupBy.OWNER)
    technology: str | None = _key(CompanyGroupBy.TECHNOLOGY)
    keyword: str | None = _key(CompanyGroupBy.KEYWORD)
    source: RecordSource | None = _key(CompanyGroupBy.SOURCE)
    founded_year: int | None = _key(CompanyGroupBy.FOUNDED_YEAR)
    created_day: date | None = _key(CompanyGroupBy.CREATED_DAY)
    created_week: date | None = _key(CompanyGroupBy.CREATED_WEEK)
    created_month: date | None = _key(CompanyGroupBy.CREATED_MONTH)
    created_year: date | None = _key(CompanyGroupBy.CREATED_YEAR)


_TYPE_NAMES: Final[Mapping[Operation, str]] = {
    Operation.COUNT_DISTINCT: "DistinctCounts",
    Operation.COUNT_EMPTY: "EmptyCounts",
    Operation.COUNT_NOT_EMPTY: "NotEmptyCounts",
    Operation.PERCENT_EMPTY: "EmptyPercentages",
    Operation.MIN: "Minima",
    Operation.MAX: "Maxima",
    Operation.AVG: "Averages",
    Operation.SUM: "Sums",
    Operation.DISTINCT_VALUES: "DistinctValues",
}


def _answer_of(operation: Operation, kind: Any) -> Any:
    """The GraphQL type of an operation over values of a type."""
    answers: Mapping[Operation, Any] = {
        Operation.COUNT_DISTINCT: int,
        Operation.COUNT_EMPTY: int,
        Operation.COUNT_NOT_EMPTY: int,
        Operation.PERCENT_EMPTY: float | None,
        Operation.AVG: float | None,
        Operation.SUM: BigInt | None,
        Operation.DISTINCT_VALUES: GenericAlias(list, (kind,)),
    }
    return answers.get(operation, kind | None)


def _measured(of: Groupable[Any], operation: Operation, measure: Measure) -> Any:
    label = measure_label(operation, measure.name)

    def resolve(root: strawberry.Parent[Any]) -> Any:
        return root.row[label]

    return strawberry.field(
        resolver=resolve,
        graphql_type=_answer_of(operation, measure.type),
        description=measure.doc,
        metadata=depending(Depends(records_of(reach_of_measure(of, measure.name)))),
    )


def _operation(thing: str, of: Groupable[Any], operation: Operation) -> Any:
    """A field with the measures that an operation can be worked out over, one field each."""
    fields = {
        name: _measured(of, operation, measure)
        for name, measure in of.measures.items()
        if operation in measure.operations
    }
    class_ = type(f"{thing}{_TYPE_NAMES[operation]}", (), fields)
    type_ = strawberry.type(class_, description=operation.doc)
    return part(operation.doc, type_)


def _of_contacts(operation: Operation) -> Any:
    return _operation("Contact", GROUPABLE_CONTACTS, operation)


def _of_companies(operation: Operation) -> Any:
    return _operation("Company", GROUPABLE_COMPANIES, operation)


@strawberry.type(description="A group of contacts and what is worked out over it.")
class ContactAggregate:
    """A `Group` of contacts."""

    keys: ContactGroupKeys = part("What its contacts share.")
    count: int = column("How many contacts it has.")
    count_distinct = _of_contacts(Operation.COUNT_DISTINCT)
    count_empty = _of_contacts(Operation.COUNT_EMPTY)
    count_not_empty = _of_contacts(Operation.COUNT_NOT_EMPTY)
    percent_empty = _of_contacts(Operation.PERCENT_EMPTY)
    min = _of_contacts(Operation.MIN)
    max = _of_contacts(Operation.MAX)
    avg = _of_contacts(Operation.AVG)
    sum = _of_contacts(Operation.SUM)
    distinct_values = _of_contacts(Operation.DISTINCT_VALUES)

    @strawberry.field(
        description="The contacts of the group, the newest first by default.",
        metadata=depending(ON_CONTACTS),
    )
    async def contacts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: ContactsOrder = None,
    ) -> Connection[Contact]:
        """One page of each group's contacts, read together for all groups."""
        order = NEWEST_CONTACTS if order_by is None else tuple(order_by)
        arguments = PageArguments(first, after, last, before)
        listing = await _rows_of(cast("Group", self), info, CONTACTS, arguments, order)
        return cast("Connection[Contact]", listing)


@strawberry.type(description="A group of companies and what is worked out over it.")
class CompanyAggregate:
    """A `Group` of companies."""

    keys: CompanyGroupKeys = part("What its companies share.")
    count: int = column("How many companies it has.")
    count_distinct = _of_companies(Operation.COUNT_DISTINCT)
    count_empty = _of_companies(Operation.COUNT_EMPTY)
    count_not_empty = _of_companies(Operation.COUNT_NOT_EMPTY)
    percent_empty = _of_companies(Operation.PERCENT_EMPTY)
    min = _of_companies(Operation.MIN)
    max = _of_companies(Operation.MAX)
    avg = _of_companies(Operation.AVG)
    sum = _of_companies(Operation.SUM)
    distinct_values = _of_companies(Operation.DISTINCT_VALUES)

    @strawberry.field(
        description="The companies of the group, the newest first by default.",
        metadata=depending(ON_COMPANIES),
    )
    async def companies(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: CompaniesOrder = None,
    ) -> Connection[Company]:
        """One page of each group's companies, read together for all groups."""
        order = NEWEST_COMPANIES if order_by is None else tuple(order_by)
        arguments = PageArguments(first, after, last, before)
        listing = await _rows_of(cast("Group", self), info, COMPANIES, arguments, order)
        return cast("Connection[Company]", listing)


async def _rows_of(
    group: Group,
    info: Info,
    entity: Entity[Any],
    arguments: PageArguments,
    order: tuple[Order, ...],
) -> Listing[Any]:
    request = page_request(info, arguments, order)
    loaders, place = info.context.loaders, place_of(info)
    page = await loaders.page_by_group(place, group.page, request).load(group.place)
    tell_of_cap(info, page)

    async def count() -> int:
        return group.count

    return Listing(
        entity,
        page,
        count=count,
        behind=lambda: loaders.behind_by_group(place, group.page, request).load(group.place),
        write_cursor=info.context.cursors.writer(order),
    )
