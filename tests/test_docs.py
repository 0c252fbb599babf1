"""The reference papers say what the code says: settings, errors, filters, and every example."""

import json
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, parse, validate
from pydantic import BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from app.settings import Settings
from app.units import parse_bytes, parse_seconds
from db.transaction import Database
from domain.errors import ErrorCode, ProblemCode
from domain.filters import MAX_FILTER_DEPTH, MAX_FILTER_LIST_ITEMS, MAX_FILTER_PREDICATES
from domain.paging import MAX_OFFSET, MAX_ORDER_FIELDS, RELEVANCE_LIMIT
from domain.search import MAX_SEARCH_CHARS, MAX_SEARCH_WORDS
from graph.queries import MAX_NODES
from graph.schema import core_schema
from streaming.statuses import STATUS
from tests.client import Client
from tests.factories import make_contact

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAPERS = sorted([*DOCS.glob("*.md"), *ROOT.glob("README.md")])

# Names and defaults that the product is asked for; None is unset. They change for nobody's taste.
ASKED_FOR: Final[dict[str, object]] = {
    "STREAMING_CHUNK_SIZE": 1_048_576,
    "ENABLE_STREAMING_QUERIES": True,
    "MAX_STREAMING_RESULTS": None,
    "STREAMING_BATCH_SIZE": 1000,
    "MAX_UPLOAD_CHUNK_SIZE": 1_048_576,
    "MAX_UPLOAD_SIZE": 52_428_800,
    "PARALLEL_PROCESSING_WORKERS": 4,
    "PARALLEL_PROCESSING_MAX_WORKERS": 8,
    "ENABLE_PARALLEL_PROCESSING": True,
    "ENABLE_QUERY_CACHING": True,
    "QUERY_CACHE_TTL": 300,
    "CACHE_MAX_SIZE": 1000,
    "ENABLE_REDIS_CACHE": False,
    "REDIS_URL": "redis://localhost:6379/0",
    "ENABLE_CACHE_WARMING": False,
    "CACHE_WARMING_QUERIES": "contacts:popular,companies:active",
    "DEFAULT_PAGE_SIZE": 100,
    "MAX_PAGE_SIZE": 1000,
    "MAX_CONCURRENT_BACKGROUND_TASKS": 10,
    "BACKGROUND_TASK_TIMEOUT": 30.0,
    "ENABLE_HTTP_CACHE": True,
    "HTTP_CACHE_MAX_AGE": 300,
    "HTTP_CACHE_PUBLIC": True,
    "HTTP_CACHE_MUST_REVALIDATE": False,
    "HTTP_CACHE_STATIC_MAX_AGE": 31_536_000,
    "HTTP_CACHE_API_MAX_AGE": 300,
    "ENABLE_POOL_MONITORING": True,
    "POOL_MONITORING_INTERVAL": 60,
    "DATABASE_POOL_SIZE": 25,
    "DATABASE_MAX_OVERFLOW": 50,
    "ENABLE_QUERY_MONITORING": True,
    "SLOW_QUERY_THRESHOLD": 1.0,
}

_FILTERS: Final = (
    "ContactFilter",
    "ContactMetadataFilter",
    "ContactEmailFilter",
    "ContactPhoneFilter",
    "ActivityFilter",
    "CompanyFilter",
    "JobFilter",
)


def settings_table() -> str:
    """The table of docs/settings.md as the code has it."""
    lines = [
        f"| `{name.upper()}` | {_shown_default(field)} | {_form(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return _table("| Variable | Default | Form | Meaning |", lines)


def env_lines() -> str:
    """The variables of .env.example as the code has them, each under its meaning."""
    return "\n\n".join(
        f"# {field.description}\n#{name.upper()}={_default(field) or ''}"
        for name, field in Settings.model_fields.items()
    )


def operators_table() -> str:
    """Which operators each input of docs/filters.md takes."""
    lines = [
        f"| `{name}` | {', '.join(f'`{operator}`' for operator in declared.fields)} |"
        for name, declared in _operator_inputs().items()
    ]
    return _table("| Input | Operators |", lines)


def fields_table(filter_name: str) -> str:
    """The fields of a filter with the input each takes."""
    lines = [
        f"| `{name}` | `{field.type}` | {field.description} |"
        for name, field in _input(filter_name).fields.items()
    ]
    return _table("| Field | Takes | Meaning |", lines)


def test_settings_are_documented_as_they_are() -> None:
    """docs/settings.md has exactly the settings of the code, with default, form and meaning."""
    paper = (DOCS / "settings.md").read_text("utf-8")

    assert _table_in(paper, "| Variable | Default | Form | Meaning |") == settings_table()


def test_env_example_names_every_setting() -> None:
    """.env.example has every variable, commented out, with its default under its meaning."""
    example = (ROOT / ".env.example").read_text("utf-8")

    assert example.endswith(f"\n\n{env_lines()}\n")
    assert re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE) == [
        name.upper() for name in Settings.model_fields
    ]


def test_env_example_uncommented_gives_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .env with every line of the example switched on is the same as none."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    example = (ROOT / ".env.example").read_text("utf-8")
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#([A-Z_]+=)", r"\1", example, flags=re.MULTILINE))

    assert Settings(_env_file=file) == Settings(_env_file=None)


def test_settings_that_were_asked_for_have_the_defaults_asked_for() -> None:
    """Every setting whose name and default the product is asked for has exactly that default."""
    present = {
        name.upper(): field.default
        for name, field in Settings.model_fields.items()
        if name.upper() in ASKED_FOR
    }

    assert present == ASKED_FOR


def test_every_error_code_is_documented_with_its_status() -> None:
    """docs/errors.md has exactly the codes of errors, with the status each door answers."""
    rows = _rows("errors.md", "| Code | Status | Meaning | What to do |")
    documented = {code.strip("`"): int(status) for code, status, *_words in rows}

    assert list(documented) == list(ErrorCode)
    assert documented == {code: STATUS.get(code, 400) for code in ErrorCode}
    assert all(meaning and advice for *_ids, meaning, advice in rows)


def test_every_problem_code_is_documented() -> None:
    """docs/errors.md has exactly the codes of `userErrors`."""
    rows = _rows("errors.md", "| Code | Meaning | What to do |")

    assert [code.strip("`") for code, *_words in rows] == list(ProblemCode)
    assert all(meaning and advice for _code, meaning, advice in rows)


def test_operators_are_documented_as_they_are() -> None:
    """docs/filters.md has exactly the operators of every input, and the meaning of each."""
    paper = (DOCS / "filters.md").read_text("utf-8")
    explained = {
        name
        for operators, *_words in _rows("filters.md", "| Operator | Holds when |")
        for name in re.findall(r"`(\w+)`", operators)
    }

    assert _table_in(paper, "| Input | Operators |") == operators_table()
    assert explained == {
        operator for declared in _operator_inputs().values() for operator in declared.fields
    }


@pytest.mark.parametrize("filter_name", _FILTERS)
def test_filter_fields_are_documented_as_they_are(filter_name: str) -> None:
    """docs/filters.md has exactly the fields of a filter, with input and meaning."""
    paper = (DOCS / "filters.md").read_text("utf-8")

    assert f"`{filter_name}`\n\n{fields_table(filter_name)}\n" in paper


@pytest.mark.parametrize("enum_name", ["ContactOrderField", "CompanyOrderField"])
def test_orders_are_documented_as_they_are(enum_name: str) -> None:
    """docs/filters.md has exactly the orders of contacts and companies."""
    declared = core_schema().type_map[enum_name]
    assert isinstance(declared, GraphQLEnumType)
    rows = _rows("filters.md", "| Enum | Fields |")
    documented = {enum.strip("`"): re.findall(r"`(\w+)`", names) for enum, names in rows}

    assert documented[enum_name] == list(declared.values)


def test_limits_are_documented_as_they_are() -> None:
    """docs/filters.md has the limits of filters, orders and pages as the code enforces them."""
    documented = {
        what: limit for what, limit, *_ in _rows("filters.md", "| Limit | At most | Meaning |")
    }

    assert documented == {
        "Levels of a filter": str(MAX_FILTER_DEPTH),
        "Conditions of a filter": str(MAX_FILTER_PREDICATES),
        "Items of a list in a filter": str(MAX_FILTER_LIST_ITEMS),
        "Words of a search": str(MAX_SEARCH_WORDS),
        "Characters of a search": str(MAX_SEARCH_CHARS),
        "Keys of an order": str(MAX_ORDER_FIELDS),
        "`offset`": str(MAX_OFFSET),
        "Rows of a page": f"`MAX_PAGE_SIZE`, {Settings.model_fields['max_page_size'].default}",
        "Rows by `RELEVANCE`": str(RELEVANCE_LIMIT),
        "Ids of `nodes`": str(MAX_NODES),
    }


def _examples(papers: Sequence[Path]) -> list[Any]:
    """The GraphQL blocks of papers, each with the JSON block of variables right behind it."""
    block = re.compile(r"```graphql\n(.*?)```(?:\s*```json\n(.*?)```)?", re.DOTALL)
    return [
        pytest.param(match[1], json.loads(match[2] or "{}"), id=f"{paper.name}-{number}")
        for paper in papers
        for number, match in enumerate(block.finditer(paper.read_text("utf-8")), start=1)
    ]


@pytest.mark.parametrize(("document", "variables"), _examples(PAPERS))
def test_examples_fit_the_schema(document: str, variables: dict[str, Any]) -> None:
    """Every GraphQL block in the papers is valid, and its variables are those it declares."""
    tree = parse(document)

    assert validate(core_schema(), tree) == []
    assert all(f"${name}" in document for name in variables)


@pytest.mark.parametrize(
    ("document", "variables"), _examples([DOCS / "filters.md", DOCS / "aggregates.md"])
)
async def test_examples_of_filters_are_answered(
    client: Client, document: str, variables: dict[str, Any]
) -> None:
    """Every example of docs/filters.md and docs/aggregates.md runs without an error."""
    assert await client.query(document, **variables)


async def test_rules_of_filters_are_as_documented(
    client: Client, resources_database: Database
) -> None:
    """The contact of the example is found, or not, by each filter as docs/filters.md says."""
    await make_contact(resources_database, first_name="Ada")
    documented = _rows("filters.md", "| Filter | Finds Ada |")
    found = [[filter_, await _finds(client, filter_.strip("`"))] for filter_, _ in documented]

    assert found == documented


async def _finds(client: Client, filter_: str) -> str:
    answer = await client.send(f"{{ contacts(filter: {filter_}) {{ totalCount }} }}")
    if errors := answer.get("errors"):
        return f"error `{errors[0]['extensions']['code']}`"
    return "yes" if answer["data"]["contacts"]["totalCount"] else "no"


def _operator_inputs() -> dict[str, GraphQLInputObjectType]:
    return {
        name: declared
        for name, declared in sorted(core_schema().type_map.items())
        if isinstance(declared, GraphQLInputObjectType)
        and name.endswith("Filter")
        and name not in _FILTERS
    }


def _input(name: str) -> GraphQLInputObjectType:
    declared = core_schema().type_map[name]
    assert isinstance(declared, GraphQLInputObjectType)
    return declared


def _default(field: FieldInfo) -> str | None:
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return None if field.default is None else str(field.default)


def _shown_default(field: FieldInfo) -> str:
    default = _default(field)
    return "unset" if default is None else f"`{default}`"


def _form(field: FieldInfo) -> str:
    for parser, form in ((parse_seconds, "time"), (parse_bytes, "size")):
        if any(isinstance(m, BeforeValidator) and m.func is parser for m in field.metadata):
            return form
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(field.annotation))
    several = get_args(field.annotation)
    kinds = {field.annotation, *several, *(kind for each in several for kind in get_args(each))}
    if int in kinds:
        least, greatest = (
            next(getattr(m, bound) for m in field.metadata if hasattr(m, bound))
            for bound in ("ge", "le")
        )
        return f"{least} to {greatest}"
    forms = {bool: "yes or no", Path: "path", SecretStr: "text, secret", str: "text"}
    return next(form for kind, form in forms.items() if kind in kinds)


def _table(header: str, lines: Sequence[str]) -> str:
    rule = "|" + "---|" * (header.count("|") - 1)
    return "\n".join([header, rule, *lines])


def _table_in(paper: str, header: str) -> str:
    """The lines of the only table under this header."""
    assert paper.count(f"{header}\n") == 1
    lines = (header + paper.partition(header)[2]).splitlines()
    return "\n".join(takewhile(lambda line: line.startswith("|"), lines))


def _rows(name: str, header: str) -> list[list[str]]:
    table = _table_in((DOCS / name).read_text("utf-8"), header)
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]
