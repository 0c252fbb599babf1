"""Answers a query and asks PostgreSQL about each statement of it: its plan, and what is wrong.

The query runs as it does in the server; the statements are explained afterwards with the values
they had.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from graphql import GraphQLError, OperationType

from app.asgi import context_opener
from app.resources import Resources
from db.analysis import analyze_run
from db.transaction import Database, ReadSession, StatementRun
from db.users import find_admin
from domain.analysis import Analysis
from domain.enums import Role
from domain.errors import DatabaseUnavailable
from domain.viewer import Viewer
from graph.asking import Asking, asking
from graph.document import Document, Operation
from graph.documents import Documents, InvalidDocument
from graph.errors import format_error
from graph.execution.engine import Executor
from graph.schema import build_schema, core_schema

_NOBODY: Final = UUID(int=0)
_REQUEST_ID: Final = "explain"

Heard = tuple[StatementRun, Asking]


class NotExplainable(Exception):
    """What was given is no query that can run; the message says why."""


@dataclass(frozen=True)
class Query:
    """A query that fits the schema, and what goes with it."""

    operation: Operation
    variables: Mapping[str, Any]


@dataclass(frozen=True)
class ExplainedStatement:
    """A statement that a query ran.

    Attributes:
        analysis: None when it failed for another reason than its time.
    """

    run: StatementRun
    asked: Asking
    analysis: Analysis | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a query did.

    Attributes:
        statements: In the order they ended.
        errors: The errors of the answer, as clients get them.
    """

    statements: Sequence[ExplainedStatement]
    errors: Sequence[dict[str, Any]]


def read_query(
    text: str, variables: str | None, operation_name: str | None, *, runs: bool = True
) -> Query:
    """The query of a document, with its variables as JSON.

    Args:
        runs: Whether it is to be executed; only then a mutation is refused.

    Raises:
        NotExplainable: It is no GraphQL, does not fit the schema, is no query, or the variables are
            no JSON object.
    """
    try:
        document = Documents(core_schema()).get(text)
    except InvalidDocument as invalid:
        raise NotExplainable("\n".join(map(_located, invalid.errors))) from None
    operation = document.operation(operation_name)
    if operation is None:
        raise NotExplainable(f"Name one operation with --operation: {_names(document)}.")
    if runs and operation.kind is not OperationType.QUERY:
        raise NotExplainable("Only a query is explained: a mutation would have to be done for it.")
    return Query(operation, _parse_variables(variables))


async def explain_query(
    resources: Resources, query: Query, *, role: Role = Role.ADMIN, execute: bool = False
) -> Explanation:
    """What answering a query takes.

    Args:
        role: As whom it is asked.
        execute: Run every statement once more, so that plans have what was measured.

    Raises:
        DatabaseUnavailable: The database does not answer, or has not our tables.
    """
    problem = await resources.probe.problem()
    if problem is not None:
        raise DatabaseUnavailable(f"{problem} `appointment360 doctor` says more.")
    database = resources.database
    context = context_opener(resources)(Viewer(await _user_uuid(database), role))
    executor = Executor(build_schema(), compiled=resources.settings.enable_compiled_execution)
    with _heard(database) as heard:
        answer = await executor.execute(query.operation, query.variables, context)
    async with database.read() as session:
        statements = [await _explain(session, *each, execute=execute) for each in heard]
    errors = [format_error(error, _REQUEST_ID) for error in answer.errors or ()]
    return Explanation(statements=statements, errors=errors)


def generated_code(query: Query) -> str:
    """The Python that the compiled executor generates for an operation, or a comment why none."""
    return Executor(build_schema()).code_of(query.operation, query.variables)


def explanation_as_json(explanation: Explanation) -> dict[str, Any]:
    """An explanation for programs; a plan is as `EXPLAIN (FORMAT JSON)` gives it."""
    return {
        "statements": [_statement_as_json(each) for each in explanation.statements],
        "errors": explanation.errors,
    }


def _statement_as_json(statement: ExplainedStatement) -> dict[str, Any]:
    run, analysis = statement.run, statement.analysis
    return {
        "operation": statement.asked.operation,
        "path": statement.asked.place,
        "sql": run.sql,
        "milliseconds": round(run.seconds * 1000, 3),
        "rows": run.rows,
        "plan": analysis.plan if analysis else None,
        "warnings": [asdict(warning) for warning in analysis.warnings] if analysis else [],
    }


async def _explain(
    session: ReadSession, run: StatementRun, asked: Asking, *, execute: bool
) -> ExplainedStatement:
    if run.rows is None and not run.cut_off:
        return ExplainedStatement(run, asked, None)
    # What took too long once would do so again.
    execute = execute and not run.cut_off
    analysis = await analyze_run(session, run, place=asked.place, execute=execute)
    return ExplainedStatement(run, asked, analysis)


@contextmanager
def _heard(database: Database) -> Iterator[list[Heard]]:
    """The statements that run inside the block, each with the field that caused it."""
    heard: list[Heard] = []

    def hear(run: StatementRun) -> None:
        heard.append((run, asking()))

    database.observers.append(hear)
    try:
        yield heard
    finally:
        database.observers.remove(hear)


async def _user_uuid(database: Database) -> UUID:
    """Somebody who may stand for the viewer."""
    async with database.read() as session:
        admin = await find_admin(session)
    return _NOBODY if admin is None else admin.uuid


def _parse_variables(text: str | None) -> dict[str, Any]:
    try:
        variables = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise NotExplainable(f"--variables is not valid JSON: {error}.") from None
    if not isinstance(variables, dict):
        raise NotExplainable('--variables is not a JSON object such as {"first": 10}.')
    return variables


def _names(document: Document) -> str:
    return ", ".join(operation.name or "one without a name" for operation in document.operations)


def _located(error: GraphQLError) -> str:
    places = (f"line {place.line}, column {place.column}" for place in error.locations or ())
    return f"{error.message} ({'; '.join(places)})" if error.locations else error.message
