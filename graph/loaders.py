"""The loaders of one request: each turns the loads of a moment into one statement.

A loader is named for what it gives and the key it takes. Its batch opens one short read of its own,
so the loaders of a request can run side by side.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar

from aiodataloader import DataLoader

from db import (
    api_tokens,
    belongings,
    companies,
    contacts,
    import_errors,
    jobs,
    merges,
    suppressions,
    uploads,
    users,
)
from db.group_rows import Groups, groups_with_rows_behind, list_rows_of_groups
from db.rows import CompanyRow, ContactRow, Row
from db.transaction import ReadSession
from domain.filters import ContactFilter
from domain.node_ids import NodeKind
from domain.paging import Page, PageRequest
from domain.selection import Selection
from graph.reads import NewReads, Reads

R = TypeVar("R", bound=Row)
V = TypeVar("V")

Batch = Callable[[ReadSession, Sequence[int]], Awaitable[list[V]]]

Place = tuple[str, ...]
"""Where a field stands in an operation without positions in lists: its arguments are one there."""


class _Loaded(Generic[V]):
    """A loader of a request, made when it is first used: few requests use more than two."""

    def __init__(self, load: Batch[V]) -> None:
        self._load = load

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, loaders: "Loaders", _owner: type) -> DataLoader[int, V]:
        # Kept under its own name, where Python finds it from now on without asking here.
        made = loaders.__dict__[self._name] = loaders.make(self._load)
        return made


class Loaders:
    """All loaders of a request."""

    contact_by_id = _Loaded(contacts.load_contacts)
    company_by_id = _Loaded(companies.load_companies)
    user_by_id = _Loaded(users.load_users)
    emails_by_contact = _Loaded(belongings.load_emails)
    phones_by_contact = _Loaded(belongings.load_phones)
    metadata_by_contact = _Loaded(belongings.load_metadata)
    activities_by_contact = _Loaded(belongings.load_activities)
    email_by_id = _Loaded(belongings.load_emails_by_id)
    phone_by_id = _Loaded(belongings.load_phones_by_id)
    activity_by_id = _Loaded(belongings.load_activities_by_id)
    merge_by_id = _Loaded(merges.load_merges)
    suppression_by_id = _Loaded(suppressions.load_suppressions)
    job_by_id = _Loaded(jobs.load_jobs)
    upload_by_id = _Loaded(uploads.load_uploads)
    import_error_by_id = _Loaded(import_errors.load_import_errors)
    api_token_by_id = _Loaded(api_tokens.load_api_tokens)
    survivor_by_contact = _Loaded(merges.load_survivors)
    contact_count_by_company = _Loaded(contacts.count_contacts_of_companies)

    def __init__(self, reads: Reads | NewReads) -> None:
        self._reads = reads
        self._by_place: dict[Hashable, DataLoader[int, Any]] = {}

    def node_by_id(self, kind: NodeKind) -> DataLoader[int, Any]:
        """The rows that opaque ids of a kind name."""
        loader: DataLoader[int, Any] = getattr(self, _OF_KIND[kind])
        return loader

    def contact_with(self, selection: Selection | None) -> DataLoader[int, ContactRow | None]:
        """Contacts by id, with the part of them that is wanted."""
        if selection is None:
            return self.contact_by_id
        return self._at(
            ("contact", selection), partial(contacts.load_contacts, selection=selection)
        )

    def company_with(self, selection: Selection | None) -> DataLoader[int, CompanyRow | None]:
        """Companies by id, with the part of them that is wanted."""
        if selection is None:
            return self.company_by_id
        load = partial(companies.load_companies, selection=selection)
        return self._at(("company", selection), load)

    def contact_page_by_company(
        self,
        place: Place,
        request: PageRequest,
        filter_: ContactFilter | None,
        *,
        selection: Selection | None = None,
    ) -> DataLoader[int, Page[ContactRow]]:
        """Pages of the contacts of companies, for one field of the operation."""

        async def load(session: ReadSession, keys: Sequence[int]) -> list[Page[ContactRow]]:
            return await contacts.list_contacts_of_companies(
                session, keys, request=request, filter_=filter_, selection=selection
            )

        return self._at(("page", place, selection), load)

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

    def make(self, load: Batch[V]) -> DataLoader[int, V]:
        """A loader of this request for a function of `db`."""
        # The batch must not know the loaders: in a circle the rows of every request would stay
        # until the garbage collector comes, and new ones go where no cache has been yet.
        reads = self._reads

        async def load_batch(keys: list[int]) -> list[V]:
            return await reads.run(load, keys)

        return DataLoader(load_batch)

    def _at(self, key: Hashable, load: Batch[V]) -> DataLoader[int, V]:
        if key not in self._by_place:
            self._by_place[key] = self.make(load)
        return self._by_place[key]


_OF_KIND: Final[Mapping[NodeKind, str]] = {
    NodeKind.CONTACT: "contact_by_id",
    NodeKind.COMPANY: "company_by_id",
    NodeKind.USER: "user_by_id",
    NodeKind.CONTACT_EMAIL: "email_by_id",
    NodeKind.CONTACT_PHONE: "phone_by_id",
    NodeKind.ACTIVITY: "activity_by_id",
    NodeKind.MERGE: "merge_by_id",
    NodeKind.SUPPRESSION: "suppression_by_id",
    NodeKind.JOB: "job_by_id",
    NodeKind.UPLOAD: "upload_by_id",
    NodeKind.IMPORT_ERROR: "import_error_by_id",
    NodeKind.API_TOKEN: "api_token_by_id",
}
