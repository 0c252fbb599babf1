"""Durable jobs: what they are called, how they stand and how they end."""

from dataclasses import dataclass
from typing import Final

from domain.enums import DescribedEnum
from domain.paging import Direction, Nulls, Order


class JobKind(DescribedEnum):
    """What a job does."""

    TAG_CONTACTS = "TAG_CONTACTS", "Adds tags to contacts and takes others from them."
    DELETE_CONTACTS = "DELETE_CONTACTS", "Deletes contacts; each can be restored."
    DELETE_COMPANIES = "DELETE_COMPANIES", "Deletes companies; each can be restored."
    EXPORT_RECORDS = "EXPORT_RECORDS", "Writes contacts or companies into a file to download."
    IMPORT_RECORDS = "IMPORT_RECORDS", "Reads contacts or companies from a file."
    UNDO_IMPORT = "UNDO_IMPORT", "Takes back what an import has written."


class JobStatus(DescribedEnum):
    """How a job stands."""

    QUEUED = "QUEUED", "It waits for a worker, for the first time or after an attempt."
    RUNNING = "RUNNING", "A worker is at it."
    CANCELING = "CANCELING", "It is to stop, and does so after the batch it is at."
    COMPLETED = "COMPLETED", "All of it is done."
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS", "It has ended; a part could not be done."
    FAILED = "FAILED", "It has ended before all was done; `error` says why."
    CANCELLED = "CANCELLED", "It was stopped; what was done by then stays."


FINAL_STATUSES: Final = frozenset(
    {
        JobStatus.COMPLETED,
        JobStatus.COMPLETED_WITH_ERRORS,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
    }
)
"""A job that stands so never stands otherwise again."""


class JobErrorCode(DescribedEnum):
    """Why an attempt at a job came to nothing."""

    ERROR = "ERROR", "Something went wrong; the log of the worker says what."
    UNAVAILABLE = "UNAVAILABLE", "A service that the job needs did not answer."
    TIMED_OUT = "TIMED_OUT", "It took longer than a job of its kind may."
    WORKER_LOST = "WORKER_LOST", "Each worker that took it died or hung."
    UNKNOWN_PAYLOAD = "UNKNOWN_PAYLOAD", "It was made by a newer release than the workers run."
    REJECTED = "REJECTED", "What it was asked to do is not possible."


class JobOrderField(DescribedEnum):
    """What jobs can be ordered by."""

    CREATED_AT = "CREATED_AT", "When the job was made."


@dataclass(frozen=True, kw_only=True)
class JobOrder:
    """One key of the order of jobs."""

    field: JobOrderField
    direction: Direction = Direction.ASC
    nulls: Nulls = Nulls.LAST


NEWEST_JOBS: Final[tuple[Order, ...]] = (
    JobOrder(field=JobOrderField.CREATED_AT, direction=Direction.DESC),
)


@dataclass(frozen=True, kw_only=True)
class KindHealth:
    """How the jobs of one kind do.

    Attributes:
        kind: Of this release or a newer one.
        queued: How many wait, those that shall not begin yet among them.
        running: How many a worker is at.
        failed: How many have failed within a day.
        waiting_seconds: How long the oldest has waited that could begin; None without any.
    """

    kind: str
    queued: int
    running: int
    failed: int
    waiting_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class JobHealth:
    """How all jobs do.

    Attributes:
        workers: How many have given a sign of life lately.
    """

    kinds: tuple[KindHealth, ...]
    workers: int

    @property
    def waiting_seconds(self) -> float | None:
        """How long the oldest job has waited that could begin; None without any."""
        waiting = [kind.waiting_seconds for kind in self.kinds if kind.waiting_seconds is not None]
        return max(waiting, default=None)
