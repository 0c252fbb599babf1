"""How often a password may be tried: failures count much, success little.

A try is taken from two buckets before the password is looked at, so that many at once are no way
around them, and given back when it was right. There is one bucket for an account and an address
together: whoever guesses keeps nobody else out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Final, NamedTuple

from cache.buckets import Buckets
from domain.accounts import Client
from domain.errors import RateLimited, Unavailable

_A_MINUTE: Final = 60.0
_OF_ACCOUNT: Final = 5.0
_OF_ADDRESS: Final = 50.0
_OF_PROFILE: Final = 5.0
_OF_RIGHT: Final = 30.0
# What one customer of a provider is given.
_IPV6_PREFIX: Final = 64
_DIGEST_CHARS: Final = 32


class _Bucket(NamedTuple):
    """One limit.

    Attributes:
        a_minute: How many it lets through in a minute, and how many at once.
    """

    key: str
    a_minute: float


class LoginLimits:
    """Bounds the tries at passwords.

    Args:
        buckets: Where tries are counted.
    """

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    @asynccontextmanager
    async def attempt(self, account: str, client: Client) -> AsyncIterator[None]:
        """Surrounds one try; it is given back unless the block says that it was wrong.

        Args:
            account: Whose password is tried, whether there is such a user or not.

        Raises:
            RateLimited: There were too many wrong ones.
        """
        address = _network(client.address)
        both = f"login:account:{_digest(account.casefold(), address)}"
        taken = (
            _Bucket(f"login:address:{_digest(address)}", _OF_ADDRESS),
            _Bucket(both, _OF_ACCOUNT),
        )
        await self._take(taken)
        try:
            yield
        except Unavailable:
            await self._give_back(taken)
            raise
        await self._give_back(taken)

    async def come_in(self, account: str) -> None:
        """Count one login by the right password, from wherever it comes.

        Raises:
            RateLimited: There were too many.
        """
        await self._take((_Bucket(f"login:right:{_digest(account.casefold())}", _OF_RIGHT),))

    async def change_profile(self, account: str) -> None:
        """Count one change of a name or address, which has every cache forget all.

        Raises:
            RateLimited: There were too many.
        """
        await self._take((_Bucket(f"profile:{_digest(account)}", _OF_PROFILE),))

    async def _take(self, wanted: tuple[_Bucket, ...]) -> None:
        taken: tuple[_Bucket, ...] = ()
        for bucket in wanted:
            wait = await self._buckets.take(
                bucket.key, 1.0, capacity=bucket.a_minute, per_second=bucket.a_minute / _A_MINUTE
            )
            if wait > 0:
                await self._give_back(taken)
                seconds = ceil(wait)
                message = f"Too many tries. Come again in {seconds} s."
                raise RateLimited(message, retry_after_seconds=seconds)
            taken = (*taken, bucket)

    async def _give_back(self, taken: tuple[_Bucket, ...]) -> None:
        for bucket in taken:
            await self._buckets.give_back(
                bucket.key, 1.0, capacity=bucket.a_minute, per_second=bucket.a_minute / _A_MINUTE
            )


def _network(address: str | None) -> str:
    """By what the tries of one place are counted together."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or ""
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((int(found), _IPV6_PREFIX), strict=False))


def _digest(*texts: str) -> str:
    """A key that tells neither an address nor an account."""
    whole = "\n".join(texts).encode("utf-8", "surrogatepass")
    return sha256(whole).hexdigest()[:_DIGEST_CHARS]
