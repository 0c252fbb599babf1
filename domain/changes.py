"""Facts that a transaction records and tells after it is committed."""

from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    """What happened to a record."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"
    RESTORED = "RESTORED"
    MERGED = "MERGED"
    ERASED = "ERASED"


@dataclass(frozen=True, kw_only=True)
class ContactChanged:
    """One contact is no longer as it was.

    Attributes:
        company_ids: The companies it belonged to before and belongs to now.
    """

    kind: ChangeKind
    contact_id: int
    company_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class CompanyChanged:
    """One company is no longer as it was."""

    kind: ChangeKind
    company_id: int


@dataclass(frozen=True, kw_only=True)
class ContactsLoaded:
    """A batch of contacts was written at once."""

    rows: int


@dataclass(frozen=True, kw_only=True)
class CompaniesLoaded:
    """A batch of companies was written at once."""

    rows: int


Change = ContactChanged | CompanyChanged | ContactsLoaded | CompaniesLoaded
