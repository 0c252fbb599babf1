"""What lets users in, on a database that tests share: each makes users of its own."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy import text

from access.accounts import Accounts
from access.authentication import Authentication
from access.signing_in import LoggedIn
from access.tokens import Tokens
from app.access import open_access
from app.settings import Settings
from cache.buckets import MemoryBuckets
from db.rows import Row, UserRow
from db.statements import Statement
from db.transaction import Database
from db.users import find_user
from domain.accounts import Client, NewUser
from domain.enums import Role
from domain.errors import Unauthenticated
from domain.viewer import Viewer

PASSWORD: Final = "correct horse battery staple"
LAPTOP: Final = Client("192.0.2.7", "Firefox")
PHONE: Final = Client("192.0.2.8", "Safari")
TOKENS: Final = Tokens(b"s" * 48)
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes that cost nothing: what is tested is what becomes of them."""

NEVER: Final = 3600.0
_numbers = itertools.count()


@dataclass(frozen=True)
class Doors:
    """What a process lets users in by."""

    database: Database
    accounts: Accounts
    authentication: Authentication

    async def add(self, role: Role = Role.VIEWER, *, email: str | None = None) -> UserRow:
        """A new user, who has the password."""
        address = f"user{next(_numbers)}@example.com" if email is None else email
        new = NewUser(email=address, role=role, password=PASSWORD)
        return (await self.accounts.create_user(new)).user

    async def login(self, user: UserRow, *, client: Client = LAPTOP) -> LoggedIn:
        """A session of a user."""
        return await self.accounts.signing_in.login(user.email, PASSWORD, client=client)

    async def viewer(self, token: str) -> Viewer:
        """Whom a token names."""
        viewer = await self.authentication(f"Bearer {token}")
        assert viewer is not None
        return viewer

    async def lets_in(self, token: str) -> bool:
        """Whether a token is taken."""
        try:
            await self.viewer(token)
        except Unauthenticated:
            return False
        return True

    async def goes_on(self, refresh_token: str, *, client: Client = LAPTOP) -> bool:
        """Whether a refresh token is taken; it is used up by that."""
        try:
            await self.accounts.signing_in.refresh(refresh_token, client=client)
        except Unauthenticated:
            return False
        return True

    async def stored(self, user_uuid: UUID) -> UserRow:
        """A user as it is now."""
        async with self.database.read() as session:
            user = await find_user(session, user_uuid)
        assert user is not None
        return user

    async def somebody_waits(self) -> bool:
        """Whether a transaction waits for another one to end."""
        (row,) = await self.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(row[0])

    async def execute(self, sql: str, **values: Any) -> list[Row]:
        """Rows of a statement of the test's own."""
        async with self.database.write() as tx:
            return await tx.fetch(Statement(text(sql), Row), values)


@asynccontextmanager
async def open_doors(
    database: Database, *, refresh_seconds: float = NEVER, hasher: PasswordHasher = CHEAP
) -> AsyncIterator[Doors]:
    """What a process lets users in by, as if it were another one than all others.

    Args:
        refresh_seconds: When it looks at what others have decided.
    """
    async with open_access(
        Settings(access_token_ttl=600, refresh_token_ttl=timedelta(days=30).total_seconds()),
        database,
        TOKENS,
        MemoryBuckets(),
        reserved=database,
        refresh_seconds=refresh_seconds,
        hasher=hasher,
    ) as access:
        yield Doors(database, access.accounts, access.authentication)
