"""Servers that do not say the same are not timed against each other."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from benchmarks.equality import check_answers
from benchmarks.servers.process import ServerFailed


def _check(*answers: Mapping[str, Any]) -> None:
    check_answers({f"server{at}": orjson.dumps(answer) for at, answer in enumerate(answers)})


def _contacts(*names: str, row_id: str = "x") -> Mapping[str, Any]:
    return {"data": {"contacts": [{"id": row_id, "name": name} for name in names]}}


def test_ids_may_differ() -> None:
    """Each server has ids of its own."""
    _check(_contacts("Anna", "Ben", row_id="a"), _contacts("Anna", "Ben", row_id="b"))


def test_another_name_is_refused() -> None:
    """The message says where the answers part."""
    with pytest.raises(ServerFailed, match=r"server1 answers .*contacts\[1\]\.name', 'Bea'"):
        _check(_contacts("Anna", "Ben"), _contacts("Anna", "Bea"))


def test_a_missing_row_is_refused() -> None:
    """A shorter list is no faster one."""
    with pytest.raises(ServerFailed, match="server1 answers None"):
        _check(_contacts("Anna", "Ben"), _contacts("Anna"))


@pytest.mark.parametrize(
    "answer",
    [{"data": {"contacts": []}}, {"data": None, "errors": ["no"]}],
    ids=["empty", "error"],
)
def test_an_answer_without_rows_is_refused(answer: Mapping[str, Any]) -> None:
    """Nothing can be measured on an error or an empty database."""
    with pytest.raises(ServerFailed):
        _check(answer)
