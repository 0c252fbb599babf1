"""Loading files as `appointment360 load` does, in the process of a test."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.load import Load, Loaded, begin_load
from db.rows import JobRow
from db.transaction import Database
from domain.imports import ImportEntity, ImportOptions, ImportRequest
from jobs.imports import ImportSettings, import_handlers
from jobs.running import Handlers
from tests.db.staged import rows_of
from tests.jobs.importing import people, uploads_of

ENDS = ("created", "updated", "unchanged", "skipped", "failed")


class Loading:
    """What loads files into a database; tests change a part of it before."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.stopping = asyncio.Event()
        self.progress: Callable[[JobRow], None] = lambda _: None
        self.batch_rows = 1000
        self.handlers: Handlers = {}

    async def load(
        self,
        path: Path,
        entity: ImportEntity = ImportEntity.CONTACTS,
        *,
        mapping: dict[str, str | None] | None = None,
        force: bool = False,
        **options: Any,
    ) -> Loaded:
        """As the command does it."""
        uploads = await uploads_of(self.database, self.folder)
        request = ImportRequest(
            entity=entity, mapping=mapping or {}, options=ImportOptions(**options), force=force
        )
        handlers = import_handlers(uploads, ImportSettings(batch_rows=self.batch_rows))
        begun = await begin_load(self.database, uploads, path, request)
        loading = Load(
            self.database,
            uploads,
            {**handlers, **self.handlers},
            stopping=self.stopping,
            progress=self.progress,
            quiet_seconds=0.5,
        )
        return await loading.finish(begun)

    async def left(self) -> tuple[int, int]:
        """How many uploads there are, and how many files."""
        ((rows,),) = await rows_of(self.database, "SELECT count(*) FROM uploads")
        folder = self.folder / "uploads"
        return rows, len([path for path in folder.iterdir() if path.is_file()])


def counts(loaded: Loaded) -> list[int]:
    """How many rows came to each end."""
    return [loaded.job.counters.get(end, 0) for end in ENDS]


def write_people(folder: Path, rows: int) -> Path:
    """A clean file of contacts."""
    path = folder / "many.csv"
    path.write_text(people(rows), encoding="utf-8")
    return path
