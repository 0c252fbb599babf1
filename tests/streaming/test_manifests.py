"""Manifests: what lies beside a file comes back as it was, whoever wrote it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest

from domain.enums import Role
from domain.exports import ExportFormat
from domain.viewer import Viewer
from streaming.manifests import About, Manifest, StoredManifest, read_stored_manifest

MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
OWNER = UUID(int=1)
FILTER = {"city": {"eq": "Berlin"}}
STORED = StoredManifest(
    id=UUID(int=2),
    created_at=MOMENT,
    about=About(
        owner=OWNER,
        entity="jobs",
        format=ExportFormat.JSONL,
        request="digest",
        filter=FILTER,
        role=Role.ADMIN,
    ),
    manifest=Manifest(
        rows=1,
        bytes=2,
        sha256="00",
        truncated=True,
        snapshot_at=None,
        filter=FILTER,
        format=ExportFormat.JSONL,
        notices=({"code": "PAGE_SIZE_CAPPED", "path": ["jobs"]},),
    ),
)


@pytest.mark.parametrize("snapshot_at", [None, MOMENT])
def test_stored_manifest_is_read_as_it_was(snapshot_at: datetime | None) -> None:
    """With the role, what was noticed, and the moment, if there is one that it shows."""
    stored = replace(STORED, manifest=replace(STORED.manifest, snapshot_at=snapshot_at))
    assert read_stored_manifest(stored.to_bytes()) == stored


def test_manifest_of_an_older_release_is_for_every_role() -> None:
    """It has neither a role nor notices, for nothing was written for some roles only."""
    older = orjson.loads(STORED.to_bytes())
    del older["role"], older["manifest"]["notices"]
    read = read_stored_manifest(orjson.dumps(older))
    assert (read.about.role, read.manifest.notices) == (Role.VIEWER, ())
    assert "notices" not in read.manifest.to_json()


@pytest.mark.parametrize("least", Role)
def test_file_is_for_its_owner_in_the_role_it_was_written_for(least: Role) -> None:
    """Or in one that may do more; for nobody else, whatever they may do."""
    about = replace(STORED.about, role=least)
    roles = list(Role)
    assert [role for role in roles if about.is_for(Viewer(OWNER, role))] == roles[
        roles.index(least) :
    ]
    assert not about.is_for(Viewer(UUID(int=9), Role.ADMIN))
