"""Pictures that were made anew from what a user sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

MAX_PICTURE_BYTES: Final = 5 * 2**20
"""Of a picture as it is sent."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that holds its pixels and nothing else."""

    content: bytes
    media_type: str
    width: int
    height: int


Reencode = Callable[[bytes], Awaitable[Picture]]
"""Makes a picture of the bytes that a user sent; raises InvalidImage when they are none to use."""
