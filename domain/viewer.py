"""Who asks, and what they may do: what every door knows of a request before it is answered."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final
from uuid import UUID

from domain.enums import DescribedEnum, Role
from domain.errors import Forbidden


class Permission(DescribedEnum):
    """What a field or a route asks of whoever uses it."""

    READ = "READ", "Reads contacts, companies and what belongs to them, and follows changes."
    EXPORT = "EXPORT", "Exports what it may read, and downloads the files."
    WRITE = "WRITE", "Creates, changes, merges and deletes contacts and companies."
    IMPORT = "IMPORT", "Uploads files and imports them."
    ACCOUNT = "ACCOUNT", "Changes one's own name, picture, password and tokens."
    ADMIN = "ADMIN", "Manages privacy, the cache and operations, and sees everybody's jobs."
    USERS = "USERS", "Manages users: who may come in, as what, and with which password."


_OF_ROLE: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({Permission.READ, Permission.EXPORT, Permission.ACCOUNT}),
    Role.EDITOR: frozenset({*Permission} - {Permission.ADMIN, Permission.USERS}),
    Role.ADMIN: frozenset(Permission),
}

SCOPES: Final = tuple(
    each for each in Permission if each not in {Permission.ACCOUNT, Permission.USERS}
)
"""What a token of the API can be good for: never for making its finder somebody else, as whoever
changes an account or gives out passwords could."""

MAKE_JOBS: Final = (Permission.READ, Permission.WRITE, Permission.EXPORT, Permission.IMPORT)
"""Any of these is enough to see and stop the jobs of one's own."""


def permissions_of(role: Role) -> frozenset[Permission]:
    """What users of a role may do."""
    return _OF_ROLE[role]


def role_within(role: Role, scopes: frozenset[Permission]) -> Role:
    """The role that is left of a user's when no more than the scopes are to be done."""
    return next(each for each in Role if scopes & _OF_ROLE[role] <= _OF_ROLE[each])


@dataclass(frozen=True)
class Viewer:
    """Who asks: what the token says.

    Attributes:
        expires_at: When the token is not taken any more, in seconds of the epoch.
        scopes: What the token is good for; None for all that the role allows.
        session: The session that the token is of; None for tokens of no session.
        issued_at: When the token was made, in seconds of the epoch; `inf` for one that is looked
            up, and so never older than what was decided since.
        sees_all: Imports of everybody are seen; always so with the permission ADMIN.
    """

    user_uuid: UUID
    role: Role
    expires_at: float = field(default=inf, compare=False)
    scopes: frozenset[Permission] | None = None
    session: UUID | None = field(default=None, compare=False)
    issued_at: float = field(default=inf, compare=False)
    sees_all: bool = field(default=False, compare=False)
    permissions: frozenset[Permission] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        allowed = _OF_ROLE[self.role]
        permissions = allowed if self.scopes is None else allowed & self.scopes
        object.__setattr__(self, "permissions", permissions)
        object.__setattr__(self, "sees_all", self.sees_all or Permission.ADMIN in permissions)

    def seconds_left(self) -> float | None:
        """How long the token will still be taken; None for ever."""
        return None if self.expires_at == inf else max(0.0, self.expires_at - time.time())

    def require(self, *any_of: Permission) -> None:
        """Refuse who may do none of these things.

        Raises:
            Forbidden: The role or the token does not allow it.
        """
        if self.permissions.isdisjoint(any_of):
            raise self.forbidden(any_of[0])

    def forbidden(self, permission: Permission, *, what: str = "This") -> Forbidden:
        """The error of something that the viewer may not do.

        Args:
            what: Its name.
        """
        if self.scopes is not None and permission not in self.scopes:
            return Forbidden(f"{what} needs the permission {permission}, which the token lacks.")
        needed = next(role for role in Role if permission in _OF_ROLE[role])
        return Forbidden(f"{what} needs the role {needed}; yours is {self.role}.")
