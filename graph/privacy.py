"""The root fields that read the suppression list; for admins."""

from typing import Annotated, cast

import strawberry

from db import suppressions
from db.suppressions import SUPPRESSIONS
from domain.errors import InvalidInput, Rejected
from domain.privacy import NEWEST_SUPPRESSIONS, clean_suppression
from domain.viewer import Permission
from graph.arguments import After, Before, First, Last
from graph.context import Info
from graph.pages import Listing, PageArguments, page_request
from graph.permissions import needs
from graph.types.connections import Connection
from graph.types.privacy import Suppression


@strawberry.type
class PrivacyQueries:
    """Who must not be stored."""

    @strawberry.field(
        description="Who must not be stored, the newest entry first. Needs the role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    async def suppressions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Suppression]:
        """One page of the list."""
        order = NEWEST_SUPPRESSIONS
        request = page_request(info, PageArguments(first, after, last, before), order)
        run = info.context.reads.run
        listing = Listing(
            SUPPRESSIONS,
            await run(suppressions.list_suppressions, request),
            count=lambda: run(suppressions.count_suppressions),
            behind=lambda: run(suppressions.suppressions_behind, request),
            write_cursor=info.context.cursors.writer(order),
        )
        return cast("Connection[Suppression]", listing)

    @strawberry.field(
        description="The entry of an e-mail address or a LinkedIn profile; null when it is not on"
        " the list. Needs the role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    async def suppression_of(
        self,
        info: Info,
        email: Annotated[str | None, strawberry.argument(description="The address.")] = None,
        linkedin_url: Annotated[
            str | None, strawberry.argument(description="The profile, instead of an address.")
        ] = None,
    ) -> Suppression | None:
        """One entry, found by what its hash was made of."""
        if email is not None and linkedin_url is not None:
            raise InvalidInput("Give email or linkedinUrl, not both.")
        try:
            keys = clean_suppression(email=email, linkedin_url=linkedin_url).keys
        except Rejected as rejected:
            raise InvalidInput(str(rejected)) from rejected
        rows = await info.context.reads.run(suppressions.find_suppressions, keys)
        return cast("Suppression | None", next(iter(rows), None))
