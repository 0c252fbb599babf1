"""Hashing takes its time and memory in few threads, and whoever is too many is sent away."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher, extract_parameters

from access.passwords import ARGON2ID, Passwords, make_password
from domain.errors import Unavailable
from tests.access.doors import CHEAP


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    """Hashes that cost nothing."""
    opened = Passwords(CHEAP)
    yield opened
    opened.close()


class Watched(PasswordHasher):
    """Counts how many hashes are worked out at the same time, and waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()
        self.now = self.most = 0
        self.begun = 0
        self._lock = threading.Lock()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """A hash, after a while."""
        with self._lock:
            self.begun += 1
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go.wait(30)
        with self._lock:
            self.now -= 1
        return super().hash(password, salt=salt)


async def test_password_is_found_right_by_its_hash_alone(passwords: Passwords) -> None:
    """No two hashes of a password are the same."""
    first, second = [await passwords.hash("sésame") for _ in range(2)]
    assert first != second
    for kept in (first, second):
        assert await passwords.verify("sésame", kept)
        assert not await passwords.verify("sesame", kept)


async def test_costs_are_those_that_are_recommended() -> None:
    """argon2id with 19 MiB and two rounds; without a hash exactly the same is worked out."""
    passwords = Passwords()
    kept = await passwords.hash("sésame")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert extract_parameters(passwords._nobodys) == extract_parameters(kept)
    assert not passwords.is_outdated(kept)
    assert await passwords.verify("sésame", kept)
    assert not await passwords.verify("sésame", None)
    passwords.close()


@pytest.mark.parametrize("kept", ["", "plain", "$argon2id$v=19$", "$2b$12$abc"])
async def test_what_is_no_hash_is_nobodys_password(passwords: Passwords, kept: str) -> None:
    """A row that somebody wrote by hand lets nobody in, and is no error of ours."""
    assert not await passwords.verify(kept, kept)


async def test_hundred_at_once_use_no_more_than_the_threads() -> None:
    """As many hashes as cores are worked out at a time, 64 wait, and the rest may come again."""
    hasher = Watched()
    passwords = Passwords(hasher, workers=2)
    tasks = [asyncio.create_task(passwords.hash("sésame")) for _ in range(100)]
    refused, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert len(refused) == 34
    for task in refused:
        error = task.exception()
        assert isinstance(error, Unavailable)
        assert error.details == {"retryable": True}
    hasher.go.set()
    kept = await asyncio.gather(*(task for task in tasks if task not in refused))
    assert (len(kept), hasher.begun, hasher.most) == (66, 66, 2)
    assert await passwords.hash("sésame")
    passwords.close()


async def test_who_stops_waiting_frees_the_place_when_the_thread_is_done() -> None:
    """A client that hangs up does not let another hash begin before its own has ended."""
    hasher = Watched()
    passwords = Passwords(hasher, workers=1, most_waiting=0)
    gone = asyncio.create_task(passwords.hash("sésame"))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        while not hasher.now:  # noqa: ASYNC110  # a thread tells nobody
            await asyncio.sleep(0.001)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    with pytest.raises(Unavailable):
        await passwords.hash("sésame")
    hasher.go.set()
    async with asyncio.timeout(30):
        while not passwords._places._value:  # noqa: ASYNC110  # nor here
            await asyncio.sleep(0.001)
    assert await passwords.hash("sésame")
    passwords.close()


def test_made_passwords_are_long_and_each_another() -> None:
    """144 bits, in letters that need no quotes."""
    made = {make_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(each) == 24 and each.isascii() for each in made)


def test_hasher_of_the_product_is_none_of_the_tests() -> None:
    """Cheap hashes are for tests alone."""
    assert (ARGON2ID.memory_cost, ARGON2ID.time_cost, ARGON2ID.parallelism) == (19_456, 2, 1)
