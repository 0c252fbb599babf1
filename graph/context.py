"""What resolvers share during one request."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import strawberry

from db.rows import UserRow
from db.transaction import Database
from db.users import find_user
from domain.enums import Role
from domain.errors import Forbidden, Unauthenticated
from domain.paging import CursorCodec
from graph.loaders import Loaders, Place
from graph.reads import Reads

_RANKS = {Role.VIEWER: 0, Role.EDITOR: 1, Role.ADMIN: 2}


@dataclass(frozen=True)
class Viewer:
    """Who asks: what the token says."""

    user_uuid: UUID
    role: Role


@dataclass(frozen=True, kw_only=True)
class PageLimits:
    """How many rows a page has when none are named, and at most."""

    default: int
    maximum: int


@dataclass(kw_only=True)
class Context:
    """One request.

    Attributes:
        viewer: None when the request carries no token; then only introspection runs.
        notices: What the client should know about how its request was taken.
    """

    database: Database
    cursors: CursorCodec
    page_limits: PageLimits
    viewer: Viewer | None
    notices: list[dict[str, object]] = field(default_factory=list)
    reads: Reads = field(init=False)
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.reads = Reads(self.database)
        self.loaders = Loaders(self.reads)

    def forget_what_was_read(self) -> None:
        """After a write: the next field of the operation reads anew."""
        self.loaders = Loaders(self.reads)

    def require(self, role: Role) -> Viewer:
        """The viewer, who has at least this role.

        Raises:
            Unauthenticated: There is no viewer.
            Forbidden: The role is lower.
        """
        if self.viewer is None:
            raise Unauthenticated("Send a token in the header `Authorization: Bearer …`.")
        if _RANKS[self.viewer.role] < _RANKS[role]:
            raise Forbidden(f"This needs the role {role}; yours is {self.viewer.role}.")
        return self.viewer

    async def viewer_row(self) -> UserRow:
        """The viewer's own row.

        Raises:
            Unauthenticated: The user no longer exists.
        """
        viewer = self.require(Role.VIEWER)
        row = await self.reads.run(find_user, viewer.user_uuid)
        if row is None or not row.is_active:
            raise Unauthenticated("The user of this token does not exist any more.")
        return row


Info = strawberry.Info[Context, Any]


def place_of(info: Info) -> Place:
    """Where the field stands in the operation, without positions in lists."""
    return tuple(key for key in info.path.as_list() if isinstance(key, str))
