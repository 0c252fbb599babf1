"""The command line: `appointment360 …`.

Exit status 0 is success, 1 is work that failed, 2 is wrong use. Progress and logs go to stderr,
so what a command answers can be piped.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.asgi import create_app
from app.cli_operations import backup, doctor, restore
from app.cli_records import LOAD_TIMEOUT_SECONDS, export, load
from app.cli_users import token, user_app
from app.embedded.binaries import EmbeddedServerError, binaries
from app.engines import direct_url
from app.explain import (
    Explanation,
    NotExplainable,
    explain_query,
    explanation_as_json,
    generated_code,
    read_query,
)
from app.explain_text import render_explanation
from app.resources import open_resources
from app.serve import START_FAILURES
from app.serve import serve as serve_until_stopped
from app.start_checks import CannotStart
from app.supervisor import ProcessesFailed
from app.terminal import fail, run, say, settings_of_process, wrong_use
from app.warming import warm_when_usable
from app.working import work as work_until_stopped
from cache.warming import WarmResult
from db.migrate import upgrade
from db.pooling import keep_role_settings
from db.trigrams import make_missing_indexes
from domain.enums import Role
from domain.errors import AppError
from domain.tasks import QUEUES
from graph.schema import schema_text

_EXPLAIN_TIMEOUT_SECONDS = 60.0

app = typer.Typer(
    help="A GraphQL API server for B2B contact and company data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(load)
app.command()(export)
app.command()(backup)
app.command()(restore)
app.command()(doctor)
app.command()(token)
app.add_typer(user_app, name="user")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen at.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at.")] = None,
    demo: Annotated[bool, typer.Option(help="Load demo records into an empty database.")] = False,
    jobs: Annotated[bool, typer.Option(help="Run durable jobs too, in one process.")] = True,
    workers: Annotated[
        int | None, typer.Option(help="Processes that share the address, for WORKERS.")
    ] = None,
) -> None:
    """Serve the API until Ctrl-C."""
    chosen = (("host", host), ("port", port), ("workers", workers))
    settings = settings_of_process(**{name: it for name, it in chosen if it is not None})
    try:
        serve_until_stopped(settings, demo=demo, jobs=jobs)
    except KeyboardInterrupt:
        say("Stopped")
    except (*START_FAILURES, ProcessesFailed) as error:
        fail(str(error))


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
        wrong_use(f"--queue: there is no {unknown[0]}; there are {', '.join(QUEUES)}.")
    try:
        work_until_stopped(settings_of_process(), queues=queue or [], concurrency=concurrency)
    except KeyboardInterrupt:
        say("Stopped")
    except (OSError, EmbeddedServerError, AppError, CannotStart) as error:
        fail(str(error))


@app.command()
def migrate() -> None:
    """Bring the database to the newest tables."""

    async def work() -> None:
        async with open_resources(
            settings_of_process(), progress=say, statement_timeout_seconds=LOAD_TIMEOUT_SECONDS
        ) as resources:
            await upgrade(resources.database.engine)
            await make_missing_indexes(resources.database, seconds=LOAD_TIMEOUT_SECONDS)
            if resources.settings.database_pooler == "transaction":
                await keep_role_settings(resources.database.engine)

    run(work())
    say("The database is at the newest migration.")


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
        fail(f"{file} is not what the code says. Run `make schema`.")


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
        wrong_use(str(error))
    if code:
        typer.echo(generated_code(query))
        return

    async def work() -> Explanation:
        async with open_resources(
            settings_of_process(), progress=say, statement_timeout_seconds=_EXPLAIN_TIMEOUT_SECONDS
        ) as resources:
            return await explain_query(resources, query, role=role, execute=analyze)

    explanation = run(work())
    told = explanation_as_json(explanation)
    typer.echo(json.dumps(told, indent=2) if as_json else render_explanation(explanation))
    if explanation.errors:
        fail("\n".join(f"The query failed: {error['message']}" for error in explanation.errors))


@app.command()
def warm(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Warmers or stored documents; CACHE_WARMING_QUERIES when left out."),
    ] = None,
) -> None:
    """Fill the cache that servers share before anybody asks."""
    settings = settings_of_process()
    if not (settings.enable_query_caching and settings.enable_redis_cache):
        fail(
            "Only a shared cache can be warmed from outside: set ENABLE_REDIS_CACHE and REDIS_URL. "
            "A server warms its own with ENABLE_CACHE_WARMING."
        )

    async def work() -> list[WarmResult]:
        async with open_resources(settings, progress=say, with_cache=True) as resources:
            warmers, lease = create_app(resources).warmers, resources.caching.lease
            return await warm_when_usable(warmers, lease, names or settings.cache_warming_queries)

    results = run(work())
    for result in results:
        typer.echo(f"{'ok  ' if result.ok else 'FAIL'}  {result.name}")
    if problems := [str(result.error) for result in results if not result.ok]:
        fail("\n".join(problems))


@app.command()
def psql() -> None:
    """Open psql on the database."""

    async def work() -> str:
        async with open_resources(settings_of_process(), progress=say) as resources:
            direct = direct_url(resources.settings, resources.database_url)
            url = direct.set(drivername="postgresql")
            program = binaries() / "psql"
            process = await asyncio.create_subprocess_exec(
                str(program), url.render_as_string(hide_password=False)
            )
            return str(await process.wait())

    raise SystemExit(int(run(work())))


def main() -> None:
    """The console script."""
    app()


def _read_text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except UnicodeDecodeError:
        wrong_use(f"{file} is not a text in UTF-8.")
    except OSError as error:
        wrong_use(f"{file} cannot be read: {error.strerror}.")
