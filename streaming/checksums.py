"""Checksums that clients send along with bytes, so that what arrives otherwise is refused."""

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from _hashlib import HASH

ALGORITHMS: Final = ("sha1", "sha256", "md5")


class Checksum(NamedTuple):
    """What bytes have to come to.

    Attributes:
        algorithm: One of `ALGORITHMS`.
    """

    algorithm: str
    digest: bytes


def hasher(algorithm: str) -> "HASH":
    """What digests bytes by one of `ALGORITHMS`: it finds accidents, not forgeries."""
    return hashlib.new(algorithm, usedforsecurity=False)
