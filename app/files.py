"""The files of a process: those that exports make, and those that users send."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.settings import Settings
from db.transaction import Database
from domain.paging import CursorCodec
from streaming.exporting import Exporter, ExportSettings
from streaming.spools import SpoolSettings, open_spools
from streaming.upload_limits import UploadSettings
from streaming.uploads import Uploads, open_uploads


@asynccontextmanager
async def open_files(
    settings: Settings, folder: Path, database: Database, *, cursors: CursorCodec
) -> AsyncIterator[tuple[Exporter, Uploads]]:
    """What makes exports, with the files it keeps, and what takes files.

    Args:
        folder: Where they lie.
        cursors: Begin exports where a page ends.

    Raises:
        FileStoreError: FILE_STORE_URL cannot be used.
    """
    async with open_spools(folder / "spool", _spool_settings(settings)) as spools:
        exporter = Exporter(database, spools, _export_settings(settings), cursors)
        uploads = await open_uploads(
            folder / "uploads",
            database,
            _upload_settings(settings),
            store_url=settings.file_store_url,
        )
        yield exporter, uploads


def _spool_settings(settings: Settings) -> SpoolSettings:
    return SpoolSettings(
        ttl_seconds=settings.export_spool_ttl,
        quota_bytes=settings.export_spool_quota,
        most_of_one_owner=settings.max_concurrent_exports,
    )


def _export_settings(settings: Settings) -> ExportSettings:
    return ExportSettings(
        is_enabled=settings.enable_streaming_queries,
        most_rows=settings.max_streaming_results,
        batch_rows=settings.streaming_batch_size,
        chunk_bytes=settings.streaming_chunk_size,
    )


def _upload_settings(settings: Settings) -> UploadSettings:
    return UploadSettings(
        max_import_bytes=settings.max_import_size,
        max_upload_bytes=settings.max_upload_size,
        chunk_bytes=settings.max_upload_chunk_size,
        ttl_seconds=settings.upload_ttl,
        quota_bytes=settings.upload_quota,
    )
