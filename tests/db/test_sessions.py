"""Sessions in the database: what meets in a row is decided by one, and what has ended is known."""

import asyncio
from uuid import UUID, uuid4

from sqlalchemy import text

from db.rows import Row, UserRow
from db.sessions import (
    Exchange,
    add_token,
    begin_session,
    end_session,
    end_sessions,
    exchange_token,
    find_ended_sessions,
)
from db.statements import Statement
from db.transaction import Database
from db.users import create_user
from domain.enums import Role

TOKEN, NEXT = b"t" * 32, b"n" * 32


async def make_user(database: Database) -> UserRow:
    """A user."""
    async with database.write() as tx:
        user = await create_user(tx, email="ada@example.com", role=Role.VIEWER)
    assert user is not None
    return user


async def begin(database: Database, user: UserRow, *tokens: bytes) -> UUID:
    """A session with some refresh tokens."""
    session = uuid4()
    async with database.write() as tx:
        await begin_session(tx, session, user.uuid, client="test", ttl_seconds=60)
        for token in tokens:
            await add_token(tx, session, token)
    return session


async def exchange(database: Database, token: bytes = TOKEN) -> Exchange:
    """Use a refresh token."""
    async with database.write() as tx:
        return await exchange_token(tx, token, used_by=b"laptop", ttl_seconds=60, grace_seconds=10)


async def ended(database: Database, seconds: float = 60) -> set[UUID]:
    """The sessions that have ended lately."""
    async with database.read() as session:
        rows = await find_ended_sessions(session, within_seconds=seconds)
    return {row.uuid for row in rows}


async def test_ended_sessions_are_known_as_long_as_is_asked(database: Database) -> None:
    """Each is ended once, and those that go on are not among them."""
    user = await make_user(database)
    sessions = [await begin(database, user) for _ in range(3)]
    assert await ended(database) == set()
    async with database.write() as tx:
        assert await end_session(tx, sessions[0])
        assert not await end_session(tx, sessions[0])
    assert await ended(database) == {sessions[0]}
    async with database.write() as tx:
        assert await end_sessions(tx, user.uuid) == 2
        age = "UPDATE sessions SET revoked_at = now() - interval '59 s'"
        await tx.fetch(Statement(text(age), Row))
    assert await ended(database) == set(sessions)
    assert await ended(database, 58) == set()


async def test_session_that_has_ended_does_not_go_on(database: Database) -> None:
    """Though its token was never used; nor does one whose user may not come in."""
    user = await make_user(database)
    first = await begin(database, user, TOKEN)
    async with database.write() as tx:
        await end_session(tx, first)
    assert await exchange(database) == Exchange()
    await begin(database, user, NEXT)
    async with database.write() as tx:
        await tx.fetch(Statement(text("UPDATE users SET is_active = false"), Row))
    assert await exchange(database, NEXT) == Exchange()


async def test_who_leaves_while_a_token_is_exchanged_has_left(database: Database) -> None:
    """Whichever comes first: afterwards the session has ended, and neither waits in a circle."""
    user = await make_user(database)
    for number in range(10):
        token = bytes([number]) * 32
        session = await begin(database, user, token)

        async def leave() -> int:
            async with database.write() as tx:
                return await end_sessions(tx, user.uuid)

        left, _ = await asyncio.gather(leave(), exchange(database, token))
        assert left == 1
        assert session in await ended(database)


async def test_what_belongs_to_a_user_goes_with_the_user(database: Database) -> None:
    """No row stays of somebody who is deleted."""
    user = await make_user(database)
    await begin(database, user, TOKEN)
    async with database.write() as tx:
        await tx.fetch(Statement(text("DELETE FROM users"), Row))
        left = "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM refresh_tokens)"
        assert await tx.fetch_value(Statement(text(left), Row)) == 0
