"""Stopping what goes on in the background."""

from dataclasses import dataclass

import strawberry

from db.jobs import JOBS, cancel_job, load_jobs, no_job
from db.rows import JobRow
from db.transaction import Transaction
from domain.node_ids import NodeKind, decode_node_id
from domain.records import described
from domain.scalars import NodeId
from domain.viewer import MAKE_JOBS
from graph.context import Info
from graph.declare import as_input, column
from graph.jobs import may_see
from graph.mutations.writing import Input, WriteInput, write_row
from graph.payloads import Payload
from graph.permissions import needs
from graph.types.jobs import Job


@as_input
@dataclass(kw_only=True)
class CancelJobInput(WriteInput):
    """Which job to stop."""

    id: NodeId = described("Its id.", required=True)


@strawberry.type(description="The job that is to stop.")
class CancelJobPayload(Payload):
    """Answer of `cancelJob`."""

    job: Job | None = column(
        "The job: CANCELLED when it had not begun, else CANCELING until its batch is done; null"
        " when there is nothing to stop."
    )


@strawberry.type
class JobMutations:
    """What can be done about a job."""

    @strawberry.mutation(
        description="Stop a job of one's own, or any as an admin. What it has done by then stays.",
        metadata=needs(*MAKE_JOBS),
    )
    async def cancel_job(self, info: Info, input: Input[CancelJobInput]) -> CancelJobPayload:
        """The job, stopped or about to stop."""
        _, job_id = decode_node_id(input.id, expected=NodeKind.JOB)

        async def work(tx: Transaction) -> JobRow:
            (row,) = await load_jobs(tx, [job_id])
            if not may_see(info.context, row):
                raise no_job()
            return await cancel_job(tx, job_id)

        return await write_row(info, input, CancelJobPayload, JOBS, work)
