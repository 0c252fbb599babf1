"""What durable jobs are asked to do: one frozen class a kind, as it is stored with the job.

A job may be read by another release than the one that stored it. A class that changes in a way that
an older release could not read goes up in `version`; fields that are new have a default, so that
older jobs can still be read.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Final, Self

from domain.jobs import JobKind

BULK: Final = "bulk"
EXPORTS: Final = "exports"
IMPORTS: Final = "imports"
HOUSEKEEPING: Final = "housekeeping"

QUEUES: Final = (BULK, EXPORTS, IMPORTS, HOUSEKEEPING)
"""The queues that a worker takes jobs from; all of them unless it is told otherwise."""

NORMAL: Final = 0
LOW: Final = -10


class UnknownPayload(Exception):
    """A stored job that this release cannot read."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a job is asked to do.

    Attributes:
        priority: Of those that wait, the highest is taken first; negative ones stand back.
        max_attempts: How often a worker may begin, before the job has failed.
        batch_seconds: How long one batch may take; a job that makes progress may take for ever.
    """

    kind: ClassVar[JobKind]
    version: ClassVar[int] = 1
    queue: ClassVar[str] = BULK
    priority: ClassVar[int] = NORMAL
    max_attempts: ClassVar[int] = 5
    batch_seconds: ClassVar[float] = 60.0

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON can say them."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The task of stored fields.

        Raises:
            UnknownPayload: A field is missing or not known.
        """
        if unknown := stored.keys() - {field.name for field in fields(cls)}:
            raise UnknownPayload(f"{cls.kind} has no {', '.join(sorted(unknown))}.")
        try:
            return cls(**{name: _frozen(value) for name, value in stored.items()})
        except TypeError as error:
            raise UnknownPayload(f"{cls.kind}: {error}.") from error


@dataclass(frozen=True, kw_only=True)
class TagContacts(Task):
    """Tag the contacts that were chosen when the job was made."""

    kind = JobKind.TAG_CONTACTS

    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DeleteContacts(Task):
    """Delete the contacts that were chosen when the job was made."""

    kind = JobKind.DELETE_CONTACTS


@dataclass(frozen=True, kw_only=True)
class DeleteCompanies(Task):
    """Delete the companies that were chosen when the job was made."""

    kind = JobKind.DELETE_COMPANIES


@dataclass(frozen=True, kw_only=True)
class ExportRecords(Task):
    """Write the records that match when it begins into a file.

    Its worker has to see the same folder as the servers that hand the file out: it has a queue of
    its own, which other workers leave alone.

    Attributes:
        export: What is wanted, as `domain.export_json` writes it.
        sees_all: Whoever asked for it could see imports of everybody.
    """

    kind = JobKind.EXPORT_RECORDS
    version = 2
    queue = EXPORTS

    export: Mapping[str, Any]
    sees_all: bool = False


@dataclass(frozen=True, kw_only=True)
class ImportRecords(Task):
    """Read the file that the job's row of `imports` names.

    Its worker has to see the same files as the servers that take them.
    """

    kind = JobKind.IMPORT_RECORDS
    queue = IMPORTS
    max_attempts = 10


@dataclass(frozen=True, kw_only=True)
class UndoImport(Task):
    """Take back what an import has written.

    Attributes:
        import_id: The job of the import.
    """

    kind = JobKind.UNDO_IMPORT
    queue = BULK

    import_id: int


_TASKS: Final[Mapping[str, type[Task]]] = {
    task.kind: task
    for task in (
        TagContacts,
        DeleteContacts,
        DeleteCompanies,
        ExportRecords,
        ImportRecords,
        UndoImport,
    )
}


def read_task(kind: str, version: int, stored: Mapping[str, Any]) -> Task:
    """The task of a stored job.

    Raises:
        UnknownPayload: A newer release stored it.
    """
    task = _TASKS.get(kind)
    if task is None:
        raise UnknownPayload(f"This release knows no jobs of the kind {kind}.")
    if version > task.version:
        raise UnknownPayload(f"{kind} has version {version}; this release reads {task.version}.")
    return task.from_json(stored)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
