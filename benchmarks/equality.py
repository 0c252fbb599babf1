"""Holds the servers to the same answers before any of them is timed.

Ids and cursors are each server's own and points in time have several forms; everything else has to
be the same, in the same order.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

import orjson

from benchmarks.operations import Operation
from benchmarks.servers.process import RunningServer, ServerFailed

_OWN: Final = frozenset({"id", "cursor", "startCursor", "endCursor", "createdAt", "__typename"})
_ROTATED: Final = 5

Leaf = tuple[str, Any]
"""A value and its place in an answer."""


def check_servers(
    servers: Sequence[RunningServer], operations: Sequence[Operation], contacts: Sequence[int]
) -> None:
    """Ask every server every operation and compare.

    Raises:
        ServerFailed: Two servers do not say the same; the message names the first difference.
    """
    readers = [server for server in servers if server.server.reads_rows]
    for operation in operations:
        for contact in contacts[: _ROTATED if operation.rotates else 1]:
            check_answers({server.name: server.answer(operation, contact) for server in readers})


def check_answers(answers: Mapping[str, bytes]) -> None:
    """Compare the answers of servers, by their names, to one request.

    Raises:
        ServerFailed: They differ, are errors, or have no rows.
    """
    first: tuple[str, list[Leaf]] | None = None
    for name, answer in answers.items():
        leaves = _read(name, orjson.loads(answer))
        first = first or (name, leaves)
        for expected, found in zip_longest(first[1], leaves):
            if expected != found:
                raise ServerFailed(f"{first[0]} answers {expected}, {name} answers {found}.")


def _read(name: str, answer: Mapping[str, Any]) -> list[Leaf]:
    if "errors" in answer:
        raise ServerFailed(f"{name} answers {answer['errors']}")
    leaves = list(_leaves(answer["data"]))
    if not any(value is not None for _, value in leaves):
        raise ServerFailed(f"{name} answers no rows.")
    return leaves


def _leaves(value: Any, place: str = "data") -> Iterator[Leaf]:
    """The values in the order of the fields' names, as servers may order fields by themselves."""
    if isinstance(value, Mapping):
        for name in sorted(value.keys() - _OWN):
            yield from _leaves(value[name], f"{place}.{name}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _leaves(item, f"{place}[{at}]")
    else:
        yield place, value
