"""Groups of records that may be about the same person or company."""

from typing import Any

import strawberry

from domain.duplicates import MAX_SHOWN
from domain.enums import CompanyMatchKey, ContactMatchKey
from graph.context import Info
from graph.declare import column
from graph.types.records import Company, Contact

_FIRST = f"The first {MAX_SHOWN} of them by id."


async def _contacts(root: strawberry.Parent[Any], info: Info) -> Any:
    found = await info.context.loaders.contact_by_id.load_many(root.ids)
    return [contact for contact in found if contact is not None]


async def _companies(root: strawberry.Parent[Any], info: Info) -> Any:
    found = await info.context.loaders.company_by_id.load_many(root.ids)
    return [company for company in found if company is not None]


@strawberry.type
class _Group:
    value: str = column("What they share.")
    is_suggestion: bool = column(
        "Whether different ones may share it: look at them before you merge."
    )
    count: int = column("How many they are.")


@strawberry.type(description="Contacts that may be the same person.")
class DuplicateGroup(_Group):
    """A `db.duplicates.DuplicateGroup` of contacts."""

    match_key: ContactMatchKey = column("The key by which they were found.")
    contacts: list[Contact] = strawberry.field(resolver=_contacts, description=_FIRST)


@strawberry.type(description="Companies that may be the same.")
class CompanyDuplicateGroup(_Group):
    """A `db.duplicates.DuplicateGroup` of companies."""

    match_key: CompanyMatchKey = column("The key by which they were found.")
    companies: list[Company] = strawberry.field(resolver=_companies, description=_FIRST)
