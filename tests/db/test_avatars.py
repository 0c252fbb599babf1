"""Promises of `db.avatars`: one picture a user, whose tag stands with the user."""

import asyncio
from hashlib import sha256
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.engine import URL

from db.avatars import delete_avatar, find_avatar, put_avatar
from db.cache_state import open_cache_state
from db.rows import AvatarRow, UserRow
from db.transaction import Database
from db.users import create_user, find_user
from domain.changes import AvatarChanged
from domain.enums import Role
from domain.errors import Unauthenticated
from domain.pictures import Picture
from tests.apps import STRANGER
from tests.graph.rows import execute, read_rows


def picture(content: bytes) -> Picture:
    return Picture(content=content, media_type="image/webp", width=1, height=1)


@pytest.fixture
async def ada(database: Database) -> UserRow:
    async with database.write() as tx:
        user = await create_user(tx, email="ada@example.com", role=Role.VIEWER)
    assert user is not None
    return user


async def put(database: Database, user_uuid: UUID, content: bytes) -> str:
    async with database.write() as tx:
        return await put_avatar(tx, user_uuid, picture(content))


async def found(database: Database, user_uuid: UUID) -> tuple[AvatarRow | None, str | None]:
    """The picture of a user, and the tag that stands with the user."""
    async with database.read() as session:
        user = await find_user(session, user_uuid)
        return await find_avatar(session, user_uuid), user and user["avatar_etag"]


async def test_a_user_has_the_last_picture_or_none(database: Database, ada: UserRow) -> None:
    """Its tag says which one it is, and every write is told."""
    assert await found(database, ada.uuid) == (None, None)
    for content in (b"one", b"two", b"two"):
        etag = await put(database, ada.uuid, content)
        avatar, told = await found(database, ada.uuid)
        assert avatar is not None
        assert (avatar.content, avatar.media_type, avatar.etag) == (content, "image/webp", etag)
        assert told == etag == sha256(content).hexdigest()[:32]
    for _ in range(2):
        async with database.write() as tx:
            await delete_avatar(tx, ada.uuid)
            assert tx.changes == [AvatarChanged(user_id=ada.id)]
        assert await found(database, ada.uuid) == (None, None)


async def test_who_is_not_there_has_no_picture(database: Database, ada: UserRow) -> None:
    """Nor has who may not come in any more; the picture of who is deleted is gone."""
    await put(database, ada.uuid, b"one")
    await execute(database, "UPDATE users SET is_active = false")
    for user_uuid in (STRANGER, ada.uuid):
        assert (await found(database, user_uuid))[0] is None
        with pytest.raises(Unauthenticated):
            await put(database, user_uuid, b"two")
        with pytest.raises(Unauthenticated):
            async with database.write() as tx:
                await delete_avatar(tx, user_uuid)
    await execute(database, "DELETE FROM users")

    assert await read_rows(database, "SELECT count(*) FROM avatars") == [(0,)]


async def test_of_many_at_once_one_picture_stays_with_its_tag(
    database: Database, ada: UserRow
) -> None:
    """The tag is never that of another one."""
    contents = [b"%d" % number for number in range(8)]
    await asyncio.gather(*(put(database, ada.uuid, content) for content in contents))
    avatar, told = await found(database, ada.uuid)

    assert avatar is not None
    assert avatar.content in contents
    assert told == avatar.etag == sha256(avatar.content).hexdigest()[:32]


async def test_who_is_trusted_lets_all_else_be_kept(
    database: Database, database_url: URL, ada: UserRow
) -> None:
    """A picture that comes from elsewhere makes everything out of date."""
    async with open_cache_state(database_url, name="trusted") as state:
        await state.take_over(None)
        before = (await state.look()).epoch
        address = database_url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(address)
        try:
            await connection.execute("UPDATE users SET last_active_at = now()")
            assert (await state.look()).epoch == before
            await connection.execute("UPDATE users SET avatar_etag = 'x'")
            assert (await state.look()).epoch != before
        finally:
            await connection.close()
