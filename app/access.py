"""Who may come in: what of a process lets users in, and keeps them out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from argon2 import PasswordHasher

from access.accounts import Accounts
from access.api_tokens import ApiTokens
from access.authentication import Authentication
from access.login_limits import LoginLimits
from access.passwords import ARGON2ID, Passwords
from access.revocations import Revocations
from access.signing_in import Lifetimes, SigningIn
from access.tokens import Tokens
from app.settings import Settings
from cache.buckets import Buckets
from db.transaction import Database


class Access(NamedTuple):
    """Lets users in: to come in, and to know who they are by what they were given then."""

    accounts: Accounts
    authentication: Authentication


@asynccontextmanager
async def open_access(
    settings: Settings,
    database: Database,
    tokens: Tokens,
    buckets: Buckets,
    *,
    reserved: Database,
    refresh_seconds: float,
    hasher: PasswordHasher = ARGON2ID,
) -> AsyncIterator[Access]:
    """Lets users in for as long as the block lasts.

    Args:
        reserved: Has a connection also when all others are taken.
        refresh_seconds: How old what is known of other processes' decisions may be.
        hasher: How passwords are kept.
    """
    lifetimes = Lifetimes(settings.access_token_ttl, settings.refresh_token_ttl)
    revocations = Revocations(reserved, refresh_seconds=refresh_seconds)
    passwords, limits = Passwords(hasher), LoginLimits(buckets)
    api_tokens = ApiTokens(database, keep_seconds=refresh_seconds)
    accounts = Accounts(
        database,
        passwords=passwords,
        limits=limits,
        signing_in=SigningIn(database, tokens, revocations, passwords, limits, lifetimes),
        api_tokens=api_tokens,
        revocations=revocations,
    )
    try:
        yield Access(accounts, Authentication(tokens, api_tokens, revocations))
    finally:
        await revocations.close()
        await asyncio.to_thread(passwords.close)
