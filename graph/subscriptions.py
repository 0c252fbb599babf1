"""The root fields that go on telling."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Final, TypeVar, cast

import strawberry

from domain.errors import InvalidInput, NotFound, Unavailable
from domain.node_ids import NodeKind, decode_node_id
from domain.viewer import MAKE_JOBS, Viewer
from graph.change_feed import Told
from graph.context import Context, Info
from graph.feeds import Feeds
from graph.jobs import find_job
from graph.permissions import needs
from graph.types.changes import CompanyChange, ContactChange
from graph.types.jobs import Job

T = TypeVar("T")

MAX_WATCHED: Final = 1000

_Ids = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(
        description=f"Only changes of these, {MAX_WATCHED} at most; of all when left out."
    ),
]


@strawberry.type(description="Everything that can be followed.")
class Subscription:
    """The root of subscriptions.

    Its resolvers are not generators themselves: what is wrong with a request is told at once, not
    as the first event.
    """

    @strawberry.subscription(
        description="What happens to contacts, to refresh what shows them. The first event is"
        " READY; read then."
    )
    async def contact_changed(
        self, info: Info, ids: _Ids = None
    ) -> AsyncGenerator[ContactChange, None]:
        """Changes of contacts."""
        changes = _changes(info, NodeKind.CONTACT, ids)
        return cast("AsyncGenerator[ContactChange, None]", changes)

    @strawberry.subscription(
        description="What happens to companies, to refresh what shows them. The first event is"
        " READY; read then."
    )
    async def company_changed(
        self, info: Info, ids: _Ids = None
    ) -> AsyncGenerator[CompanyChange, None]:
        """Changes of companies."""
        changes = _changes(info, NodeKind.COMPANY, ids)
        return cast("AsyncGenerator[CompanyChange, None]", changes)

    @strawberry.subscription(
        description="A job as it is, and again whenever it got on; ends after the event that has it"
        " ended. For its owner and for admins.",
        metadata=needs(*MAKE_JOBS),
    )
    async def job_progress(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The id of the job.")],
    ) -> AsyncGenerator[Job, None]:
        """The rows of one job."""
        viewer, feeds = _follower(info)
        _, job_id = decode_node_id(id, expected=NodeKind.JOB)
        if await find_job(info.context, job_id) is None:
            raise NotFound(f"There is no job with the id {id}, or it is somebody else's.")
        rows = feeds.jobs.follow(job_id, user=viewer.user_uuid)
        return cast("AsyncGenerator[Job, None]", _telling(info.context, rows))


def _follower(info: Info) -> tuple[Viewer, Feeds]:
    """Who follows, which is anybody who may read, and the feeds."""
    viewer = info.context.require_viewer()
    if info.context.feeds is None:
        raise Unavailable("Nothing can be followed here.", retryable=False)
    return viewer, info.context.feeds


def _changes(info: Info, of: NodeKind, ids: Sequence[str] | None) -> AsyncGenerator[Told, None]:
    """What happens to records of a kind."""
    viewer, feeds = _follower(info)
    changes = feeds.changes.watch(of, _wanted(ids, of), user=viewer.user_uuid)
    return _telling(info.context, changes)


async def _telling(context: Context, events: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same events; who reads because of one finds what it tells of, on a replica too."""
    async with aclosing(events):
        async for event in events:
            context.told()
            yield event


def _wanted(ids: Sequence[str] | None, kind: NodeKind) -> frozenset[int] | None:
    """The rows that were asked for; None for all.

    Raises:
        InvalidInput: One is not the id of such a record, or they are too many.
    """
    if ids is None:
        return None
    if len(ids) > MAX_WATCHED:
        raise InvalidInput(
            f"{len(ids)} ids were given; at most {MAX_WATCHED} fit. Without any, all are told."
        )
    return frozenset(decode_node_id(node_id, expected=kind)[1] for node_id in ids)
