"""The loaders of one request: each turns the loads of a moment into one statement.

A loader is named for what it gives and the key it takes. Its batch opens one short read of its own,
so the loaders of a request can run side by side.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from aiodataloader import DataLoader

from db import belongings, companies, contacts, merges, suppressions, users
from db.group_rows import Groups, groups_with_rows_behind, list_rows_of_groups
from db.rows import ContactRow, Row
from db.transaction import ReadSession
from domain.filters import ContactFilter
from domain.node_ids import NodeKind
from domain.paging import Page, PageRequest
from graph.reads import Reads

R = TypeVar("R", bound=Row)
V = TypeVar("V")

Batch = Callable[[ReadSession, Sequence[int]], Awaitable[list[V]]]

Place = tuple[str, ...]
"""Where a field stands in an operation without positions in lists: its arguments are one there."""


class Loaders:
    """All loaders of a request."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._by_place: dict[tuple[str, Place], DataLoader[int, Any]] = {}
        self.contact_by_id = self._loader(contacts.load_contacts)
        self.company_by_id = self._loader(companies.load_companies)
        self.user_by_id = self._loader(users.load_users)
        self.emails_by_contact = self._loader(belongings.load_emails)
        self.phones_by_contact = self._loader(belongings.load_phones)
        self.metadata_by_contact = self._loader(belongings.load_metadata)
        self.activities_by_contact = self._loader(belongings.load_activities)
        self.node_by_id: Mapping[NodeKind, DataLoader[int, Any]] = {
            NodeKind.CONTACT: self.contact_by_id,
            NodeKind.COMPANY: self.company_by_id,
            NodeKind.USER: self.user_by_id,
            NodeKind.CONTACT_EMAIL: self._loader(belongings.load_emails_by_id),
            NodeKind.CONTACT_PHONE: self._loader(belongings.load_phones_by_id),
            NodeKind.ACTIVITY: self._loader(belongings.load_activities_by_id),
            NodeKind.MERGE: self._loader(merges.load_merges),
            NodeKind.SUPPRESSION: self._loader(suppressions.load_suppressions),
        }
        self.survivor_by_contact = self._loader(merges.load_survivors)
        self.contact_count_by_company = self._loader(contacts.count_contacts_of_companies)

    def contact_page_by_company(
        self, place: Place, request: PageRequest, filter_: ContactFilter | None
    ) -> DataLoader[int, Page[ContactRow]]:
        """Pages of the contacts of companies, for one field of the operation."""

        async def load(session: ReadSession, keys: Sequence[int]) -> list[Page[ContactRow]]:
            return await contacts.list_contacts_of_companies(
                session, keys, request=request, filter_=filter_
            )

        return self._at(("page", place), load)

    def contact_total_by_company(
        self, place: Place, filter_: ContactFilter | None
    ) -> DataLoader[int, int]:
        """Counts of the contacts of companies, for one field of the operation."""

        async def load(session: ReadSession, keys: Sequence[int]) -> list[int]:
            return await contacts.count_contacts_of_companies(session, keys, filter_=filter_)

        return self._at(("total", place), load)

    def contacts_behind_by_company(
        self, place: Place, request: PageRequest, filter_: ContactFilter | None
    ) -> DataLoader[int, bool]:
        """Whether companies have contacts behind the cursor, for one field of the operation."""

        async def load(session: ReadSession, keys: Sequence[int]) -> list[bool]:
            return await contacts.companies_with_contacts_behind(
                session, keys, request=request, filter_=filter_
            )

        return self._at(("behind", place), load)

    def page_by_group(
        self, place: Place, groups: Groups[R], request: PageRequest
    ) -> DataLoader[int, Page[R]]:
        """Pages of the rows of groups by their place, for one field of the operation."""

        async def load(session: ReadSession, keys: Sequence[int]) -> list[Page[R]]:
            return await list_rows_of_groups(session, groups, keys, request=request)

        return self._at(("page", place), load)

    def behind_by_group(
        self, place: Place, groups: Groups[R], request: PageRequest
    ) -> DataLoader[int, bool]:
        """Whether groups have rows behind the cursor, for one field of the operation."""

        async def load(session: ReadSession, keys: Sequence[int]) -> list[bool]:
            return await groups_with_rows_behind(session, groups, keys, request=request)

        return self._at(("behind", place), load)

    def _at(self, key: tuple[str, Place], load: Batch[V]) -> DataLoader[int, V]:
        if key not in self._by_place:
            self._by_place[key] = self._loader(load)
        return self._by_place[key]

    def _loader(self, load: Batch[V]) -> DataLoader[int, V]:
        async def load_batch(keys: list[int]) -> list[V]:
            return await self._reads.run(load, keys)

        return DataLoader(load_batch)
