"""Rules of the source that no linter knows: what is not as usual says why, and nothing lies idle.

Not as usual is a line that switches a check off, a file that is longer than files are here, and a
definition that nothing but tests asks for.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
ROOMS: Final = ("access", "app", "cache", "db", "domain", "graph", "jobs", "streaming")
SUFFIXES: Final = frozenset({".py", ".js", ".mjs", ".html", ".css", ".sh"})

MOST_LINES: Final = 400
_LINES_OF_HEAD: Final = 20
_WHY_LONG: Final = re.compile(r"\bLong\s+because\s+\w")

_SWITCH: Final = (
    r"(?:noqa|type:\s*ignore|pragma|nosec|(?:ruff|mypy|isort|pylint|pyright):"
    r"|(?:eslint|stylelint)-disable|prettier-ignore|@ts-|shellcheck)"
)
_NAMED_SWITCH: Final = (
    r"(?:noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*|type: ignore\[[a-z-]+(?:, [a-z-]+)*\]|pragma: no \w+"
    r"|(?:eslint|stylelint)-disable(?:-next)?-line [\w/-]+|shellcheck disable=SC\d+)"
)
_IS_SWITCH: Final = re.compile(rf"(?:#|//|/\*)\s*{_SWITCH}", re.IGNORECASE)
_HAS_REASON: Final = re.compile(
    rf"(?:#|//|/\*) {_NAMED_SWITCH}(?:  # {_NAMED_SWITCH})*(?:  # | --? )(?!{_SWITCH})[\w`]"
)
_TOML_SWITCHES: Final = re.compile(
    r"^ignore = \[\n(.*?)^\]|^\[tool\.ruff\.lint\.per-file-ignores\]\n(.*?)^\["
    r"|^\[\[tool\.mypy\.overrides\]\]\n(.*?\n)",
    re.MULTILINE | re.DOTALL,
)

# Definitions that nothing in the product or its papers uses, and why they are in it.
FOR_TESTS: Final = {
    "cursor_of": "only db knows how a cursor is made of a row",
    "export_sql": "benchmarks hand psql the statement of an export",
    "find_differences": "only db speaks Alembic",
    "graphql_view": "benchmarks serve GraphQL alone",
    "permissions_of": "every field is tried with the permissions of every role",
}


def sources() -> list[Path]:
    """What people have written for a machine to run, the tools of the project among it."""
    written = [
        path
        for folder in (*ROOMS, "benchmarks", "deploy", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SUFFIXES
    ]
    return sorted([*written, *(ROOT / ".ci").iterdir(), ROOT / "Makefile", ROOT / "Dockerfile"])


def comments(path: Path, text: str) -> Iterator[str]:
    """The comments of Python; every line of other languages."""
    if path.suffix != ".py":
        yield from text.splitlines()
    elif _IS_SWITCH.search(text):
        for word in tokenize.generate_tokens(io.StringIO(text).readline):
            if word.type == tokenize.COMMENT:
                yield word.string


def is_without_reason(comment: str) -> bool:
    """Whether it switches a check off and does not say which one, or not why."""
    return bool(_IS_SWITCH.search(comment)) and not _HAS_REASON.search(comment)


def test_what_switches_a_check_off_says_which_and_why() -> None:
    """In every source, on the line itself: `# noqa: S311  # spreads retries`."""
    found = {
        f"{path.relative_to(ROOT)}: {comment}"
        for path in sources()
        for comment in comments(path, path.read_text("utf-8"))
        if is_without_reason(comment)
    }

    assert found == set()


def test_rules_that_are_off_for_many_files_say_why() -> None:
    """In pyproject.toml, each on its line."""
    found = _TOML_SWITCHES.findall((ROOT / "pyproject.toml").read_text("utf-8"))
    lines = [line for groups in found for line in "".join(groups).splitlines() if line]

    assert len(lines) > len(found) > 2
    assert [line for line in lines if not re.search(r"[\],] +# \w", line)] == []


@pytest.mark.parametrize(
    ("comment", "is_missing"),
    [
        ("# noqa: S311  # spreads retries", False),
        ("# noqa: S311, S603 - our own", False),
        ("# type: ignore[misc, arg-type]  # any text does", False),
        ("# noqa: S311  # type: ignore[misc]  # theirs", False),
        ("// eslint-disable-next-line no-eval -- our own words", False),
        ("# one of many", False),
        ("# noqa", True),
        ("# noqa: S311", True),
        ("# noqa: S311  # ", True),
        ("# noqa  # spreads retries", True),
        ("# type: ignore  # theirs", True),
        ("# type: ignore[misc]", True),
        ("# noqa: S311  # type: ignore[misc]", True),
        ("#noqa:S311", True),
        ("# pragma: no cover", True),
        ("// eslint-disable-next-line no-eval", True),
        ("// @ts-ignore", True),
        ("# shellcheck disable=SC2086", True),
    ],
)
def test_switch_without_a_rule_or_a_reason_is_found(comment: str, *, is_missing: bool) -> None:
    """Both have to be there, the rule first."""
    assert is_without_reason(comment) is is_missing


def test_long_files_say_why_they_are_long() -> None:
    """In their first lines, by a sentence that begins "Long because"; no other file says so."""
    lines = {path: path.read_text("utf-8").splitlines() for path in sources()}
    long = {path for path in lines if len(lines[path]) > MOST_LINES}
    explained = {
        path
        for path in lines
        if _WHY_LONG.search(" ".join(lines[path][:_LINES_OF_HEAD])) is not None
    }

    assert long == explained


def test_every_definition_is_used() -> None:
    """By the product, by what is told of it, or by what asks for it with a reason."""
    trees = [ast.parse(path.read_text("utf-8")) for path in _modules()]
    papers = "".join(path.read_text("utf-8") for path in ROOT.glob("docs/*.md"))
    used = set(re.findall(r"\w+", papers)).union(*map(_used, trees))

    idle = {name for tree in trees for name in _defined(tree) if name not in used}
    assert idle - {"__all__"} == set(FOR_TESTS)


def _modules() -> list[Path]:
    migrations = ROOT / "db" / "migrations"
    return [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if migrations not in path.parents
    ]


def _defined(tree: ast.Module) -> Iterator[str]:
    """The names of a module that nothing registers as it is defined."""
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not node.decorator_list:
                yield node.name
            case ast.ClassDef():
                yield node.name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def _used(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                yield name
            case ast.Constant(value=str(text)) if " " not in text:
                # Names that are looked up, and annotations that are texts.
                yield from re.findall(r"\w+", text)
