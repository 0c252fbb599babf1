"""The papers of figures and reasons are complete, and name only what there is."""

import re
import sys
import tomllib
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement

from tests.test_capabilities import PLACE, ROOT, TEST_NAME

HABITS: Final = 15
"""So many has the checklist."""


def part(paper: str, heading: str) -> str:
    """What stands under a heading of a paper of `docs/`, up to the next one."""
    text = (ROOT / "docs" / paper).read_text("utf-8")
    (found,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    return str(found)


def rows(text: str) -> list[list[str]]:
    """The rows of all tables, without the heads."""
    blocks = groupby(text.splitlines(), key=lambda line: line.startswith("|"))
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for is_table, lines in blocks
        if is_table
        for line in list(lines)[2:]
    ]


def missing(text: str) -> list[str]:
    """Files, folders and tests that a text names and nobody finds."""
    tests = TEST_NAME.findall(text)
    places = {*PLACE.findall(text), *(path for path, _ in tests)}
    return [
        *(place for place in places if not (ROOT / place).exists()),
        *(name for path, name in tests if f"def {name}(" not in (ROOT / path).read_text("utf-8")),
    ]


def project() -> dict[str, Any]:
    """What pyproject.toml says of the project."""
    told: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return told


def test_checklist_has_every_habit_with_its_place_and_figure() -> None:
    """In docs/performance.md: files that exist, and something that was counted or measured."""
    checklist = rows(part("performance.md", "The checklist"))

    assert [row[0] for row in checklist] == [str(number) for number in range(1, HABITS + 1)]
    for _number, habit, places, figure in checklist:
        assert PLACE.findall(places), habit
        assert missing(places) == [], habit
        assert re.search(r"\d", figure), habit


@pytest.mark.parametrize(
    "heading",
    [
        "A read is never stale",
        "No row is missing, none comes twice",
        "A write is done once",
        "What was acknowledged is there",
        "Restarts and outages hurt nobody more than they must",
    ],
)
def test_promise_names_what_keeps_it_and_what_proves_it(heading: str) -> None:
    """In docs/reliability.md: files and tests that exist, and how often it was tried."""
    promises = rows(part("reliability.md", heading))

    assert promises
    for promise, keeps, proof, figure in promises:
        assert PLACE.search(keeps) or "the same" in keeps, promise
        assert TEST_NAME.search(proof), promise
        assert missing(keeps) + missing(proof) == [], promise
        assert re.search(r"\d", figure), promise


def test_long_runs_are_commands_that_there_are() -> None:
    """Each row of that table is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = [row[0].strip("`") for row in rows(part("reliability.md", "The long runs"))]

    assert commands == [f"make {name}" for name in ("soak", "fuzz", "faults", "clients", "pages")]
    assert all(f"\n{command.removeprefix('make ')}: " in makefile for command in commands)


def test_libraries_are_named_with_their_reasons() -> None:
    """docs/decisions/0030-dependencies.md has exactly those that the project needs to run."""
    reasons = rows(part("decisions/0030-dependencies.md", "What runs"))
    needed = [Requirement(line).name for line in project()["dependencies"]]

    assert [row[0].strip("`") for row in reasons] == needed
    assert all(all(row) and len(row) == 6 for row in reasons)
    extras = part("decisions/0030-dependencies.md", "Extras")
    assert all(f"`{extra}`" in extras for extra in project()["optional-dependencies"])


def test_image_leaves_out_what_is_there_and_nobody_imports() -> None:
    """Folders of libraries that the Dockerfile removes: an image without them does all it did."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    (removed,) = re.findall(r"site-packages && rm -r (.*?)\n\n", dockerfile, re.DOTALL)
    folders = removed.replace("\\\n", " ").split()
    import_module("app.cli")  # and all that the product imports

    assert len(folders) == 4
    for folder in folders:
        library, *path = folder.split("/")
        spec = find_spec(library)
        assert spec is not None
        assert spec.origin is not None
        assert Path(spec.origin).parent.joinpath(*path).is_dir()
        assert [name for name in sys.modules if name.startswith(folder.replace("/", "."))] == []
