"""The command line: `appointment360 …`.

Exit status 0 is success, 1 is work that failed, 2 is wrong use. Progress and logs go to stderr,
so what a command answers can be piped.
"""

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import typer

from app import doctor
from app.asgi import create_app
from app.embedded.binaries import EmbeddedServerError, binaries
from app.explain import (
    Explanation,
    NotExplainable,
    explain_query,
    explanation_as_json,
    generated_code,
    read_query,
)
from app.explain_text import render_explanation
from app.first_start import ensure_user
from app.load import LoadStopped, load_file
from app.load_summary import LoadSummary, render_summary
from app.log import configure_logging
from app.progress import load_progress
from app.resources import open_resources
from app.serve import PoolTooLarge
from app.serve import serve as serve_until_stopped
from app.settings import Settings, SettingsError, load_settings
from app.units import parse_seconds
from app.warming import warm_when_usable
from app.working import NotMigrated
from app.working import work as work_until_stopped
from cache.warming import WarmResult
from db.migrate import upgrade
from db.staging import Result
from domain.contact_points import normalize_email
from domain.enums import Role
from domain.errors import AppError
from domain.tasks import QUEUES
from graph.schema import schema_text
from graph.stored_documents import StoredDocumentsError

T = TypeVar("T")

_LOAD_TIMEOUT_SECONDS = 600.0
_EXPLAIN_TIMEOUT_SECONDS = 60.0
_MAX_TOKEN_SECONDS = 10 * 365 * 86_400

app = typer.Typer(
    help="A GraphQL API server for B2B contact and company data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
user_app = typer.Typer(help="Users.", no_args_is_help=True)
app.add_typer(user_app, name="user")

Email = Annotated[str, typer.Option(help="The user's e-mail address.")]
RoleOption = Annotated[Role, typer.Option(help="What the user may do.")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen at.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at.")] = None,
    demo: Annotated[bool, typer.Option(help="Load demo records into an empty database.")] = False,
    jobs: Annotated[bool, typer.Option(help="Run durable jobs in this process too.")] = True,
) -> None:
    """Serve the API until Ctrl-C."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = _settings(**given)
    try:
        serve_until_stopped(settings, demo=demo, jobs=jobs)
    except KeyboardInterrupt:
        _say("Stopped")
    except (OSError, EmbeddedServerError, AppError, PoolTooLarge, StoredDocumentsError) as error:
        _fail(str(error))


@app.command()
def work(
    queue: Annotated[
        list[str] | None,
        typer.Option(help="Take jobs from this queue alone; can be given several times."),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=100, help="Jobs at a time, for JOB_CONCURRENCY.")
    ] = None,
) -> None:
    """Run durable jobs until Ctrl-C; any number of processes and machines may."""
    if unknown := sorted({*(queue or ())} - {*QUEUES}):
        _wrong_use(f"--queue: there is no {unknown[0]}; there are {', '.join(QUEUES)}.")
    try:
        work_until_stopped(_settings(), queues=queue or [], concurrency=concurrency)
    except KeyboardInterrupt:
        _say("Stopped")
    except (OSError, EmbeddedServerError, AppError, NotMigrated) as error:
        _fail(str(error))


@app.command()
def migrate() -> None:
    """Bring the database to the newest tables."""

    async def work() -> None:
        async with open_resources(
            _settings(), progress=_say, statement_timeout_seconds=_LOAD_TIMEOUT_SECONDS
        ) as resources:
            await upgrade(resources.database.engine)

    _run(work())
    _say("The database is at the newest migration.")


@app.command()
def schema(
    check: Annotated[bool, typer.Option(help="Only say whether the file is up to date.")] = False,
    file: Annotated[Path, typer.Option(help="Where the schema is kept.")] = Path("schema.graphql"),
) -> None:
    """Write the GraphQL schema to schema.graphql."""
    text = schema_text()
    if not check:
        file.write_text(text)
    elif not file.exists() or file.read_text() != text:
        _fail(f"{file} is not what the code says. Run `make schema`.")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header line.")],
    entity: Annotated[Literal["contacts", "companies"], typer.Option(help="What the rows are.")],
    mapping: Annotated[
        str | None,
        typer.Option(help='Where headers are not understood: {"Header": "field", "Other": null}.'),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would happen; write nothing.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a CSV with a line for every row and its outcome.")
    ] = None,
) -> None:
    """Load contacts or companies from a CSV file."""
    overrides = _parse_mapping(mapping)
    if not file.is_file():
        _wrong_use(f"There is no file {file}.")

    async def work() -> LoadSummary:
        async with open_resources(
            _settings(), progress=_say, statement_timeout_seconds=_LOAD_TIMEOUT_SECONDS
        ) as resources:
            await upgrade(resources.database.engine)
            with load_progress(file) as progress:
                return await load_file(
                    resources.database,
                    file,
                    entity=entity,
                    mapping=overrides,
                    dry_run=dry_run,
                    report=report,
                    progress=progress,
                )

    try:
        summary = _run(work())
        _say(render_summary(summary))
        if summary.results and summary.results[Result.FAILED] == summary.results.total():
            _fail("No row could be taken.")
    except LoadStopped as stopped:
        _say(render_summary(stopped.summary))
        _fail(f"{stopped} Loading the file again goes on from here.")


@app.command()
def token(
    email: Email,
    role: RoleOption = Role.VIEWER,
    expires: Annotated[str, typer.Option(help="How long it is valid: 15m, 1h, 7d.")] = "1h",
) -> None:
    """Print a token for a user, who is made when missing."""
    try:
        seconds = float(str(parse_seconds(expires)))
    except ValueError as error:
        _wrong_use(f"--expires {error}")
    if not 0 < seconds <= _MAX_TOKEN_SECONDS:
        _wrong_use("--expires is more than nothing and at most ten years.")

    async def work() -> str:
        async with open_resources(_settings(), progress=_say) as resources:
            await upgrade(resources.database.engine)
            user = await ensure_user(resources, _email(email), role)
            if user.role != role:
                _say(f"{email} is {user.role}, and so is the token.")
            return resources.tokens.issue(user.uuid, Role(user.role), ttl_seconds=seconds)

    typer.echo(_run(work()))


@app.command()
def explain(
    file: Annotated[str, typer.Argument(help="A file with a query; - reads it from stdin.")],
    variables: Annotated[
        str | None, typer.Option(help='Its variables as JSON: {"first": 10}.')
    ] = None,
    operation: Annotated[
        str | None, typer.Option(help="Which one, when the file has several operations.")
    ] = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Run each statement once more, and show measures.")
    ] = False,
    role: Annotated[Role, typer.Option(help="As whom the query is asked.")] = Role.ADMIN,
    as_json: Annotated[bool, typer.Option("--json", help="Answer JSON, for programs.")] = False,
    code: Annotated[
        bool, typer.Option("--code", help="Run nothing; show the Python that is generated for it.")
    ] = False,
) -> None:
    """Answer a query and show what PostgreSQL does for it: SQL, plans, warnings."""
    try:
        query = read_query(_read_text(file), variables, operation, runs=not code)
    except NotExplainable as error:
        _wrong_use(str(error))
    if code:
        typer.echo(generated_code(query))
        return

    async def work() -> Explanation:
        async with open_resources(
            _settings(), progress=_say, statement_timeout_seconds=_EXPLAIN_TIMEOUT_SECONDS
        ) as resources:
            return await explain_query(resources, query, role=role, execute=analyze)

    explanation = _run(work())
    told = explanation_as_json(explanation)
    typer.echo(json.dumps(told, indent=2) if as_json else render_explanation(explanation))
    if explanation.errors:
        _fail("\n".join(f"The query failed: {error['message']}" for error in explanation.errors))


@app.command()
def warm(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Warmers or stored documents; CACHE_WARMING_QUERIES when left out."),
    ] = None,
) -> None:
    """Fill the cache that servers share before anybody asks."""
    settings = _settings()
    if not (settings.enable_query_caching and settings.enable_redis_cache):
        _fail(
            "Only a shared cache can be warmed from outside: set ENABLE_REDIS_CACHE and REDIS_URL. "
            "A server warms its own with ENABLE_CACHE_WARMING."
        )

    async def work() -> list[WarmResult]:
        async with open_resources(settings, progress=_say, with_cache=True) as resources:
            warmers, lease = create_app(resources).warmers, resources.caching.lease
            return await warm_when_usable(warmers, lease, names or settings.cache_warming_queries)

    results = _run(work())
    for result in results:
        typer.echo(f"{'ok  ' if result.ok else 'FAIL'}  {result.name}")
    if problems := [str(result.error) for result in results if not result.ok]:
        _fail("\n".join(problems))


@user_app.command("add")
def add_user(email: Email, role: RoleOption = Role.VIEWER) -> None:
    """Add a user."""

    async def work() -> Role:
        async with open_resources(_settings(), progress=_say) as resources:
            await upgrade(resources.database.engine)
            return Role((await ensure_user(resources, _email(email), role)).role)

    found = _run(work())
    if found is not role:
        _fail(f"{email} was there before as {found}, and stays so.")
    _say(f"{email} is {found}.")


@app.command()
def psql() -> None:
    """Open psql on the database."""

    async def work() -> str:
        async with open_resources(_settings(), progress=_say) as resources:
            url = resources.database_url.set(drivername="postgresql")
            program = binaries() / "psql"
            process = await asyncio.create_subprocess_exec(
                str(program), url.render_as_string(hide_password=False)
            )
            return str(await process.wait())

    raise SystemExit(int(_run(work())))


@app.command(name="doctor")
def examine() -> None:
    """Say what is configured, what can be reached and what is missing."""
    findings = doctor.examine()
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.subject}: {finding.words}")
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


def main() -> None:
    """The console script."""
    app()


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (AppError, EmbeddedServerError, OSError, StoredDocumentsError) as error:
        _fail(getattr(error, "message", None) or str(error))


def _settings(**given: object) -> Settings:
    try:
        settings = load_settings(**given)
    except SettingsError as error:
        _wrong_use(str(error))
    configure_logging(settings)
    return settings


def _parse_mapping(text: str | None) -> dict[str, str] | None:
    try:
        mapping = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        _wrong_use(f"--mapping is not valid JSON: {error}.")
    if not isinstance(mapping, dict):
        _wrong_use('--mapping is not a JSON object such as {"Header": "field"}.')
    if not all(field is None or isinstance(field, str) for field in mapping.values()):
        _wrong_use("--mapping names a field, or null, for each header.")
    return mapping or None


def _read_text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except UnicodeDecodeError:
        _wrong_use(f"{file} is not a text in UTF-8.")
    except OSError as error:
        _wrong_use(f"{file} cannot be read: {error.strerror}.")


def _email(text: str) -> str:
    try:
        return normalize_email(text)
    except ValueError as error:
        _wrong_use(f"--email: {error}")


def _say(message: str) -> None:
    typer.echo(message, err=True)


def _fail(message: str) -> NoReturn:
    _say(message)
    raise SystemExit(1)


def _wrong_use(message: str) -> NoReturn:
    _say(message)
    raise SystemExit(2)
