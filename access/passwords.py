"""Passwords: hashed and verified by argon2id, in threads of their own that are few.

A hash takes 19 MiB and 30 ms of a core (measured 2026-11-23). As many are worked out at a time as
there are cores, a bounded number waits, and the rest is sent away.
"""

import asyncio
import base64
import os
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.accounts import is_too_long
from domain.errors import Unavailable

MOST_WAITING: Final = 64

_MADE_BYTES: Final = 18
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32

T = TypeVar("T")

# Source: OWASP Password Storage Cheat Sheet, "Argon2id".
ARGON2ID: Final = PasswordHasher(
    time_cost=2, memory_cost=19_456, parallelism=1, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES
)


class Passwords:
    """Hashes and verifies passwords without holding up the event loop.

    Args:
        hasher: How new ones are hashed.
        workers: How many at a time; one for each core when left out.
        most_waiting: How many may wait for that.
    """

    def __init__(
        self,
        hasher: PasswordHasher = ARGON2ID,
        *,
        workers: int | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        workers = workers or os.cpu_count() or 1
        self._hasher = hasher
        self._nobodys = _hash_of_nothing(hasher)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        self._places = BoundedSemaphore(workers + most_waiting)

    async def hash(self, password: str) -> str:
        """The hash to store of a new password.

        Raises:
            Unavailable: Too many wait already.
        """
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether a password is the one that was hashed.

        Without a hash it never is, which takes as long to find out.

        Raises:
            Unavailable: Too many wait already.
        """
        if is_too_long(password):
            return False
        against = self._nobodys if password_hash is None else password_hash
        return await self._run(lambda: self._is_right(against, _bytes(password)))

    def is_outdated(self, password_hash: str) -> bool:
        """Whether new passwords are hashed in another way than this one was."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Wait for what is being worked out, and do nothing more."""
        self._threads.shutdown(cancel_futures=True)

    def _is_right(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (InvalidHashError, VerificationError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many people are logging in. Try again in a moment.")
        future = self._threads.submit(work)
        # The place is taken for as long as the thread is, whoever stops waiting for it.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _future: Future[T]) -> None:
        self._places.release()


def make_password() -> str:
    """A password that nobody guesses, of 24 letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(_MADE_BYTES)


def _bytes(password: str) -> bytes:
    """The same for the same letters, however a keyboard puts them together.

    Source: RFC 8265, 4.2.2 (OpaqueString).
    """
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """What no password has as its hash, and which takes as long to compare with as any."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
