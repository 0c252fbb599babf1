"""The root fields that count and group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

import strawberry

from db.aggregates import (
    GROUPABLE_COMPANIES,
    GROUPABLE_CONTACTS,
    Groupable,
    Grouping,
    GroupRow,
    count_groups,
    cursor_of_group,
    groups_behind,
    list_groups,
)
from db.counts import count_exactly, count_up_to, estimate_count
from db.entities import COMPANIES, CONTACTS, Entity
from db.group_rows import Groups
from db.rows import Row
from domain.aggregates import (
    LARGEST_FIRST,
    CompanyGroupBy,
    CompanyGroupSort,
    ContactGroupBy,
    ContactGroupSort,
    GroupBy,
    GroupOrder,
    GroupSort,
    Measure,
    Operation,
    check_group_by,
    sort_groups,
)
from domain.aggregates import Count as DomainCount
from domain.errors import InvalidInput
from domain.filters import Filter
from domain.names import spelled
from domain.paging import Page
from graph.arguments import After, Before, First, Last, WhichCompanies, WhichContacts
from graph.caching import (
    CACHED_COMPANY_COUNT,
    CACHED_COMPANY_GROUPS,
    CACHED_CONTACT_COUNT,
    CACHED_CONTACT_GROUPS,
)
from graph.context import Info
from graph.declare import cached
from graph.pages import Listing, PageArguments, page_request
from graph.selection import Selection, selection_of
from graph.types.aggregates import CompanyAggregate, ContactAggregate, Count, Group
from graph.types.connections import Connection

R = TypeVar("R", bound=Row)

_Limit = Annotated[
    int | None, strawberry.argument(description="Stop counting at this number of rows.")
]
_Estimate = Annotated[
    bool, strawberry.argument(description="Ask the query planner instead of counting.")
]
_OrderBy = Annotated[
    list[GroupOrder] | None,
    strawberry.argument(description="In which order; the largest groups first when left out."),
]


@strawberry.type
class AggregateQueries:
    """Counts and groups."""

    @strawberry.field(description="How many contacts match.", metadata=cached(CACHED_CONTACT_COUNT))
    async def contacts_count(
        self,
        info: Info,
        filter: WhichContacts = None,
        limit: _Limit = None,
        estimate: _Estimate = False,
    ) -> Count:
        """A number of contacts."""
        return cast("Count", await _count(info, CONTACTS, filter, limit, estimate=estimate))

    @strawberry.field(
        description="How many companies match.", metadata=cached(CACHED_COMPANY_COUNT)
    )
    async def companies_count(
        self,
        info: Info,
        filter: WhichCompanies = None,
        limit: _Limit = None,
        estimate: _Estimate = False,
    ) -> Count:
        """A number of companies."""
        return cast("Count", await _count(info, COMPANIES, filter, limit, estimate=estimate))

    @strawberry.field(
        description="Contacts in groups, with what is worked out over each; one group of all"
        " without `groupBy`.",
        metadata=cached(CACHED_CONTACT_GROUPS),
    )
    async def contact_aggregate(
        self,
        info: Info,
        filter: WhichContacts = None,
        group_by: Annotated[
            list[ContactGroupBy] | None,
            strawberry.argument(description="What makes a group, up to three."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: _OrderBy = None,
    ) -> Connection[ContactAggregate]:
        """One page of groups of contacts."""
        wanted = _Wanted(
            filter, group_by or (), order_by, PageArguments(first, after, last, before)
        )
        listing = await _list_groups(info, GROUPABLE_CONTACTS, ContactGroupSort, wanted)
        return cast("Connection[ContactAggregate]", listing)

    @strawberry.field(
        description="Companies in groups, with what is worked out over each; one group of all"
        " without `groupBy`.",
        metadata=cached(CACHED_COMPANY_GROUPS),
    )
    async def company_aggregate(
        self,
        info: Info,
        filter: WhichCompanies = None,
        group_by: Annotated[
            list[CompanyGroupBy] | None,
            strawberry.argument(description="What makes a group, up to three."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: _OrderBy = None,
    ) -> Connection[CompanyAggregate]:
        """One page of groups of companies."""
        wanted = _Wanted(
            filter, group_by or (), order_by, PageArguments(first, after, last, before)
        )
        listing = await _list_groups(info, GROUPABLE_COMPANIES, CompanyGroupSort, wanted)
        return cast("Connection[CompanyAggregate]", listing)


async def _count(
    info: Info, entity: Entity[R], filter_: Filter | None, limit: int | None, *, estimate: bool
) -> DomainCount:
    run = info.context.reads.run
    if limit is None:
        return await run(estimate_count if estimate else count_exactly, entity, filter_)
    if estimate:
        raise InvalidInput("limit and estimate exclude each other. Leave one of them out.")
    if limit < 1:
        raise InvalidInput(f"limit is {limit}; a count stops at 1 row or more.")
    return await run(count_up_to, entity, filter_, limit=limit)


@dataclass(frozen=True)
class _Wanted:
    """What a client wrote."""

    filter_: Filter | None
    group_by: Sequence[GroupBy]
    order_by: Sequence[GroupOrder] | None
    page: PageArguments


class GroupListing(Listing[Any]):
    """A page of groups with what a connection may be asked about it."""

    def __init__(self, grouping: Grouping[Any], page: Page[Group], **around: Any) -> None:
        super().__init__(grouping.of.entity, page, **around)
        self._grouping = grouping

    def written(self, rows: Sequence[Group], first_ordinal: int) -> list[str]:
        """The places of groups that follow each other, as texts."""
        order = self._page.request.order
        places = (
            cursor_of_group(self._grouping, order, group.row, ordinal=ordinal)
            for ordinal, group in enumerate(rows, start=first_ordinal)
        )
        return [self._write_cursor(place) for place in places]


async def _list_groups(
    info: Info, of: Groupable[R], sort: type[GroupSort], wanted: _Wanted
) -> GroupListing:
    dimensions = tuple(wanted.group_by)
    check_group_by(dimensions)
    order_by = LARGEST_FIRST if wanted.order_by is None else wanted.order_by
    order = sort_groups(order_by, dimensions, sort)
    request = page_request(info, wanted.page, order)
    grouping = Grouping(of, dimensions, _measured(info, of.measures))
    run, filter_ = info.context.reads.run, wanted.filter_
    page = await run(list_groups, grouping, request, filter_)
    return GroupListing(
        grouping,
        _with_rows(grouping, page, filter_),
        count=lambda: run(count_groups, grouping, filter_),
        behind=lambda: run(groups_behind, grouping, request, filter_),
        write_cursor=info.context.cursors.writer(order),
    )


def _with_rows(
    grouping: Grouping[Any], page: Page[GroupRow], filter_: Filter | None
) -> Page[Group]:
    labels = [dimension.key.label for dimension in grouping.dimensions]
    keys = [tuple(row[label] for label in labels) for row in page.rows]
    groups = Groups(grouping, filter_, keys, [row["count"] for row in page.rows])
    rows = [Group(row, groups, place) for place, row in enumerate(page.rows)]
    return Page(rows, page.has_more, page.request)


def _measured(info: Info, measures: Mapping[str, Measure]) -> frozenset[tuple[Operation, str]]:
    """What the operation selects of groups, as nodes or as edges."""
    connection = selection_of(info)
    groups = (connection.below("nodes"), connection.below("edges").below("node"))
    return frozenset(
        (operation, name)
        for group in groups
        for operation in Operation
        for name in _names(group, operation, measures)
    )


def _names(group: Selection, operation: Operation, measures: Mapping[str, Measure]) -> list[str]:
    selected = group.below(spelled(operation)).names
    return [name for name in measures if spelled(name) in selected]
