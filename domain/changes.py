"""Facts that a transaction records and tells after it is committed, and how others are told."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from domain.enums import DescribedEnum
from domain.node_ids import NodeKind


class CommitOutcome(Enum):
    """What became of a transaction."""

    COMMITTED = auto()
    UNDONE = auto()
    UNKNOWN = auto()


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


def companies_of(*company_ids: int | None) -> frozenset[int]:
    """The companies that a contact belonged to or belongs to, for `ContactChanged`."""
    return frozenset(each for each in company_ids if each is not None)


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


@dataclass(frozen=True, kw_only=True)
class AvatarChanged:
    """A user has another picture, or none any more."""

    user_id: int


@dataclass(frozen=True, kw_only=True)
class UserChanged:
    """A user is called otherwise, or may do more or less than before."""

    user_id: int


Change = (
    ContactChanged | CompanyChanged | ContactsLoaded | CompaniesLoaded | AvatarChanged | UserChanged
)


class ChangeEventKind(DescribedEnum):
    """What a subscription tells about records."""

    READY = "READY", "From here on every change is told. Read what you show now."
    CREATED = "CREATED", "They were created."
    UPDATED = "UPDATED", "Their values changed."
    DELETED = "DELETED", "They were deleted; they can be restored."
    RESTORED = "RESTORED", "They are back: a deletion or a merge was undone."
    MERGED = "MERGED", "They became a part of another one."
    ERASED = "ERASED", "They were erased and will not come back."
    LOADED = (
        "LOADED",
        "Very many were written at once; which ones is not told. Read again what you show.",
    )
    MISSED = "MISSED", "Changes may have gone untold. Read again what you show."


@dataclass(frozen=True, kw_only=True)
class RecordsChanged:
    """One thing that happened to records of one kind in one transaction.

    Attributes:
        of: CONTACT or COMPANY.
        ids: None of them when they are too many to be told one by one.
    """

    kind: ChangeEventKind
    of: NodeKind
    ids: tuple[int, ...] = ()
