"""What is known of an export beside its bytes: what was asked for, and what proves it whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.enums import Role
from domain.exports import ExportFormat
from domain.scalars import read_datetime, write_datetime
from domain.viewer import Viewer


@dataclass(frozen=True, kw_only=True)
class About:
    """What an export is of.

    Attributes:
        owner: The user who may read it.
        entity: `contacts`, `companies`, or the root field of a document.
        request: A digest of what was asked for.
        filter: As JSON has it; None for all rows.
        role: The least that its reader has to be: what it was written for.
        is_promised: A job said how long it stays: no other export takes its place before.
    """

    owner: UUID
    entity: str
    format: ExportFormat
    request: str
    filter: object = None
    role: Role = Role.VIEWER
    is_promised: bool = False

    def is_for(self, viewer: Viewer) -> bool:
        """Whether they may read it: nobody else learns that there is one."""
        return self.owner == viewer.user_uuid and viewer.role.includes(self.role)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The proof of an export that is whole.

    Attributes:
        sha256: Of all bytes, in hexadecimal digits.
        truncated: More rows match than it has, or than a list in one of them has.
        snapshot_at: The state of the records that is shown; None when it was read page by page.
        filter: As JSON has it; None for all rows.
        notices: What its reader should know of how it was read.
    """

    rows: int
    bytes: int
    sha256: str
    truncated: bool
    snapshot_at: datetime | None
    filter: object
    format: ExportFormat
    complete: bool = True
    notices: tuple[Mapping[str, object], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What clients are told."""
        at = self.snapshot_at
        told = {
            "rows": self.rows,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "truncated": self.truncated,
            "snapshotAt": None if at is None else write_datetime(at),
            "filter": self.filter,
            "format": self.format.value,
            "complete": self.complete,
        }
        return told | {"notices": list(self.notices)} if self.notices else told


@dataclass(frozen=True, kw_only=True)
class StoredManifest:
    """A manifest as it lies beside its data, for whoever comes later or from elsewhere."""

    id: UUID
    created_at: datetime
    about: About
    manifest: Manifest

    def to_bytes(self) -> bytes:
        """Its JSON. The filter stands in it once."""
        about = self.about
        return orjson.dumps(
            {
                "id": str(self.id),
                "createdAt": write_datetime(self.created_at),
                "owner": str(about.owner),
                "entity": about.entity,
                "request": about.request,
                "role": about.role.value,
                "isPromised": about.is_promised,
                "manifest": self.manifest.to_json(),
            }
        )


def read_stored_manifest(text: bytes) -> StoredManifest:
    """What `to_bytes` wrote.

    Raises:
        ValueError: It is not such a text.
    """
    try:
        return _stored_manifest(orjson.loads(text))
    except (KeyError, TypeError) as error:
        raise ValueError("This is not the manifest of an export.") from error


def _stored_manifest(stored: dict[str, Any]) -> StoredManifest:
    manifest = _manifest(stored["manifest"])
    return StoredManifest(
        id=UUID(stored["id"]),
        created_at=read_datetime(stored["createdAt"]),
        about=About(
            owner=UUID(stored["owner"]),
            entity=stored["entity"],
            format=manifest.format,
            request=stored["request"],
            filter=manifest.filter,
            role=Role(stored.get("role", Role.VIEWER)),
            is_promised=stored["isPromised"],
        ),
        manifest=manifest,
    )


def _manifest(stored: dict[str, Any]) -> Manifest:
    at = stored["snapshotAt"]
    return Manifest(
        rows=stored["rows"],
        bytes=stored["bytes"],
        sha256=stored["sha256"],
        truncated=stored["truncated"],
        snapshot_at=None if at is None else read_datetime(at),
        filter=stored["filter"],
        format=ExportFormat(stored["format"]),
        complete=stored["complete"],
        notices=tuple(stored.get("notices", ())),
    )
