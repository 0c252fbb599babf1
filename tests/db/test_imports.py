"""Promises of imports: the same is imported once, and only what can be undone is undone."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from db.imports import CreatedImport, create_import, undo_import
from db.rows import UploadRow
from db.transaction import Database
from domain.errors import ProblemCode, Rejected
from domain.imports import EmptyCell, ImportEntity, ImportOptions, ImportRequest, MultiValueMode
from domain.uploads import UploadKind
from tests.db.importing import OWNER, make_upload
from tests.db.staged import execute, rows_of

OTHER = UUID("00000000-0000-4000-8000-000000000008")
CONTACTS = ImportRequest(entity=ImportEntity.CONTACTS)
A_WEEK = 604_800.0


async def create(
    database: Database, upload: UploadRow, request: ImportRequest = CONTACTS, owner: UUID = OWNER
) -> CreatedImport:
    async with database.write() as tx:
        return await create_import(tx, request, upload, owner=owner)


async def undo(database: Database, job_id: int, owner: UUID = OWNER) -> int:
    async with database.write() as tx:
        return await undo_import(tx, job_id, owner=owner, undo_seconds=A_WEEK)


async def end(database: Database, job_id: int, status: str = "COMPLETED") -> None:
    await execute(
        database,
        f"UPDATE jobs SET status = '{status}', finished_at = now() WHERE id = {job_id}",
    )


async def test_same_file_with_the_same_wishes_is_one_job(database: Database) -> None:
    """Also when it is sent and asked for again while the first waits."""
    first, again = await make_upload(database), await make_upload(database)
    created = await create(database, first)
    assert await create(database, again) == CreatedImport(created.job_id, is_new=False)
    assert created.is_new


async def test_ten_who_ask_at_once_get_one_job(database: Database) -> None:
    """Nobody is refused."""
    upload = await make_upload(database)
    created = await asyncio.gather(*(create(database, upload) for _ in range(10)))
    assert len({each.job_id for each in created}) == 1
    assert sum(each.is_new for each in created) == 1


OTHERS = {
    "mapping": replace(CONTACTS, mapping={"A": "title"}),
    "options": replace(CONTACTS, options=ImportOptions(tag="x")),
    "force": replace(CONTACTS, force=True),
    "dry run": replace(CONTACTS, options=ImportOptions(dry_run=True)),
}


@pytest.mark.parametrize("request_", OTHERS.values(), ids=OTHERS)
async def test_other_wishes_are_another_job(database: Database, request_: ImportRequest) -> None:
    """Another mapping, other options, or the wish to do it again."""
    upload = await make_upload(database)
    created = await create(database, upload)
    other = await create(database, upload, request_)
    assert other.is_new
    assert other.job_id != created.job_id


async def test_dry_run_and_forced_import_stand_in_nobodys_way(database: Database) -> None:
    """A dry run is always a new one, and a forced import does not become the one that counts."""
    upload = await make_upload(database)
    for name in ("dry run", "force"):
        first = await create(database, upload, OTHERS[name])
        assert (await create(database, upload, OTHERS[name])).job_id != first.job_id
    assert (await create(database, upload)).is_new


async def test_somebody_elses_import_counts_for_nobody_else(database: Database) -> None:
    """The same bytes of another user are another import."""
    created = await create(database, await make_upload(database))
    theirs = await create(database, await make_upload(database, owner=OTHER), owner=OTHER)
    assert theirs.is_new
    assert theirs.job_id != created.job_id


@pytest.mark.parametrize(
    ("status", "is_new"), [("FAILED", True), ("CANCELLED", True), ("COMPLETED", False)]
)
async def test_import_that_came_to_nothing_can_be_asked_for_again(
    database: Database, status: str, is_new: bool
) -> None:
    """One that has done its work cannot."""
    upload = await make_upload(database)
    created = await create(database, upload)
    await end(database, created.job_id, status)
    assert (await create(database, upload)).is_new is is_new


BAD: dict[str, tuple[dict[str, Any], ImportRequest, ProblemCode, tuple[str, ...]]] = {
    "incomplete": (
        {"sha256": None},
        CONTACTS,
        ProblemCode.NOT_ALLOWED_IN_STATE,
        ("uploadId",),
    ),
    "of another kind": (
        {"kind": UploadKind.COMPANIES},
        CONTACTS,
        ProblemCode.INVALID_VALUE,
        ("uploadId",),
    ),
    "a picture": (
        {"kind": UploadKind.AVATAR},
        CONTACTS,
        ProblemCode.INVALID_VALUE,
        ("uploadId",),
    ),
    "clearing without overwriting": (
        {},
        replace(CONTACTS, options=ImportOptions(empty_cell=EmptyCell.CLEAR)),
        ProblemCode.INVALID_VALUE,
        ("options", "emptyCell"),
    ),
    "replacing without overwriting": (
        {},
        replace(CONTACTS, options=ImportOptions(multi_value_mode=MultiValueMode.REPLACE)),
        ProblemCode.INVALID_VALUE,
        ("options", "multiValueMode"),
    ),
    "no key": (
        {},
        replace(CONTACTS, options=ImportOptions(match_on=())),
        ProblemCode.INVALID_VALUE,
        ("options", "matchOn"),
    ),
}


UNUSABLE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("defaultCountry", {"default_country": "Germany"}),
    ("tag", {"tag": "a\0"}),
    ("tag", {"tag": " "}),
    ("delimiter", {"delimiter": "ab"}),
    ("delimiter", {"delimiter": '"'}),
    ("encoding", {"encoding": "utf\0"}),
)
BAD |= {
    f"{given}": (
        {},
        replace(CONTACTS, options=ImportOptions(**given)),
        ProblemCode.INVALID_VALUE,
        ("options", name),
    )
    for name, given in UNUSABLE
}
BAD["NUL in a header"] = (
    {},
    replace(CONTACTS, mapping={"a\0": None}),
    ProblemCode.INVALID_VALUE,
    ("mapping",),
)


@pytest.mark.parametrize(("upload", "request_", "code", "path"), BAD.values(), ids=BAD)
async def test_what_cannot_be_imported_is_refused(
    database: Database,
    upload: dict[str, Any],
    request_: ImportRequest,
    code: ProblemCode,
    path: tuple[str, ...],
) -> None:
    """No job is made."""
    row = await make_upload(database, **upload)
    with pytest.raises(Rejected) as refused:
        await create(database, row, request_)
    assert [(each.code, each.path) for each in refused.value.problems] == [(code, path)]
    assert await rows_of(database, "SELECT count(*) FROM jobs") == [(0,)]


async def test_undo_lets_the_same_be_imported_again(database: Database) -> None:
    """From the moment on at which it is asked for."""
    upload = await make_upload(database)
    created = await create(database, upload)
    await end(database, created.job_id)
    await undo(database, created.job_id)
    assert (await create(database, upload)).is_new


@pytest.mark.parametrize(
    ("change", "request_"),
    [
        ("", CONTACTS),
        ("finished_at = now(), status = 'COMPLETED'", OTHERS["dry run"]),
        ("finished_at = now() - interval '8 days', status = 'COMPLETED'", CONTACTS),
    ],
    ids=["not ended", "dry run", "too old"],
)
async def test_what_cannot_be_undone_is_refused(
    database: Database, change: str, request_: ImportRequest
) -> None:
    """With a sentence that says why."""
    created = await create(database, await make_upload(database), request_)
    if change:
        await execute(database, f"UPDATE jobs SET {change} WHERE id = {created.job_id}")
    with pytest.raises(Rejected) as refused:
        await undo(database, created.job_id)
    assert refused.value.problems[0].code is ProblemCode.NOT_ALLOWED_IN_STATE


async def test_import_of_the_server_itself_is_undone_by_an_admin(database: Database) -> None:
    """What `load` has written belongs to nobody else."""
    upload = await make_upload(database, owner=None)
    async with database.write() as tx:
        created = await create_import(tx, CONTACTS, upload, owner=None)
    await end(database, created.job_id)
    with pytest.raises(Rejected):
        await undo(database, created.job_id)
    async with database.write() as tx:
        assert await undo_import(
            tx, created.job_id, owner=OWNER, undo_seconds=A_WEEK, is_admin=True
        )


async def test_import_is_undone_once(database: Database) -> None:
    """Neither while it is being undone, nor after that."""
    created = await create(database, await make_upload(database))
    await end(database, created.job_id)
    job_id = await undo(database, created.job_id)
    with pytest.raises(Rejected, match="is being undone"):
        await undo(database, created.job_id)
    await end(database, job_id)
    await execute(database, "UPDATE imports SET undone_at = now()")
    with pytest.raises(Rejected, match="was undone already"):
        await undo(database, created.job_id)


async def test_undo_that_came_to_nothing_can_be_asked_for_again(database: Database) -> None:
    """It goes on where the first one stopped."""
    created = await create(database, await make_upload(database))
    await end(database, created.job_id)
    await end(database, await undo(database, created.job_id), "FAILED")
    assert await undo(database, created.job_id)


@pytest.mark.parametrize("job_id", [0, None], ids=["absent", "foreign"])
async def test_absent_and_foreign_imports_are_refused_alike(
    database: Database, job_id: int | None
) -> None:
    """Nobody learns that there is one."""
    created = await create(database, await make_upload(database))
    with pytest.raises(Rejected) as refused:
        await undo(database, created.job_id if job_id is None else job_id, OTHER)
    assert refused.value.problems[0].code is ProblemCode.NOT_FOUND
