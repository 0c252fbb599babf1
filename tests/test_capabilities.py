"""docs/capabilities.md is complete, and what it calls built is proven by tests that exist."""

import ast
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "docs" / "capabilities.md"
ASKED_FOR = 141

BUILT = "built"
DECIDED_OTHERWISE = "decided otherwise"
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NO_PROOF = re.compile(r"\bmark\.(xfail|skip)\b")
PLACE = re.compile(r"`([\w/]+(?:\.\w+|/))`")


class Capability(NamedTuple):
    """One line of the paper."""

    id: str
    words: str
    state: str
    place: str
    proof: str


def _read_capabilities() -> list[Capability]:
    lines = PAPER.read_text("utf-8").splitlines()
    rows = [line for line in lines if re.match(r"\| *[A-Z]+\d+ *\|", line)]
    return [Capability(*(cell.strip() for cell in row.strip("|").split("|"))) for row in rows]


CAPABILITIES = _read_capabilities()
of_each_capability = pytest.mark.parametrize(
    "capability", CAPABILITIES, ids=[capability.id for capability in CAPABILITIES]
)


@lru_cache
def _tests_of(path: str) -> frozenset[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text("utf-8")) if file.is_file() else ast.Module([], [])
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not any(NO_PROOF.search(ast.unparse(mark)) for mark in node.decorator_list)
    )


def test_every_capability_has_one_line() -> None:
    """Each of the capabilities asked for stands in the paper exactly once, in order."""
    asked = [capability.id for capability in CAPABILITIES if capability.id.startswith("A")]

    assert asked == [f"A{number}" for number in range(1, ASKED_FOR + 1)]


def test_no_id_is_given_twice() -> None:
    """An id names one line."""
    counted = Counter(capability.id for capability in CAPABILITIES)

    assert [name for name, count in counted.items() if count > 1] == []


@of_each_capability
def test_state_is_a_known_one(capability: Capability) -> None:
    """A capability is built, or decided otherwise; nothing is left to do."""
    assert capability.state in {BUILT, DECIDED_OTHERWISE}
    assert capability.words
    assert capability.place


@of_each_capability
def test_named_tests_exist(capability: Capability) -> None:
    """Every test that a line names is in the file it names, and has to pass there."""
    named = TEST_NAME.findall(capability.proof)

    assert [name for path, name in named if name not in _tests_of(path)] == []
    assert capability.proof.count("tests/") == len(named)


@of_each_capability
def test_built_capability_is_proven_and_placed(capability: Capability) -> None:
    """What is built names at least one test, and only files and folders that exist."""
    if capability.state == BUILT:
        places = PLACE.findall(capability.place)

        assert TEST_NAME.search(capability.proof)
        assert places
        assert [place for place in places if not (ROOT / place).exists()] == []


@of_each_capability
def test_other_decision_has_a_reason(capability: Capability) -> None:
    """What was decided otherwise says why, beyond the names of tests."""
    if capability.state == DECIDED_OTHERWISE:
        assert len(TEST_NAME.sub("", capability.proof).split()) >= 5
