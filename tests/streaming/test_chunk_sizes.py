"""Promises of `streaming.chunk_sizes`: the more there is to send, the larger the pieces."""

from typing import Any, get_args

import pytest

from domain.errors import InvalidInput
from domain.uploads import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, NetworkCondition
from streaming.chunk_sizes import calculate_optimal_chunk_size

SIZES = [0, 1, 2**16, 10**6, 10**7, 50 * 2**20, 10**8, 10**9, 2 * 2**30, 10**12]
TYPES = ("text/csv", "image/png", "")


@pytest.mark.parametrize("media_type", TYPES)
def test_pieces_grow_with_the_file_and_the_network(media_type: str) -> None:
    """Within their bounds, and never the other way round."""
    by_network = [
        [calculate_optimal_chunk_size(size, media_type, network) for size in SIZES]
        for network in ("slow", "normal", "fast")
    ]
    for sizes in by_network:
        assert sizes == sorted(sizes)
        assert all(MIN_CHUNK_BYTES <= each <= MAX_CHUNK_BYTES for each in sizes)
        assert all(each % MIN_CHUNK_BYTES == 0 for each in sizes)
    for each in zip(*by_network, strict=True):
        assert list(each) == sorted(each)


def test_a_slow_network_has_smaller_pieces() -> None:
    """What is lost with one of them is soon sent again."""
    networks = get_args(NetworkCondition)
    found = {name: calculate_optimal_chunk_size(2 * 2**30, "text/csv", name) for name in networks}

    assert found == {"fast": MAX_CHUNK_BYTES, "normal": 8 * 2**20, "slow": 2**20}
    assert calculate_optimal_chunk_size(50 * 2**20, "text/csv") == 8 * 2**16


@pytest.mark.parametrize(("size", "network"), [(-1, "normal"), (1, "5g")])
def test_what_is_no_file_or_network_is_refused(size: int, network: Any) -> None:
    """With the networks that there are."""
    with pytest.raises(InvalidInput):
        calculate_optimal_chunk_size(size, "text/csv", network)
