"""The commands that move records: `appointment360 load` and `appointment360 export`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.export import Exported, export_to
from app.load import LoadStopped, load_file
from app.load_summary import LoadSummary, render_summary
from app.progress import export_progress, load_progress
from app.resources import open_resources
from app.terminal import fail, run, say, settings_of_process, wrong_use
from db.migrate import upgrade
from db.staging import Result
from domain.errors import InvalidInput
from domain.exports import Export, ExportEntity
from domain.paging import CursorCodec
from streaming.export_params import read_export

LOAD_TIMEOUT_SECONDS = 600.0


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
        wrong_use(f"There is no file {file}.")

    async def work() -> LoadSummary:
        async with open_resources(
            settings_of_process(), progress=say, statement_timeout_seconds=LOAD_TIMEOUT_SECONDS
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
        summary = run(work())
        say(render_summary(summary))
        if summary.results and summary.results[Result.FAILED] == summary.results.total():
            fail("No row could be taken.")
    except LoadStopped as stopped:
        say(render_summary(stopped.summary))
        fail(f"{stopped} Loading the file again goes on from here.")


def export(  # noqa: PLR0913, PLR0917  # an option each
    entity: Annotated[Literal["contacts", "companies"], typer.Argument(help="What the rows are.")],
    format_: Annotated[
        Literal["jsonl", "csv", "json"], typer.Option("--format", help="How they are written.")
    ] = "jsonl",
    filter_: Annotated[
        str | None,
        typer.Option("--filter", help='Which ones, as in GraphQL: {"country": {"eq": "Chile"}}.'),
    ] = None,
    order_by: Annotated[
        str | None, typer.Option(help="In which order, such as NAME or CREATED_AT:DESC.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Which columns, such as email,company.name.")
    ] = None,
    max_results: Annotated[int | None, typer.Option(help="No more rows than these.")] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin CSV with a byte order mark, for spreadsheets.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write CSV without the guard against formulas.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Into this file; stdout when left out.")
    ] = None,
) -> None:
    """Export contacts or companies, all that match."""
    settings = settings_of_process()
    given: dict[str, object] = {
        "format": format_,
        "filter": filter_,
        "order_by": order_by,
        "columns": columns,
        "max_results": max_results,
        "bom": bom or None,
        "raw": raw or None,
    }

    async def work() -> Exported:
        async with open_resources(
            settings, progress=say, statement_timeout_seconds=LOAD_TIMEOUT_SECONDS
        ) as resources:
            wanted = resources.exporter.capped(_wanted(entity, given, resources.cursors))
            with export_progress(entity) as progress:
                return await export_to(resources.database, wanted, output, progress=progress)

    exported = run(work())
    say(_proof(exported))


def _wanted(entity: str, given: dict[str, object], cursors: CursorCodec) -> Export:
    try:
        return read_export(ExportEntity[entity.upper()], given, cursors=cursors)
    except InvalidInput as error:
        wrong_use(error.message)


def _proof(exported: Exported) -> str:
    written = exported.written
    told = f"{written.rows} rows, {exported.bytes} bytes, SHA-256 {exported.sha256}"
    return f"{told}; more rows match" if written.truncated else told


def _parse_mapping(text: str | None) -> dict[str, str] | None:
    try:
        mapping = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        wrong_use(f"--mapping is not valid JSON: {error}.")
    if not isinstance(mapping, dict):
        wrong_use('--mapping is not a JSON object such as {"Header": "field"}.')
    if not all(field is None or isinstance(field, str) for field in mapping.values()):
        wrong_use("--mapping names a field, or null, for each header.")
    return mapping or None
