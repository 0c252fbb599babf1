"""Coming in, going on and leaving: who has a secret gets in, once, and nobody learns more."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher
from structlog.testing import capture_logs

from access.passwords import Passwords
from db.rows import UserRow
from db.transaction import StatementRun
from db.users import set_password
from domain.accounts import MAX_SESSIONS, Client
from domain.enums import Role
from domain.errors import Unauthenticated
from domain.viewer import Viewer
from tests.access.doors import CHEAP, LAPTOP, PASSWORD, PHONE, Doors, open_doors
from tests.replication import until

WRONG = "The e-mail address or the password is wrong."
NOT_GOOD = "This refresh token is not good any more. Log in again."


async def disabled(doors: Doors) -> UserRow:
    """A user with the right password who may not come in."""
    user = await doors.add()
    return await doors.accounts.update_user(user.id, is_active=False)


async def passwordless(doors: Doors) -> UserRow:
    """A user who has no password at all."""
    user = await doors.add()
    await doors.execute(
        "UPDATE users SET password_hash = NULL WHERE id = CAST(:id AS bigint)", id=user.id
    )
    return user


async def age_used_tokens(doors: Doors, user: UserRow, seconds: float) -> None:
    """Make the used refresh tokens of a user older."""
    await doors.execute(
        "UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => :seconds)"
        " FROM sessions WHERE sessions.uuid = session_uuid AND user_uuid = CAST(:user AS uuid)",
        seconds=seconds,
        user=user.uuid,
    )


async def test_login_gives_tokens_of_a_new_session(doors: Doors) -> None:
    """The access token names user, role and session, and is good as long as it is told."""
    user = await doors.add(Role.EDITOR)
    before = datetime.now(UTC)
    logged_in = await doors.login(user)
    viewer = await doors.viewer(logged_in.access_token)
    assert (viewer, logged_in.user.id) == (Viewer(user.uuid, Role.EDITOR), user.id)
    (session,) = await doors.execute(
        "SELECT uuid, client, expires_at FROM sessions WHERE user_uuid = CAST(:id AS uuid)",
        id=user.uuid,
    )
    assert (session.uuid, session.client) == (viewer.session, "Firefox")
    assert session.expires_at == logged_in.refresh_expires_at
    for told, ttl in (
        (logged_in.access_expires_at, timedelta(minutes=10)),
        (logged_in.refresh_expires_at, timedelta(days=30)),
    ):
        assert abs(told - before - ttl) < timedelta(seconds=30)
    assert viewer.expires_at == logged_in.access_expires_at.timestamp() + 10


async def test_address_is_taken_in_capitals_and_with_blanks(doors: Doors) -> None:
    """As people write it."""
    user = await doors.add()
    for written in (user.email.upper(), f" {user.email} "):
        assert (
            await doors.accounts.signing_in.login(written, PASSWORD, client=LAPTOP)
        ).user.id == user.id


async def test_password_is_the_same_however_its_letters_are_put_together(doors: Doors) -> None:
    """One keyboard sends ü, another u with two dots."""
    user = await doors.add()
    await doors.accounts.set_password(user.id, "fünf mal fünf Bücher")
    logged_in = await doors.accounts.signing_in.login(
        user.email, "fu\u0308nf mal fu\u0308nf Bu\u0308cher", client=LAPTOP
    )
    assert logged_in.user.id == user.id


@pytest.mark.parametrize(
    ("make", "password", "hashes"),
    [
        pytest.param(Doors.add, "wrong", 1, id="known"),
        pytest.param(None, PASSWORD, 1, id="unknown"),
        pytest.param(disabled, PASSWORD, 1, id="disabled"),
        pytest.param(disabled, "wrong", 1, id="disabled-and-wrong"),
        pytest.param(passwordless, PASSWORD, 1, id="passwordless"),
        pytest.param(passwordless, "", 1, id="passwordless-and-empty"),
        pytest.param(Doors.add, "x" * 1025, 0, id="known-and-too-long"),
        pytest.param(None, "x" * 1025, 0, id="unknown-and-too-long"),
    ],
)
async def test_everybody_who_is_refused_is_told_the_same_after_the_same_work(
    doors: Doors,
    make: Callable[[Doors], Awaitable[UserRow]] | None,
    password: str,
    hashes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One hash is worked out and one row looked for, whether there is such a user or not."""
    email = "nobody@example.com" if make is None else (await make(doors)).email
    worked_out: list[str] = []
    verify = PasswordHasher.verify

    def counted(hasher: PasswordHasher, password_hash: str, given: bytes) -> bool:
        worked_out.append(password_hash.rsplit("$", 2)[0])
        return verify(hasher, password_hash, given)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    runs: list[StatementRun] = []
    monkeypatch.setattr(doors.database, "observers", [runs.append])
    with pytest.raises(Unauthenticated) as caught:
        await doors.accounts.signing_in.login(email, password, client=LAPTOP)
    assert len(runs) == 1
    assert (caught.value.message, caught.value.details) == (WRONG, {})
    assert worked_out == ["$argon2id$v=19$m=8,t=1,p=1"] * hashes


@pytest.mark.parametrize(
    "email", ["", "ada", "a\0@example.com", "\ud800@example.com", "a" * 100_000, "' OR 1=1 --"]
)
async def test_what_is_no_address_is_nobodys(doors: Doors, email: str) -> None:
    """Nothing that is sent as one is an error of ours."""
    with pytest.raises(Unauthenticated, match=WRONG):
        await doors.accounts.signing_in.login(email, "\ud800", client=LAPTOP)


async def test_login_keeps_the_password_by_the_hash_of_today(doors: Doors) -> None:
    """What was hashed with other costs is hashed anew once the password is there."""
    user = await doors.add()
    dearer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    async with open_doors(doors.database, hasher=dearer) as later:
        for _ in range(2):
            await later.login(user)
    (row,) = await doors.execute(
        "SELECT password_hash FROM users WHERE id = CAST(:id AS bigint)", id=user.id
    )
    assert row.password_hash.startswith("$argon2id$v=19$m=16,t=2,p=1$")
    assert not Passwords(dearer).is_outdated(row.password_hash)
    assert Passwords(CHEAP).is_outdated(row.password_hash)


async def test_refresh_token_is_good_once(doors: Doors) -> None:
    """Each exchange gives another pair, of the same session, that lasts from then on."""
    user = await doors.add()
    logged_in = await doors.login(user)
    first = await doors.viewer(logged_in.access_token)
    seen = {logged_in.refresh_token}
    for _ in range(3):
        logged_in = await doors.accounts.signing_in.refresh(logged_in.refresh_token, client=LAPTOP)
        assert (await doors.viewer(logged_in.access_token)).session == first.session
        seen.add(logged_in.refresh_token)
    assert len(seen) == 4


async def test_session_is_prolonged_by_use(doors: Doors) -> None:
    """It ends a month after its client came last; then its token is good for nothing."""
    user = await doors.add()
    begun = await doors.login(user)
    move = "UPDATE sessions SET expires_at = now() + :left * interval '1 s' WHERE user_uuid = :user"
    move = move.replace(":left", "CAST(:left AS int)").replace(":user", "CAST(:user AS uuid)")
    await doors.execute(move, left=60, user=user.uuid)
    again = await doors.accounts.signing_in.refresh(begun.refresh_token, client=LAPTOP)
    assert again.refresh_expires_at > begun.refresh_expires_at - timedelta(seconds=1)
    await doors.execute(move, left=0, user=user.uuid)
    assert not await doors.goes_on(again.refresh_token)


async def test_role_of_a_refreshed_token_is_the_one_of_now(doors: Doors) -> None:
    """A session that a change of role left alone would go on with the old one for ever."""
    user = await doors.add(Role.EDITOR)
    begun = await doors.login(user)
    await doors.execute("UPDATE users SET role = 'viewer' WHERE id = CAST(:i AS bigint)", i=user.id)
    again = await doors.accounts.signing_in.refresh(begun.refresh_token, client=LAPTOP)
    assert (await doors.viewer(again.access_token)).role is Role.VIEWER


async def test_client_whose_answer_was_lost_gets_another_token(doors: Doors) -> None:
    """The same token from the same client within ten seconds: the session goes on."""
    begun = await doors.login(await doors.add())
    lost = await doors.accounts.signing_in.refresh(begun.refresh_token, client=LAPTOP)
    again = await doors.accounts.signing_in.refresh(begun.refresh_token, client=LAPTOP)
    assert again.refresh_token != lost.refresh_token
    assert await doors.lets_in(again.access_token)
    assert await doors.goes_on(again.refresh_token)


@pytest.mark.parametrize(
    ("client", "seconds"),
    [
        pytest.param(PHONE, 0, id="another-client"),
        pytest.param(Client(LAPTOP.address, "curl"), 0, id="another-name"),
        pytest.param(Client("192.0.2.9", LAPTOP.name), 0, id="another-address"),
        pytest.param(LAPTOP, 11, id="later"),
    ],
)
async def test_token_that_is_used_again_ends_its_session(
    doors: Doors, client: Client, seconds: float
) -> None:
    """One of two who have it has stolen it: neither goes on, by no token of the family."""
    user = await doors.add()
    begun, other = await doors.login(user), await doors.login(user)
    latest = await doors.accounts.signing_in.refresh(begun.refresh_token, client=LAPTOP)
    await age_used_tokens(doors, user, seconds)
    with capture_logs() as logs, pytest.raises(Unauthenticated) as caught:
        await doors.accounts.signing_in.refresh(begun.refresh_token, client=client)
    assert caught.value.message == NOT_GOOD
    session = (await doors.viewer(other.access_token)).session
    (line,) = logs
    assert line["event"] == "refresh_token_reused"
    assert UUID(line["session"]) != session
    for token in (begun.access_token, latest.access_token):
        assert not await doors.lets_in(token)
    for token in (latest.refresh_token, begun.refresh_token):
        assert not await doors.goes_on(token)
    assert await doors.goes_on(other.refresh_token)


@pytest.mark.parametrize(
    ("clients", "good"),
    [
        pytest.param((LAPTOP, LAPTOP), 2, id="same-client"),
        pytest.param((LAPTOP, PHONE), 0, id="two-clients"),
    ],
)
async def test_two_who_refresh_at_once(
    doors: Doors, clients: tuple[Client, Client], good: int
) -> None:
    """The same client gets two pairs that are good; of two clients one is refused, both end."""
    for _ in range(5):
        begun = await doors.login(await doors.add())
        answers = await asyncio.gather(
            *(
                doors.accounts.signing_in.refresh(begun.refresh_token, client=each)
                for each in clients
            ),
            return_exceptions=True,
        )
        given = [each for each in answers if not isinstance(each, BaseException)]
        refused = [each for each in answers if isinstance(each, Unauthenticated)]
        assert (len(given), len(refused)) == ((2, 0) if good else (1, 1))
        taken = [await doors.goes_on(each.refresh_token) for each in given]
        assert sum(taken) == good


@pytest.mark.parametrize(
    "token",
    ["", "a360r_", "a360r_" + "A" * 43, "a360_" + "A" * 43, "x" * 10_000, "a360r_" + "\ud800" * 43],
    ids=["empty", "prefix", "unknown", "api-token", "long", "surrogates"],
)
async def test_unknown_refresh_token_is_refused(doors: Doors, token: str) -> None:
    """In the words of any other that is good for nothing."""
    with pytest.raises(Unauthenticated, match=NOT_GOOD):
        await doors.accounts.signing_in.refresh(token, client=LAPTOP)


async def test_logout_ends_the_session_of_the_token_alone(doors: Doors) -> None:
    """At once here: neither token is taken any more, and those of other sessions are."""
    user = await doors.add()
    mine, other = await doors.login(user), await doors.login(user)
    viewer = await doors.viewer(mine.access_token)
    assert await doors.accounts.signing_in.logout(viewer, everywhere=False) == 1
    assert not await doors.lets_in(mine.access_token)
    assert not await doors.goes_on(mine.refresh_token)
    assert await doors.lets_in(other.access_token)
    assert await doors.accounts.signing_in.logout(viewer, everywhere=False) == 0


async def test_logout_everywhere_ends_every_signed_token(doors: Doors) -> None:
    """Those of the terminal too, which are of no session; a login afterwards is taken."""
    user = await doors.add()
    sessions = [await doors.login(user) for _ in range(2)]
    of_terminal = doors.accounts.signing_in.issue_token(user, ttl_seconds=600)
    viewer = await doors.viewer(of_terminal)
    assert viewer.session is None
    assert await doors.accounts.signing_in.logout(viewer, everywhere=False) == 0
    assert await doors.accounts.signing_in.logout(viewer, everywhere=True) == 2
    for token in (of_terminal, *(each.access_token for each in sessions)):
        assert not await doors.lets_in(token)
    assert await doors.lets_in((await doors.login(user)).access_token)
    assert await doors.lets_in(
        doors.accounts.signing_in.issue_token(await doors.stored(user.uuid), ttl_seconds=600)
    )


async def test_logout_of_nobody_is_unauthenticated(doors: Doors) -> None:
    """A token outlives a user who was deleted by hand."""
    with pytest.raises(Unauthenticated):
        await doors.accounts.signing_in.logout(Viewer(uuid4(), Role.VIEWER), everywhere=True)


async def test_login_by_a_password_that_is_being_changed_is_refused(doors: Doors) -> None:
    """What was right when it was verified has to be so when the session begins."""
    user = await doors.add()
    async with doors.database.write() as tx:
        await set_password(tx, user.id, "$argon2id$another")
        login = asyncio.create_task(doors.login(user))
        await until(doors.somebody_waits)
    with pytest.raises(Unauthenticated, match=WRONG):
        await login
    (row,) = await doors.execute(
        "SELECT count(*) FROM sessions WHERE user_uuid = CAST(:user AS uuid)", user=user.uuid
    )
    assert row[0] == 0


async def test_no_secret_is_stored(doors: Doors) -> None:
    """Of tokens there is a hash, and of the client that used one a digest."""
    user = await doors.add()
    begun = await doors.login(user)
    await doors.accounts.signing_in.refresh(begun.refresh_token, client=LAPTOP)
    rows = await doors.execute(
        "SELECT CAST(t AS text) AS told FROM (SELECT r.*, s.* FROM refresh_tokens r"
        " JOIN sessions s ON s.uuid = r.session_uuid WHERE s.user_uuid = CAST(:user AS uuid)) t",
        user=user.uuid,
    )
    assert len(rows) == 2
    for row in rows:
        assert begun.refresh_token not in row.told
        assert str(LAPTOP.address) not in row.told


async def test_login_beyond_the_hundredth_session_ends_the_oldest(doors: Doors) -> None:
    """So that somebody who is sent away is never too many; its tokens are refused at once."""
    user = await doors.add()
    oldest, other = await doors.login(user), await doors.login(await doors.add())
    await doors.execute(
        "INSERT INTO sessions (uuid, user_uuid, expires_at)"
        " SELECT gen_random_uuid(), CAST(:user AS uuid), now() + n * interval '1 day'"
        " FROM generate_series(-5, 120) AS n",
        user=user.uuid,
    )
    await doors.execute(
        "UPDATE sessions SET created_at = created_at - interval '1 day'"
        " WHERE user_uuid = CAST(:user AS uuid) AND client IS NOT NULL",
        user=user.uuid,
    )
    assert await doors.lets_in(oldest.access_token)
    newest = await doors.login(user)
    (row,) = await doors.execute(
        "SELECT count(*) FROM sessions WHERE user_uuid = CAST(:user AS uuid)"
        " AND revoked_at IS NULL AND expires_at > now()",
        user=user.uuid,
    )
    assert row[0] == MAX_SESSIONS
    assert not await doors.lets_in(oldest.access_token)
    assert not await doors.goes_on(oldest.refresh_token)
    assert await doors.goes_on(newest.refresh_token)
    assert await doors.goes_on(other.refresh_token)
