"""The root fields that read accounts: all users for an admin, and the viewer's own tokens."""

from typing import cast

import strawberry

from db import api_tokens, users
from db.rows import ApiTokenRow
from domain.accounts import NEWEST_USERS
from domain.viewer import Permission
from graph.arguments import After, Before, First, Last
from graph.context import Context, Info
from graph.pages import Listing, PageArguments, page_request
from graph.permissions import needs
from graph.types.accounts import ApiToken
from graph.types.connections import Connection
from graph.types.parts import User


@strawberry.type
class AccountQueries:
    """Who may come in, and with what."""

    @strawberry.field(
        description="All users, those too who may not come in any more, the newest first. Needs the"
        " role ADMIN.",
        metadata=needs(Permission.ADMIN, Permission.USERS),
    )
    async def users(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[User]:
        """One page of users."""
        order = NEWEST_USERS
        request = page_request(info, PageArguments(first, after, last, before), order)
        reads = info.context.reads
        reads.use_primary()
        listing = Listing(
            users.USERS,
            await reads.run(users.list_users, request),
            count=lambda: reads.run(users.count_users),
            behind=lambda: reads.run(users.users_behind, request),
            write_cursor=info.context.cursors.writer(order),
        )
        return cast("Connection[User]", listing)

    @strawberry.field(
        description="The viewer's tokens of the API: those that are good first, then the newest"
        " that were.",
        metadata=needs(Permission.ACCOUNT),
    )
    async def api_tokens(self, info: Info) -> list[ApiToken]:
        """All of them; a user has few."""
        viewer = info.context.require_viewer()
        info.context.reads.use_primary()
        rows = await info.context.reads.run(api_tokens.list_api_tokens, viewer.user_uuid)
        return cast("list[ApiToken]", rows)


async def find_api_token(context: Context, row_id: int) -> ApiTokenRow | None:
    """A token of the API; None when there is none of the viewer's."""
    viewer = context.require_viewer()
    context.reads.use_primary()
    row: ApiTokenRow | None = await context.loaders.api_token_by_id.load(row_id)
    return row if row is not None and row.user_uuid == viewer.user_uuid else None
