"""What resolvers share during one request."""

import asyncio
from collections.abc import Callable, Coroutine
from copy import copy
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from graphql import GraphQLResolveInfo

from access.accounts import Accounts
from cache.query_cache import QueryCache
from cache.warming import Warming
from db.replica import Replica
from db.rows import UserRow
from db.transaction import Database
from db.users import find_user
from domain.accounts import Client
from domain.background import Background
from domain.enums import Role
from domain.errors import FeatureDisabled, Unauthenticated
from domain.normalize import PLACEHOLDER_VALUE
from domain.paging import CursorCodec
from domain.selection import Selection
from domain.uploads import NetworkCondition
from domain.viewer import Viewer
from graph.feeds import Feeds
from graph.fetches import Fetches
from graph.lengths import PageSizes
from graph.loaders import Loaders, Place
from graph.observing import OperationObserver
from graph.prices import Bill, Cost
from graph.reads import NewReads, Reads
from streaming.exporting import ExportSettings
from streaming.uploads import Uploads

T = TypeVar("T")


@dataclass(kw_only=True)
class Context:
    """One request.

    Attributes:
        viewer: None when the request carries no token; then only introspection runs.
        undo_seconds: How long a merge can be undone.
        background: Takes what shall run beside the requests; add to it after COMMIT.
        replica: Where queries are read when it is fit for it.
        feeds: What subscriptions are fed from.
        cache: Keeps answers of root fields; None where none are kept.
        warming: Fills the cache by name.
        exports: How exports are made; None where none are.
        uploads: The files that users send; None where none are taken.
        accounts: Lets users in; None where nobody comes in.
        client: Tells from where the request comes.
        network: How the client says that it is connected.
        placeholder: What a cell of a file says that has no value.
        signed_link: Makes an address, and how many seconds it shall be good, into one that the
            viewer's browser can follow without a header; None where nothing is downloaded.
        idempotency_key: What came as a header, for the one mutation of the request.
        deadline: When the request is given up, in the time of the event loop.
        bypasses_cache: The client wants nothing that was kept.
        is_debugged: An admin wants to know where the answer came from.
        execution: How the operation was executed, for `extensions` of such an answer.
        notices: What the client should know about how its request was taken.
        hints: What the client could do better.
        fetches: What the cache did.
        bill: What the answer costs.
        cost: What is told of that; None where it is not counted.
        pool_critical_wait_seconds: What average wait for a connection makes the pool critical.
        transport: What carries the operation, as `OperationRun` names it.
        observe: Is told the operation, and each of its events, before everybody else who is.
    """

    database: Database
    cursors: CursorCodec
    page_sizes: PageSizes
    viewer: Viewer | None
    undo_seconds: float
    background: Background
    replica: Replica | None = None
    feeds: Feeds | None = None
    cache: QueryCache | None = None
    warming: Warming | None = None
    exports: ExportSettings | None = None
    uploads: Uploads | None = None
    accounts: Accounts | None = None
    client: Callable[[], Client] = Client
    network: NetworkCondition = "normal"
    placeholder: str = PLACEHOLDER_VALUE
    signed_link: Callable[[str, float], str] | None = None
    idempotency_key: str | None = None
    deadline: float = inf
    bypasses_cache: bool = False
    is_debugged: bool = False
    execution: dict[str, object] | None = None
    notices: list[dict[str, object]] = field(default_factory=list)
    hints: list[dict[str, object]] = field(default_factory=list)
    fetches: Fetches = field(default_factory=Fetches)
    bill: Bill = field(default_factory=Bill)
    cost: Cost | None = None
    pool_critical_wait_seconds: float = 1.0
    transport: str = ""
    observe: OperationObserver | None = None
    reads: Reads = field(init=False)
    loaders: Loaders = field(init=False)
    _new: tuple[NewReads, Loaders] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.reads = Reads(self.database, replica=self.replica, user=self.asker)
        self.loaders = Loaders(self.reads)

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """What work of a mutation gives, done to its end even when nobody waits any more.

        Whatever it shows the viewer, their later requests do not show less; and the next field of
        the operation reads anew.
        """
        if self.replica is not None and self.viewer is not None:
            work = self.replica.shown_to(self.viewer.user_uuid, work)
        try:
            return await self.database.finish(work)
        finally:
            self.forget_what_was_read()

    def told(self) -> None:
        """The viewer is about to be told of a change: their later requests show no less."""
        if self.replica is not None and self.viewer is not None:
            self.replica.told(self.viewer.user_uuid)

    def forget_what_was_read(self) -> None:
        """Read anew from here on."""
        self.loaders = Loaders(self.reads)

    def apart(self) -> "Context":
        """The same request for a field that will be kept: what it is shown is read from now on.

        Whoever changes something after the cache was asked makes what is loaded out of date. Rows
        that a loader of the request has read before could be older than that without being noticed.
        """
        if self._new is None or self._new[0].have_begun:
            reads = NewReads(self.reads)
            self._new = (reads, Loaders(reads))
        apart = copy(self)
        apart.loaders = self._new[1]
        apart.cache, apart.notices, apart.hints = None, [], []
        return apart

    def seconds_left(self) -> float:
        """How long the request may still take; never 0, which PostgreSQL reads as for ever."""
        return max(0.1, self.deadline - asyncio.get_running_loop().time())

    def tell(self, code: str, place: Place, **facts: object) -> None:
        """Let the client know something about a field of its operation, once."""
        _add_once(self.notices, {"code": code, "path": list(place), **facts})

    def suggest(self, code: str, place: Place, **facts: object) -> None:
        """Let the client know of a better way to what a field gives, once."""
        _add_once(self.hints, {"code": code, "path": list(place), **facts})

    def require_uploads(self) -> Uploads:
        """The files that users send.

        Raises:
            FeatureDisabled: This process takes none.
        """
        if self.uploads is None:
            raise FeatureDisabled("This server takes no files.")
        return self.uploads

    def require_accounts(self) -> Accounts:
        """What lets users in.

        Raises:
            FeatureDisabled: This process lets nobody in.
        """
        if self.accounts is None:
            raise FeatureDisabled("Nobody comes in here.")
        return self.accounts

    @property
    def asker(self) -> UUID | None:
        """The user who asks; None when nobody knows."""
        return None if self.viewer is None else self.viewer.user_uuid

    @property
    def sees_all(self) -> bool:
        """Whether who asks sees imports of everybody."""
        return self.viewer is not None and self.viewer.sees_all

    def shows_what_is_of(self, owner: UUID | None) -> bool:
        """Whether what belongs to a user is for the viewer to see: it is theirs, or they are admin.

        Args:
            owner: None for what is the server's own.
        """
        return self.has_role(Role.ADMIN) or (owner is not None and owner == self.asker)

    def require_viewer(self) -> Viewer:
        """The viewer, who may do what the field needs: that was checked before.

        Raises:
            Unauthenticated: There is none.
        """
        if self.viewer is None:
            raise no_token()
        return self.viewer

    def has_role(self, role: Role) -> bool:
        """Whether there is a viewer with at least this role."""
        return self.viewer is not None and self.viewer.role.includes(role)

    async def viewer_row(self) -> UserRow:
        """The viewer's own row.

        Raises:
            Unauthenticated: The user no longer exists.
        """
        viewer = self.require_viewer()
        row = await self.reads.run(find_user, viewer.user_uuid)
        if row is None and self.reads.from_replica:
            # A user who is newer than what the replica has must not be sent away.
            self.reads.use_primary()
            row = await self.reads.run(find_user, viewer.user_uuid)
        if row is None or not row.is_active:
            raise Unauthenticated("The user of this token does not exist any more.")
        return row


class Info(strawberry.Info[Context, Any]):
    """What a resolver is told about its field.

    Attributes:
        selection: The part that is wanted of the rows the field gives; None for all of them.
        is_alone: No other field of the operation can be asked at the same time.
    """

    selection: Selection | None = None
    is_alone: bool = False

    @property
    def raw(self) -> GraphQLResolveInfo[Context]:
        """The same as graphql-core tells it, for which Strawberry has no public name."""
        return self._raw_info


def no_token() -> Unauthenticated:
    """The error of a request that has to say who sends it."""
    return Unauthenticated("Send a token in the header `Authorization: Bearer …`.")


def place_of(info: Info | GraphQLResolveInfo[Any]) -> Place:
    """Where the field stands in the operation, without positions in lists."""
    return tuple(key for key in info.path.as_list() if isinstance(key, str))


def _add_once(told: list[dict[str, object]], item: dict[str, object]) -> None:
    if item not in told:
        told.append(item)
