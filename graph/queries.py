"""The root fields that read."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, Protocol, TypeVar, cast

import strawberry

from db import companies, contacts
from db.entities import COMPANIES, CONTACTS, Entity
from db.rows import Row
from db.transaction import ReadSession
from domain.errors import InvalidInput
from domain.filters import Filter
from domain.node_ids import NodeKind, decode_node_id
from domain.paging import (
    NEWEST_COMPANIES,
    NEWEST_CONTACTS,
    Order,
    Page,
    PageRequest,
)
from domain.selection import Selection
from domain.viewer import Permission
from graph.accounts import AccountQueries, find_api_token
from graph.aggregates import AggregateQueries
from graph.arguments import (
    After,
    Before,
    CompaniesOrder,
    ContactsOrder,
    First,
    Last,
    Offset,
    WhichCompanies,
    WhichContacts,
)
from graph.background import BackgroundQueries
from graph.cache_admin import CacheQueries
from graph.caching import (
    CACHED_COMPANIES,
    CACHED_COMPANY,
    CACHED_CONTACT,
    CACHED_CONTACTS,
    CACHED_RECORD,
)
from graph.context import Context, Info
from graph.declare import cached, selecting
from graph.duplicates import DuplicateQueries
from graph.exports import ExportQueries
from graph.imports import ImportQueries, find_import_error
from graph.jobs import JobQueries, find_job
from graph.pages import Listing, PageArguments, page_request, tell_of_cap
from graph.permissions import Needed, needs
from graph.pool_health import PoolQueries
from graph.privacy import PrivacyQueries
from graph.types.connections import Connection
from graph.types.parts import Node, User
from graph.types.records import Company, Contact
from graph.uploads import UploadQueries, find_upload

R = TypeVar("R", bound=Row)
F = TypeVar("F", bound=Filter | None)
F_contra = TypeVar("F_contra", bound=Filter | None, contravariant=True)

MAX_NODES: Final = 1000

# To others it is as if they did not exist.
_NEEDED: Final[Mapping[NodeKind, Needed]] = {
    NodeKind.SUPPRESSION: (Permission.ADMIN,),
    NodeKind.UPLOAD: (Permission.IMPORT, Permission.ACCOUNT),
    NodeKind.API_TOKEN: (Permission.ACCOUNT,),
}
_FOR_OWNERS: Final[Mapping[NodeKind, Callable[[Context, int], Awaitable[Row | None]]]] = {
    NodeKind.JOB: find_job,
    NodeKind.UPLOAD: find_upload,
    NodeKind.IMPORT_ERROR: find_import_error,
    NodeKind.API_TOKEN: find_api_token,
}

_Id = Annotated[strawberry.ID, strawberry.argument(description="Its id.")]


@strawberry.type(description="Everything that can be read.")
class Query(
    AccountQueries,
    AggregateQueries,
    BackgroundQueries,
    CacheQueries,
    DuplicateQueries,
    ExportQueries,
    ImportQueries,
    JobQueries,
    PoolQueries,
    PrivacyQueries,
    UploadQueries,
):
    """The root of queries."""

    @strawberry.field(
        description="Anything by its id; null when there is no such thing.",
        metadata=cached(CACHED_RECORD),
    )
    async def node(self, info: Info, id: _Id) -> Node | None:
        """One row of any kind."""
        return cast("Node | None", await _load_node(info, id))

    @strawberry.field(description="Things by their ids, in their order, null where there is none.")
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids.")],
    ) -> list[Node | None]:
        """Rows of any kinds, a statement a kind."""
        if len(ids) > MAX_NODES:
            raise InvalidInput(f"{len(ids)} ids were given; at most {MAX_NODES} fit.")
        rows = await asyncio.gather(*(_load_node(info, node_id) for node_id in ids))
        return cast("list[Node | None]", rows)

    @strawberry.field(
        description="The user whose token came with the request.", metadata=needs(*Permission)
    )
    async def viewer(self, info: Info) -> User:
        """The viewer's row."""
        return cast("User", await info.context.viewer_row())

    @selecting("contacts", "A contact by its id; null when there is none.", cached=CACHED_CONTACT)
    async def contact(self, info: Info, id: _Id) -> Contact | None:
        """One contact."""
        _, row_id = decode_node_id(id, expected=NodeKind.CONTACT)
        if info.is_alone:
            return cast("Contact | None", await _load_row(info, contacts.load_contacts, row_id))
        loader = info.context.loaders.contact_with(info.selection)
        return cast("Contact | None", await loader.load(row_id))

    @selecting("companies", "A company by its id; null when there is none.", cached=CACHED_COMPANY)
    async def company(self, info: Info, id: _Id) -> Company | None:
        """One company."""
        _, row_id = decode_node_id(id, expected=NodeKind.COMPANY)
        if info.is_alone:
            return cast("Company | None", await _load_row(info, companies.load_companies, row_id))
        loader = info.context.loaders.company_with(info.selection)
        return cast("Company | None", await loader.load(row_id))

    @selecting("contacts", "Contacts, the newest first by default.", cached=CACHED_CONTACTS)
    async def contacts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        offset: Offset = None,
        filter: WhichContacts = None,
        order_by: ContactsOrder = None,
    ) -> Connection[Contact]:
        """One page of contacts."""
        order = NEWEST_CONTACTS if order_by is None else tuple(order_by)
        arguments = PageArguments(first, after, last, before, offset)
        return cast(
            "Connection[Contact]", await _list(info, _CONTACT_LIST, arguments, order, filter)
        )

    @selecting("companies", "Companies, the newest first by default.", cached=CACHED_COMPANIES)
    async def companies(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        offset: Offset = None,
        filter: WhichCompanies = None,
        order_by: CompaniesOrder = None,
    ) -> Connection[Company]:
        """One page of companies."""
        order = NEWEST_COMPANIES if order_by is None else tuple(order_by)
        arguments = PageArguments(first, after, last, before, offset)
        return cast(
            "Connection[Company]", await _list(info, _COMPANY_LIST, arguments, order, filter)
        )


class _ReadPage(Protocol[R, F_contra]):
    """Reads a page of a list, with the part that is wanted of its rows."""

    def __call__(
        self,
        session: ReadSession,
        request: PageRequest,
        filter_: F_contra,
        *,
        selection: Selection | None,
    ) -> Awaitable[Page[R]]:
        """The page."""


@dataclass(frozen=True)
class _ListReads(Generic[R, F]):
    """What reads a list of one kind, and what is around its pages."""

    entity: Entity[R]
    page: _ReadPage[R, F]
    count: Callable[[ReadSession, F], Awaitable[int]]
    behind: Callable[[ReadSession, PageRequest, F], Awaitable[bool]]


_CONTACT_LIST: Final = _ListReads(
    CONTACTS, contacts.list_contacts, contacts.count_contacts, contacts.contacts_behind
)
_COMPANY_LIST: Final = _ListReads(
    COMPANIES, companies.list_companies, companies.count_companies, companies.companies_behind
)


async def _list(
    info: Info,
    reads: _ListReads[R, F],
    arguments: PageArguments,
    order: tuple[Order, ...],
    filter_: F,
) -> Listing[R]:
    request = page_request(info, arguments, order)
    run = info.context.reads.run
    page = await run(reads.page, request, filter_, selection=info.selection)
    tell_of_cap(info, page)
    return Listing(
        reads.entity,
        page,
        count=lambda: run(reads.count, filter_),
        behind=lambda: run(reads.behind, request, filter_),
        write_cursor=info.context.cursors.writer(order),
    )


class _LoadRows(Protocol):
    """Reads rows by id, with the part that is wanted of them."""

    def __call__(
        self, session: ReadSession, row_ids: Sequence[int], /, *, selection: Selection | None
    ) -> Awaitable[Sequence[Row | None]]:
        """The rows in the order of the ids."""


async def _load_row(info: Info, load: _LoadRows, row_id: int) -> Row | None:
    """A row that nobody else of the operation asks for, without the turns that a loader waits."""
    (row,) = await info.context.reads.run(load, [row_id], selection=info.selection)
    return row


async def _load_node(info: Info, node_id: str) -> Row | None:
    kind, row_id = decode_node_id(node_id)
    needed = _NEEDED.get(kind)
    if needed and info.context.require_viewer().permissions.isdisjoint(needed):
        return None
    if kind in _FOR_OWNERS:
        return await _FOR_OWNERS[kind](info.context, row_id)
    row: Row | None = await info.context.loaders.node_by_id(kind).load(row_id)
    return row
