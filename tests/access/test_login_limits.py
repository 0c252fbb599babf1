"""Wrong passwords are counted, right ones are not, and nobody is locked out by somebody else."""

from collections.abc import Callable

import pytest

from access.login_limits import LoginLimits
from cache.buckets import MemoryBuckets
from domain.accounts import Client
from domain.errors import RateLimited, Unauthenticated, Unavailable
from tests.access.doors import LAPTOP, PASSWORD, PHONE, Doors


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


async def try_once(
    limits: LoginLimits,
    account: str = "ada@example.com",
    client: Client = LAPTOP,
    error: Callable[[], Exception] | None = lambda: Unauthenticated("Wrong."),
) -> None:
    """One try, which ends with an error or well."""
    async with limits.attempt(account, client):
        if error is not None:
            raise error()


async def is_let_try(limits: LoginLimits, account: str, client: Client) -> bool:
    """Whether a try is taken, which turns out to be right."""
    try:
        await try_once(limits, account, client, None)
    except RateLimited:
        return False
    return True


async def fail(limits: LoginLimits, times: int, account: str = "ada@example.com") -> None:
    """Some wrong tries."""
    for _ in range(times):
        with pytest.raises(Unauthenticated):
            await try_once(limits, account)


async def test_sixth_wrong_try_in_a_minute_has_to_wait() -> None:
    """It is told for how long, and after that it is taken."""
    clock = Clock()
    limits = LoginLimits(MemoryBuckets(clock=clock))
    await fail(limits, 5)
    with pytest.raises(RateLimited) as caught:
        await try_once(limits)
    assert caught.value.details == {"retryAfter": 12}
    clock.now += 11.5
    assert not await is_let_try(limits, "ada@example.com", LAPTOP)
    clock.now += 0.5
    await fail(limits, 1)
    clock.now += 60
    await fail(limits, 5)


async def test_account_comes_in_thirty_times_a_minute() -> None:
    """From wherever it does, and however its address is written; others are not kept out."""
    clock = Clock()
    limits = LoginLimits(MemoryBuckets(clock=clock))
    for _ in range(15):
        await limits.come_in("ada@example.com")
        await limits.come_in("Ada@example.com")
    with pytest.raises(RateLimited) as caught:
        await limits.come_in("ada@example.com")
    assert caught.value.details == {"retryAfter": 2}
    await limits.come_in("bob@example.com")
    clock.now += 2
    await limits.come_in("ada@example.com")


async def test_whoever_comes_in_all_the_time_is_refused(doors: Doors) -> None:
    """In the end before their password is looked at, as if it had been wrong; a session less."""
    user = await doors.add()
    for _ in range(30):
        await doors.login(user)
    for _ in range(6):
        with pytest.raises(RateLimited):
            await doors.login(user)
    (row,) = await doors.execute(
        "SELECT count(*) FROM sessions WHERE user_uuid = CAST(:user AS uuid)", user=user.uuid
    )
    assert row[0] <= 31


async def test_right_tries_are_no_wrong_ones() -> None:
    """However often somebody comes in; and one that ends for want of room is no wrong one."""
    limits = LoginLimits(MemoryBuckets(clock=Clock()))
    await fail(limits, 4)
    for _ in range(60):
        await try_once(limits, error=None)
        with pytest.raises(Unavailable):
            await try_once(limits, error=lambda: Unavailable("Full."))
    await fail(limits, 1)
    assert not await is_let_try(limits, "ada@example.com", LAPTOP)


async def test_wrong_tries_keep_out_nobody_else() -> None:
    """The account is open from elsewhere, and other accounts are from here."""
    limits = LoginLimits(MemoryBuckets(clock=Clock()))
    await fail(limits, 5)
    assert not await is_let_try(limits, "ADA@example.com", LAPTOP)
    assert not await is_let_try(limits, "ada@example.com", Client(LAPTOP.address, "other"))
    assert await is_let_try(limits, "ada@example.com", PHONE)
    assert await is_let_try(limits, "bob@example.com", LAPTOP)


async def test_one_address_tries_fifty_accounts_a_minute() -> None:
    """What is refused for the account alone does not count for the address."""
    limits = LoginLimits(MemoryBuckets(clock=Clock()))
    for number in range(10):
        await fail(limits, 5 if number else 4, f"user{number}@example.com")
    for _ in range(3):
        assert not await is_let_try(limits, "user1@example.com", LAPTOP)
    await fail(limits, 1, "user0@example.com")
    assert not await is_let_try(limits, "new@example.com", LAPTOP)
    assert await is_let_try(limits, "new@example.com", PHONE)


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("unix", "unix", "192.0.2.1"),
        (None, None, "192.0.2.1"),
    ],
)
async def test_addresses_of_one_customer_count_together(
    address: str | None, same: str | None, other: str
) -> None:
    """Who has IPv6 has more addresses than anybody can count."""
    limits = LoginLimits(MemoryBuckets(clock=Clock()))
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await try_once(limits, client=Client(address))
    assert not await is_let_try(limits, "ada@example.com", Client(same))
    assert await is_let_try(limits, "ada@example.com", Client(other))


async def test_login_is_limited_whether_there_is_such_a_user_or_not(doors: Doors) -> None:
    """The right password is not taken either while there were too many wrong ones."""
    user = await doors.add()
    for email in (user.email, "nobody@example.com"):
        for _ in range(5):
            with pytest.raises(Unauthenticated):
                await doors.accounts.signing_in.login(email, "wrong", client=LAPTOP)
        with pytest.raises(RateLimited) as caught:
            await doors.accounts.signing_in.login(email, PASSWORD, client=LAPTOP)
        assert 0 < int(str(caught.value.details["retryAfter"])) <= 12
    assert await doors.login(user, client=PHONE)


async def test_buckets_name_neither_accounts_nor_addresses() -> None:
    """Redis may be somebody else's."""
    buckets = MemoryBuckets(clock=Clock())
    await fail(LoginLimits(buckets), 1)
    told = " ".join(buckets._empty_at)
    assert told.count("login:") == 2
    assert "ada" not in told
    assert "192.0.2" not in told
