"""The root fields that read durable jobs: a user's own, and all of them for an admin.

What is somebody else's is answered as if it did not exist.
"""

from typing import Annotated, cast
from uuid import UUID

import strawberry

from db import jobs
from db.rows import JobRow
from db.transaction import Transaction
from domain.enums import Role
from domain.filters import JobFilter
from domain.jobs import NEWEST_JOBS
from domain.node_ids import NodeKind, decode_node_id
from domain.viewer import MAKE_JOBS
from graph.arguments import After, Before, First, Last
from graph.context import Context, Info
from graph.pages import Listing, PageArguments, page_request
from graph.permissions import needs
from graph.types.connections import Connection
from graph.types.jobs import Job


@strawberry.type
class JobQueries:
    """What goes on in the background."""

    @strawberry.field(
        description="A job by its id; null when there is none, or it is somebody else's and the"
        " viewer no admin.",
        metadata=needs(*MAKE_JOBS),
    )
    async def job(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
    ) -> Job | None:
        """One job."""
        _, job_id = decode_node_id(id, expected=NodeKind.JOB)
        return cast("Job | None", await find_job(info.context, job_id))

    @strawberry.field(
        description="The viewer's jobs, the newest first; those of everybody, and the server's own,"
        " for an admin.",
        metadata=needs(*MAKE_JOBS),
    )
    async def jobs(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Annotated[
            JobFilter | None, strawberry.argument(description="Which of them; all when left out.")
        ] = None,
    ) -> Connection[Job]:
        """One page of jobs."""
        owner = _only_owner(info.context)
        order = NEWEST_JOBS
        request = page_request(info, PageArguments(first, after, last, before), order)
        reads = info.context.reads
        reads.use_primary()
        listing = Listing(
            jobs.JOBS,
            await reads.run(jobs.list_jobs, request, filter, owner=owner),
            count=lambda: reads.run(jobs.count_jobs, filter, owner=owner),
            behind=lambda: reads.run(jobs.jobs_behind, request, filter, owner=owner),
            write_cursor=info.context.cursors.writer(order),
        )
        return cast("Connection[Job]", listing)


async def find_job(context: Context, job_id: int) -> JobRow | None:
    """A job as it is now; None when there is none that the viewer may see."""
    # A replica may be behind what a worker has written.
    context.reads.use_primary()
    row: JobRow | None = await context.loaders.job_by_id.load(job_id)
    return row if may_see(context, row) else None


async def job_row(tx: Transaction, job_id: int) -> JobRow:
    """The row of a job that the transaction has made, or has found."""
    (row,) = await jobs.load_jobs(tx, [job_id])
    return cast("JobRow", row)


def may_see(context: Context, row: JobRow | None) -> bool:
    """Whether there is such a job, and it is the viewer's or the viewer an admin."""
    return row is not None and context.shows_what_is_of(row.user_uuid)


def _only_owner(context: Context) -> UUID | None:
    """The user whose jobs the viewer may see; None when that is everybody.

    Raises:
        Unauthenticated: There is no viewer.
    """
    viewer = context.require_viewer()
    return None if context.has_role(Role.ADMIN) else viewer.user_uuid
