"""Spools over HTTP: whole files, single ranges, and answers that begin before their end is known.

Source: RFC 9110; RFC 9530 for `Repr-Digest`, RFC 3230 for `Digest`; RFC 6266 for names of files.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from cache.http import PRIVATE
from domain.exports import ExportFormat
from streaming.caching import has_current
from streaming.compression import gzipped, takes_gzip
from streaming.encoders import get_content_type_for_format
from streaming.manifests import Manifest
from streaming.ranges import AskedRange, allows_range, names_tag, read_range, require_match
from streaming.sending import ChunkedAnswer, Chunks, unless_left
from streaming.spool import Spool

Headers = dict[str, str]

_BEGINNING_SECONDS: Final = 0.1
_LEAST_BYTES_A_SECOND: Final = 1024
_LEAST_PATIENCE_SECONDS: Final = 60.0
_CLIENT_HAS_LEFT: Final = 499
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]")


class Downloads:
    """Answers requests with the bytes of spools.

    Args:
        chunk_bytes: What is read and sent at a time; a reader has no more of it in memory.
        manifest_path: The path under which the manifest of a spool is answered.
        patience_seconds: How long a client may take for a chunk; None: as long as one takes that
            reads 1 KB/s, a minute at least.
    """

    def __init__(
        self,
        *,
        chunk_bytes: int,
        manifest_path: Callable[[UUID], str],
        patience_seconds: float | None = None,
    ) -> None:
        self._chunk_bytes = chunk_bytes
        self._manifest_path = manifest_path
        self._patience_seconds = patience_seconds or max(
            chunk_bytes / _LEAST_BYTES_A_SECOND, _LEAST_PATIENCE_SECONDS
        )

    async def answer(self, request: Request, spool: Spool, *, takes_ranges: bool) -> Response:
        """The answer with a spool's bytes, or 304 when the client has them.

        Args:
            request: Its body, if there is one, has been read.
            takes_ranges: The client knows that the address stands for this spool; else it gets the
                whole file, whatever range it asks for and whatever it has already.

        Raises:
            AppError: What the spool failed with before its first byte.
            PreconditionFailed: If-Match names another file.
            RangeNotSatisfiable: The range begins behind the last byte.
        """
        asked = _asked_range(request, spool) if takes_ranges else None
        is_zipped = asked is None and _is_zipped(request, spool)
        tag = _zipped_tag(spool) if is_zipped else spool.etag
        require_match(request.headers, tag)
        if takes_ranges and has_current(request, tag):
            return Response(status_code=304, headers=_caching_headers(tag))
        # A range has to know the end; a reader of HTTP/1.0 takes any end for it.
        needs_end = asked is not None or _is_old(request)
        if not await unless_left(request.receive, self._ready(spool, needs_end=needs_end)):
            return Response(status_code=_CLIENT_HAS_LEFT)
        headers = self._headers(spool) | _caching_headers(tag)
        if is_zipped:
            return self._zipped(spool, headers)
        return self._plain(spool, headers, asked)

    async def _ready(self, spool: Spool, *, needs_end: bool) -> None:
        if needs_end:
            await spool.finished()
        else:
            await spool.begun(enough_bytes=self._chunk_bytes, seconds=_BEGINNING_SECONDS)

    def _zipped(self, spool: Spool, headers: Headers) -> Response:
        headers["Content-Encoding"] = "gzip"
        return self._answer(spool, lambda: gzipped(self._read(spool)), headers=headers)

    def _plain(self, spool: Spool, headers: Headers, asked: AskedRange | None) -> Response:
        manifest = spool.manifest
        if manifest is None:
            return self._answer(spool, lambda: self._read(spool), headers=headers)
        headers |= _digests(manifest)
        if asked is None:
            headers["Content-Length"] = str(manifest.bytes)
            return self._answer(spool, lambda: self._read(spool), headers=headers)
        start, end = asked.of(manifest.bytes)
        headers["Content-Length"] = str(end - start)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{manifest.bytes}"
        return self._answer(
            spool, lambda: self._read(spool, start, end), headers=headers, status_code=206
        )

    def _read(self, spool: Spool, start: int = 0, end: int | None = None) -> Chunks:
        return spool.read(start, end, chunk_bytes=self._chunk_bytes)

    def _answer(
        self,
        spool: Spool,
        open_chunks: Callable[[], Chunks],
        *,
        headers: Headers,
        status_code: int = 200,
    ) -> Response:
        return ChunkedAnswer(
            open_chunks,
            status_code=status_code,
            headers=headers,
            patience_seconds=self._patience_seconds,
            facts={"export": str(spool.id)},
        )

    def _headers(self, spool: Spool) -> Headers:
        about = spool.about
        told = {
            **describing(about.entity, about.format, spool.created_at),
            "Accept-Ranges": "bytes",
            "Link": f'<{self._manifest_path(spool.id)}>; rel="describedby"',
        }
        known = spool.foreseen if spool.manifest is None else spool.manifest
        if known.rows is not None:
            told["X-Total-Count"] = str(known.rows)
        if known.truncated is not None:
            told["X-Result-Truncated"] = str(known.truncated).lower()
        return told


def _asked_range(request: Request, spool: Spool) -> AskedRange | None:
    if request.method != "GET" or not allows_range(request.headers, spool.etag):
        return None
    return read_range(request.headers)


def _is_zipped(request: Request, spool: Spool) -> bool:
    """Whether the client gets gzip: it takes it, and asks for no form that it names."""
    accepted = ",".join(request.headers.getlist("accept-encoding"))
    return (
        takes_gzip(accepted) and not _is_old(request) and not names_tag(request.headers, spool.etag)
    )


def _zipped_tag(spool: Spool) -> str:
    return f'{spool.etag[:-1]}-gzip"'


def _is_old(request: Request) -> bool:
    return bool(request.scope["http_version"] == "1.0")


def _caching_headers(tag: str) -> Headers:
    return {"ETag": tag, "Cache-Control": PRIVATE, "Vary": "Accept-Encoding, Authorization"}


def _digests(manifest: Manifest) -> Headers:
    digest = b64encode(bytes.fromhex(manifest.sha256)).decode()
    return {"Digest": f"sha-256={digest}", "Repr-Digest": f"sha-256=:{digest}:"}


def describing(entity: str, format_: ExportFormat, created_at: datetime) -> Headers:
    """The headers that say what kind of file an export is."""
    return {
        "Content-Type": get_content_type_for_format(format_),
        "Content-Disposition": attachment(entity, format_, created_at),
        "X-Content-Type-Options": "nosniff",
    }


def attachment(entity: str, format_: ExportFormat, created_at: datetime) -> str:
    """The header Content-Disposition of an export, which names the file that it becomes."""
    return named_attachment(f"{entity}-{created_at:%Y-%m-%d}.{format_.lower()}")


def named_attachment(name: str) -> str:
    """The header Content-Disposition of a file of this name."""
    return f"attachment; filename=\"{_UNSAFE.sub('_', name)}\"; filename*=UTF-8''{quote(name)}"
