"""The root fields that find duplicates."""

from collections.abc import Sequence
from typing import Annotated, Any, cast

import strawberry

from db.duplicates import DuplicateGroup as Group
from db.duplicates import count_duplicates, duplicates_behind, list_duplicates
from db.entities import COMPANIES, CONTACTS
from domain.duplicates import GROUPS_OF_COMPANIES, GROUPS_OF_CONTACTS, MatchKey, match_keys
from domain.enums import CompanyMatchKey, ContactMatchKey
from domain.paging import Order
from graph.arguments import After, Before, First, Last
from graph.context import Info
from graph.pages import Listing, PageArguments, page_request
from graph.types.connections import Connection
from graph.types.duplicates import CompanyDuplicateGroup, DuplicateGroup


@strawberry.type
class DuplicateQueries:
    """Records that may be one."""

    @strawberry.field(
        description="Groups of contacts that share a key, by key and value. A contact can be in"
        " several."
    )
    async def contact_duplicates(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        match_on: Annotated[
            list[ContactMatchKey] | None,
            strawberry.argument(
                description="The keys to look at; those that are no suggestions when left out. No"
                " two contacts have the same address, so EMAIL finds addresses that are delivered"
                " to the same mailbox."
            ),
        ] = None,
    ) -> Connection[DuplicateGroup]:
        """One page of groups of contacts."""
        keys = match_keys(ContactMatchKey, match_on)
        arguments = PageArguments(first, after, last, before)
        listing = await _list_groups(info, keys, arguments, GROUPS_OF_CONTACTS)
        return cast("Connection[DuplicateGroup]", listing)

    @strawberry.field(
        description="Groups of companies that share a key, by key and value. A company can be in"
        " several."
    )
    async def company_duplicates(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        match_on: Annotated[
            list[CompanyMatchKey] | None,
            strawberry.argument(
                description="The keys to look at; those that are no suggestions when left out."
            ),
        ] = None,
    ) -> Connection[CompanyDuplicateGroup]:
        """One page of groups of companies."""
        keys = match_keys(CompanyMatchKey, match_on)
        arguments = PageArguments(first, after, last, before)
        listing = await _list_groups(info, keys, arguments, GROUPS_OF_COMPANIES)
        return cast("Connection[CompanyDuplicateGroup]", listing)


class _Groups(Listing[Any]):
    """A page of groups with what a connection may be asked about it."""

    def written(self, rows: Sequence[Group], first_ordinal: int) -> list[str]:
        """The places of groups that follow each other, as texts."""
        places = (group.cursor(at) for at, group in enumerate(rows, start=first_ordinal))
        return [self._write_cursor(place) for place in places]


async def _list_groups(
    info: Info, keys: Sequence[MatchKey], arguments: PageArguments, order: tuple[Order, ...]
) -> _Groups:
    request = page_request(info, arguments, order)
    run = info.context.reads.run
    return _Groups(
        CONTACTS if order is GROUPS_OF_CONTACTS else COMPANIES,
        await run(list_duplicates, keys, request),
        count=lambda: run(count_duplicates, keys),
        behind=lambda: run(duplicates_behind, keys, request),
        write_cursor=info.context.cursors.writer(order),
    )
