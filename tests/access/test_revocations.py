"""What was revoked is refused: here at once, elsewhere within seconds, without a read each time."""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from access.revocations import Revocations
from access.signing_in import LoggedIn
from db.engine import open_engine
from db.rows import UserRow
from db.transaction import Database, StatementRun
from domain.enums import Role
from domain.errors import DatabaseUnavailable, Unauthenticated
from domain.viewer import Permission, Viewer
from tests.access.doors import LAPTOP, PASSWORD, TOKENS, Doors, open_doors
from tests.apps import STRANGER
from tests.graph.test_http_failures import as_server
from tests.replication import until

REFUSED: Final = "This token is not good any more. Log in again."

Decision = Callable[[Doors, UserRow, LoggedIn], Awaitable[object]]


async def disable(doors: Doors, user: UserRow, _session: LoggedIn) -> None:
    """Let the user in no more."""
    await doors.accounts.update_user(user.id, is_active=False)


async def give_role(doors: Doors, user: UserRow, _session: LoggedIn) -> None:
    """Give the user another role."""
    await doors.accounts.update_user(user.id, role=Role.VIEWER)


async def give_password(doors: Doors, user: UserRow, _session: LoggedIn) -> None:
    """Give the user another password."""
    await doors.accounts.set_password(user.id, None)


async def change_password(doors: Doors, _user: UserRow, session: LoggedIn) -> None:
    """Have the user choose another password."""
    viewer = await doors.viewer(session.access_token)
    await doors.accounts.change_password(
        viewer, current=PASSWORD, new="another password", client=LAPTOP
    )


async def leave(doors: Doors, _user: UserRow, session: LoggedIn) -> None:
    """End the session."""
    viewer = await doors.viewer(session.access_token)
    await doors.accounts.signing_in.logout(viewer, everywhere=False)


async def leave_everywhere(doors: Doors, _user: UserRow, session: LoggedIn) -> None:
    """End all sessions."""
    viewer = await doors.viewer(session.access_token)
    await doors.accounts.signing_in.logout(viewer, everywhere=True)


DECISIONS: Final = (disable, give_role, give_password, change_password, leave, leave_everywhere)
SPARING: Final = {leave}
"""Those that leave tokens alone that are of no session."""


@pytest.mark.parametrize("decide", DECISIONS, ids=lambda decide: decide.__name__)
async def test_what_ends_a_session_is_known_at_once_here_and_soon_elsewhere(
    doors: Doors, decide: Decision
) -> None:
    """Signed tokens and refresh tokens of before are refused by every process."""
    user = await doors.add(Role.EDITOR)
    session = await doors.login(user)
    of_terminal = doors.accounts.signing_in.issue_token(user, ttl_seconds=600)
    async with open_doors(doors.database, refresh_seconds=0.05) as elsewhere:
        for each in (doors, elsewhere):
            assert await each.lets_in(session.access_token)
            assert await each.lets_in(of_terminal)
        await decide(doors, user, session)
        assert not await doors.lets_in(session.access_token)
        assert await doors.lets_in(of_terminal) is (decide in SPARING)
        await until(lambda: refuses(elsewhere, session.access_token))
        assert await elsewhere.lets_in(of_terminal) is (decide in SPARING)
        assert not await elsewhere.goes_on(session.refresh_token)
        assert not await doors.goes_on(session.refresh_token)


async def refuses(doors: Doors, token: str) -> bool:
    """Whether a token is refused."""
    return not await doors.lets_in(token)


async def test_what_is_older_than_allowed_is_read_before_anybody_is_let_in(doors: Doors) -> None:
    """A process that nobody asked for an hour does not let in who was sent away meanwhile."""
    user = await doors.add()
    session = await doors.login(user)
    async with open_doors(doors.database, refresh_seconds=0.0) as elsewhere:
        assert await elsewhere.lets_in(session.access_token)
        await disable(doors, user, session)
        assert not await elsewhere.lets_in(session.access_token)


async def test_refused_token_is_told_to_be_good_no_more(doors: Doors) -> None:
    """So that a client does not try to refresh for ever what will not come back."""
    user = await doors.add()
    session = await doors.login(user)
    await disable(doors, user, session)
    with pytest.raises(Unauthenticated, match=REFUSED):
        await doors.viewer(session.access_token)


async def test_disabled_user_is_refused_whatever_they_have(doors: Doors) -> None:
    """Any signed token, a token of the API, a refresh token, a password, a signed address."""
    user = await doors.add()
    session = await doors.login(user)
    viewer = await doors.viewer(session.access_token)
    of_api = await doors.accounts.api_tokens.create(
        viewer, name="CI", scopes=[Permission.READ], expires_at=None
    )
    assert await doors.lets_in(of_api.secret)
    await disable(doors, user, session)
    later = doors.accounts.signing_in.issue_token(await doors.stored(user.uuid), ttl_seconds=600)
    for token in (session.access_token, of_api.secret, later):
        assert not await doors.lets_in(token)
    assert not await doors.goes_on(session.refresh_token)
    with pytest.raises(Unauthenticated):
        await doors.login(user)
    with pytest.raises(Unauthenticated):
        await doors.authentication.check(Viewer(user.uuid, Role.VIEWER))


async def test_user_who_is_enabled_again_comes_in_anew(doors: Doors) -> None:
    """What was refused stays so; a token of the API is good again."""
    user = await doors.add()
    session = await doors.login(user)
    viewer = await doors.viewer(session.access_token)
    of_api = await doors.accounts.api_tokens.create(
        viewer, name="CI", scopes=[Permission.READ], expires_at=None
    )
    await disable(doors, user, session)
    await doors.accounts.update_user(user.id, is_active=True)
    assert not await doors.lets_in(session.access_token)
    assert not await doors.goes_on(session.refresh_token)
    assert await doors.lets_in(of_api.secret)
    assert await doors.lets_in((await doors.login(user)).access_token)


async def test_token_that_is_made_right_after_a_revocation_is_taken(doors: Doors) -> None:
    """Also where the clock of whoever revoked is some seconds before ours."""
    user = await doors.add()
    for ahead in (0, 5):
        await doors.execute(
            "UPDATE users SET tokens_valid_from = clock_timestamp()"
            " + CAST(:ahead AS int) * interval '1 s' WHERE id = CAST(:id AS bigint)",
            id=user.id,
            ahead=ahead,
        )
        async with open_doors(doors.database) as fresh:
            assert await fresh.lets_in((await fresh.login(user)).access_token)
            before = TOKENS.issue(user.uuid, Role.VIEWER, ttl_seconds=60)
            assert await fresh.lets_in(before) is (ahead == 0)


async def test_change_that_sends_nobody_away_ends_no_session(doors: Doors) -> None:
    """Another name, the same role once more, being active as before."""
    user = await doors.add(Role.EDITOR)
    session = await doors.login(user)
    await doors.accounts.update_user(user.id, name="Ada", role=Role.EDITOR, is_active=True)
    assert await doors.lets_in(session.access_token)
    assert await doors.goes_on(session.refresh_token)


async def test_requests_are_answered_without_a_read_each(shared_database: Database) -> None:
    """Two statements for all that come until what is known is half as old as it may be."""
    runs: list[StatementRun] = []
    counted = Database(shared_database.engine, observers=[runs.append])
    revocations = Revocations(counted, refresh_seconds=3600)
    for _ in range(100):
        await revocations.check(Viewer(STRANGER, Role.VIEWER))
    assert len(runs) == 2
    await revocations.renew()
    assert len(runs) == 4
    await revocations.close()


async def test_what_is_not_asked_for_is_not_renewed(shared_database: Database) -> None:
    """A command that changes a user and lets nobody in reads nothing."""
    runs: list[StatementRun] = []
    counted = Database(shared_database.engine, observers=[runs.append])
    revocations = Revocations(counted)
    await revocations.renew()
    assert runs == []
    await revocations.close()


async def test_while_the_database_is_away_what_is_known_counts(
    database_url: URL, server_url: URL
) -> None:
    """Nothing that is read there could be shown either; before anything is known nobody gets in."""
    async with open_engine(database_url, pool_size=1, max_overflow=0) as engine:
        database = Database(engine)
        async with open_doors(database) as doors:
            user = await doors.add()
            session = await doors.login(user)
            await disable(doors, user, session)
        known, unknown = (Revocations(database, refresh_seconds=0.0) for _ in range(2))
        stranger, sent_away = Viewer(STRANGER, Role.VIEWER), Viewer(user.uuid, Role.VIEWER)
        await known.check(stranger)
        name = database_url.database
        await as_server(
            server_url,
            f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )
        with capture_logs() as logs:
            await known.check(stranger)
            with pytest.raises(Unauthenticated):
                await known.check(sent_away)
            with pytest.raises(DatabaseUnavailable):
                await unknown.check(stranger)
        assert {line["event"] for line in logs} == {"revocations_not_read"}
        await known.close()
        await unknown.close()


async def test_session_that_ended_a_day_ago_has_ended(shared_database: Database) -> None:
    """Tokens of then may have been made to last that long, whatever lasts how long today."""
    async with open_doors(shared_database) as doors:
        user = await doors.add()
        session = await doors.login(user)
        await leave(doors, user, session)
        await doors.execute(
            "UPDATE sessions SET revoked_at = revoked_at - interval '1 day'"
            " WHERE user_uuid = CAST(:user AS uuid)",
            user=user.uuid,
        )
    async with open_doors(shared_database) as later:
        assert not await later.lets_in(session.access_token)
