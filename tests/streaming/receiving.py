"""Files that users send, as tests of uploads begin, fill and read them."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

from db.rows import UploadRow
from domain.uploads import NewUpload, UploadKind
from streaming.upload_limits import UploadSettings
from streaming.uploads import Uploads

OWNER = UUID(int=1)
BYTES = b"0123456789" * 1000
SETTINGS = UploadSettings(max_import_bytes=20_000, quota_bytes=50_000, chunk_bytes=1000)


async def pieces(*given: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    """What a client sends, and how it ends."""
    for piece in given:
        yield piece
    if error is not None:
        raise error


def announced(total_bytes: int = len(BYTES)) -> NewUpload:
    return NewUpload(
        uuid=uuid4(),
        owner=OWNER,
        kind=UploadKind.CONTACTS,
        filename="people.csv",
        media_type="text/csv",
        total_bytes=total_bytes,
    )


async def receive(uploads: Uploads, *given: bytes, least: int = 0) -> UploadRow:
    """A whole file."""
    return await receive_all(uploads, pieces(*given), least=least)


async def receive_all(
    uploads: Uploads, chunks: AsyncIterator[bytes], *, least: int = 0
) -> UploadRow:
    return await uploads.receive(
        chunks,
        owner=OWNER,
        kind=UploadKind.CONTACTS,
        filename="people.csv",
        media_type="text/csv",
        least=least,
    )


def files_in(folder: Path) -> set[str]:
    """The names of all files there."""
    return {path.name for path in folder.iterdir()}


async def again(uploads: Uploads, row: UploadRow) -> UploadRow:
    return await uploads.find(row.uuid, owner=OWNER)


async def read(uploads: Uploads, row: UploadRow) -> bytes:
    async with uploads.opened(row) as path:
        return path.read_bytes()
