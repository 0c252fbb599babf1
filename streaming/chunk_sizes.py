"""In which pieces a file is best sent."""

from collections.abc import Mapping
from typing import Final

from domain.errors import InvalidInput
from domain.uploads import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, NetworkCondition

# The better the network, the fewer requests: what is lost with one is soon sent again.
_PIECES: Final[Mapping[str, int]] = {"fast": 50, "normal": 100, "slow": 400}
_MOST_BYTES: Final[Mapping[str, int]] = {
    "fast": MAX_CHUNK_BYTES,
    "normal": MAX_CHUNK_BYTES // 2,
    "slow": MAX_CHUNK_BYTES // 16,
}
_IMAGE: Final = "image/"
_MOST_BYTES_OF_IMAGES: Final = MAX_CHUNK_BYTES // 32


def calculate_optimal_chunk_size(
    file_size: int, file_type: str, network_condition: NetworkCondition = "normal"
) -> int:
    """The bytes of a file to send in one request, but for the last one.

    A multiple of 64 KiB, up to 16 MiB; never smaller for a larger file, nor for a better network.

    Args:
        file_size: In bytes.
        file_type: Its media type. Somebody watches a picture arrive, and wants to see it move.

    Raises:
        InvalidInput: The size is negative, or the network none of those there are.
    """
    if file_size < 0:
        raise InvalidInput("The size of a file is a number of bytes, 0 or more.")
    if network_condition not in _PIECES:
        raise InvalidInput(f"A network is one of {', '.join(_PIECES)}.", allowed=list(_PIECES))
    most = _MOST_BYTES[network_condition]
    if file_type.lower().startswith(_IMAGE):
        most = min(most, _MOST_BYTES_OF_IMAGES)
    steps = -(-file_size // (_PIECES[network_condition] * MIN_CHUNK_BYTES))
    return min(max(steps, 1) * MIN_CHUNK_BYTES, most)
