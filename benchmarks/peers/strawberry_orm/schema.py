"""The part of Appointment360's schema that the operations need."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import strawberry
from aiodataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import Info

from benchmarks.peers.strawberry_orm import tables
from benchmarks.peers.strawberry_orm.tables import Sessions


class Loaders:
    """The DataLoaders of one request."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.companies = DataLoader[int, Any](self._companies)
        self.contacts = DataLoader[tuple[int, int], Any](self._contacts)

    async def _companies(self, ids: list[int]) -> list[tables.Company | None]:
        return await tables.read_companies_by_id(self.sessions, ids)

    async def _contacts(self, keys: list[tuple[int, int]]) -> list[list[tables.Contact]]:
        """For companies with how many contacts each wants: all the same number."""
        company_ids = [company_id for company_id, _ in keys]
        return await tables.read_contacts_by_company(self.sessions, company_ids, keys[0][1])


Asked = Info[Loaders, None]


@strawberry.type
class PageInfo:
    """Where a page stands."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Contact:
    """A contact; the object is a row of the ORM."""

    id: strawberry.ID
    full_name: str | None
    title: str | None
    email: str | None
    email_status: str | None
    created_at: datetime

    @strawberry.field
    async def company(self: Any, info: Asked) -> "Company | None":
        """The company, if it has one."""
        if self.company_id is None:
            return None
        return cast("Company | None", await info.context.companies.load(self.company_id))


@strawberry.type
class ContactEdge:
    """A contact in a page."""

    cursor: str
    node: Contact


@strawberry.type
class ContactConnection:
    """A page of contacts."""

    edges: list[ContactEdge]
    nodes: list[Contact]
    page_info: PageInfo


@strawberry.type
class Company:
    """A company; the object is a row of the ORM."""

    id: strawberry.ID
    name: str | None
    industries: list[str]
    domain: str | None
    employees_count: int | None

    @strawberry.field
    async def contacts(self: Any, info: Asked, first: int) -> ContactConnection:
        """Its newest contacts."""
        rows = await info.context.contacts.load((self.id, first + 1))
        return _page(rows, first)


@strawberry.type
class CompanyConnection:
    """A page of companies."""

    nodes: list[Company]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    async def contacts(self, info: Asked, first: int) -> ContactConnection:
        """The newest contacts."""
        return _page(await tables.read_contacts(info.context.sessions, first + 1), first)

    @strawberry.field
    async def contact(self, info: Asked, id: strawberry.ID) -> Contact | None:
        """One contact."""
        row = await tables.read_contact(info.context.sessions, int(id))
        return cast("Contact | None", row)

    @strawberry.field
    async def companies(self, info: Asked, first: int) -> CompanyConnection:
        """The newest companies."""
        rows: Any = await tables.read_companies(info.context.sessions, first)
        return CompanyConnection(nodes=rows)


def _page(rows: Sequence[Any], first: int) -> ContactConnection:
    nodes = list(rows[:first])
    edges = [ContactEdge(cursor=_cursor(node), node=node) for node in nodes]
    info = PageInfo(
        has_next_page=len(rows) > first,
        has_previous_page=False,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return ContactConnection(edges=edges, nodes=nodes, page_info=info)


def _cursor(row: tables.Contact) -> str:
    return urlsafe_b64encode(f"{row.created_at.isoformat()}:{row.id}".encode()).decode()


schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
