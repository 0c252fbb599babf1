"""The commands that move records: `appointment360 load` and `appointment360 export`."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.collecting import spare_the_collector
from app.export import Exported, export_to, whole_file
from app.load import Load, Loaded, begin_load, write_rejects
from app.load_summary import failure_of, render_summary
from app.progress import export_progress, load_progress
from app.resources import open_resources
from app.terminal import fail, run, say, settings_of_process, wrong_use
from db.migrate import upgrade
from domain.errors import InvalidInput
from domain.exports import Export, ExportEntity
from domain.import_json import read_options
from domain.imports import ImportEntity, ImportRequest, Mapped, problems_of
from domain.names import spelled
from domain.paging import CursorCodec
from jobs.imports import ImportSettings, import_handlers
from streaming.export_params import read_export
from streaming.strict_json import parse_json

LOAD_TIMEOUT_SECONDS = 600.0


def load(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header line.")],
    entity: Annotated[Literal["contacts", "companies"], typer.Option(help="What the rows are.")],
    mapping: Annotated[
        str | None,
        typer.Option(help='Where headers are not understood: {"Header": "field", "Other": null}.'),
    ] = None,
    options: Annotated[
        str | None,
        typer.Option(help='How rows are read and written: {"onConflict": "OVERWRITE"}.'),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Write a CSV of the rows that have errors, to correct them.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Load a file that was loaded before once more.")
    ] = False,
) -> None:
    """Load contacts or companies from a CSV file."""
    request = _request(entity, mapping, options, dry_run=dry_run, force=force)
    _check_files(file, rejects)
    settings = settings_of_process()

    async def work() -> Loaded:
        async with open_resources(
            settings, progress=say, statement_timeout_seconds=LOAD_TIMEOUT_SECONDS
        ) as resources:
            await upgrade(resources.database.engine)
            database, uploads = resources.database, resources.uploads
            handlers = import_handlers(
                uploads, ImportSettings(placeholder=settings.placeholder_value)
            )
            spare_the_collector()
            begun = await begin_load(database, uploads, file, request)
            with load_progress(file.name) as progress, _interrupted() as stopping:
                loading = Load(database, uploads, handlers, stopping=stopping, progress=progress)
                loaded = await loading.finish(begun)
            if rejects is not None and loaded.job.finished_at is not None:
                with whole_file(rejects) as target:
                    await write_rejects(database, loaded, target)
            return loaded

    loaded = run(work())
    say(render_summary(loaded))
    if failure := failure_of(loaded):
        fail(failure)


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


def _request(
    entity: str, mapping: str | None, options: str | None, *, dry_run: bool, force: bool
) -> ImportRequest:
    try:
        read = read_options(parse_json("--options", options or "{}"))
        overrides = _read_mapping(parse_json("--mapping", mapping or "{}"))
    except InvalidInput as error:
        wrong_use(error.message)
    read = replace(read, dry_run=read.dry_run or dry_run)
    for name, problem in problems_of(read).items():
        wrong_use(f"--options: {spelled(name)}: {problem}")
    return ImportRequest(entity=ImportEntity(entity), mapping=overrides, options=read, force=force)


def _read_mapping(value: object) -> Mapped:
    """The fields themselves are checked with the columns of the file."""
    if not isinstance(value, dict):
        raise InvalidInput('--mapping is not a JSON object such as {"Header": "field"}.')
    if not all(field is None or isinstance(field, str) for field in value.values()):
        raise InvalidInput("--mapping names a field, or null, for each header.")
    return value


def _check_files(file: Path, rejects: Path | None) -> None:
    if not file.is_file():
        wrong_use(f"There is no file {file}.")
    if rejects is None:
        return
    if rejects.exists() and rejects.samefile(file):
        wrong_use("--rejects would overwrite the file that is loaded. Name another.")
    if rejects.is_dir() or not os.access(rejects.resolve().parent, os.W_OK):
        wrong_use(f"{rejects} cannot be written. Name another file.")


@contextmanager
def _interrupted() -> Iterator[asyncio.Event]:
    """Is set by the first Ctrl-C in the block; the second one ends the process as usual."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def leave() -> None:
        for number, handler in usual.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def stop() -> None:
        leave()
        stopping.set()

    for number in usual:
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        leave()
