"""The rows that reads give back: asyncpg's own records with attribute access, one class a table.

Records are read-only and never copied into other objects; the class tells the GraphQL schema which
type a row is. A row has the columns its statement selected, no more.
"""

from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID


class Row(asyncpg.Record):
    """A row whose columns can be read as attributes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class ContactRow(Row):
    """A row of `contacts`."""

    if TYPE_CHECKING:
        id: int
        uuid: UUID
        version: int
        first_name: str | None
        last_name: str | None
        full_name: str | None
        email: str | None
        company_id: int | None
        owner_id: int | None
        created_at: datetime
        deleted_at: datetime | None
        merged_into_id: int | None


class CompanyRow(Row):
    """A row of `companies`."""

    if TYPE_CHECKING:
        id: int
        uuid: UUID
        version: int
        name: str | None
        domain: str | None
        employees_count: int | None
        parent_id: int | None
        owner_id: int | None
        last_raised_at: date | None
        created_at: datetime
        deleted_at: datetime | None


class MetadataRow(Row):
    """A row of `contact_metadata`."""

    if TYPE_CHECKING:
        contact_id: int
        custom_fields: str


class EmailRow(Row):
    """A row of `contact_emails`."""

    if TYPE_CHECKING:
        id: int
        contact_id: int
        address: str
        is_primary: bool


class PhoneRow(Row):
    """A row of `contact_phones`."""

    if TYPE_CHECKING:
        id: int
        contact_id: int
        number: str


class ActivityRow(Row):
    """A row of `activities`."""

    if TYPE_CHECKING:
        id: int
        contact_id: int
        actor_id: int | None


class SuppressionRow(Row):
    """A row of `suppressions` without its hash, and the user who made it."""

    if TYPE_CHECKING:
        id: int
        kind: str
        reason: str | None
        creator_id: int | None
        created_at: datetime


class MergeRow(Row):
    """A row of `contact_merges`, without what it takes to undo it."""

    if TYPE_CHECKING:
        id: int
        uuid: UUID
        survivor_id: int
        loser_ids: list[int]
        merger_id: int | None
        created_at: datetime
        undone_at: datetime | None


class UserRow(Row):
    """A row of `users`."""

    if TYPE_CHECKING:
        id: int
        uuid: UUID
        email: str
        name: str | None
        role: str
        is_active: bool
        last_active_at: datetime | None
        tokens_valid_from: datetime | None


class SecretRow(Row):
    """A row with what nobody is to see, in no log either."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class CredentialsRow(SecretRow):
    """What a row of `users` is let in by."""

    if TYPE_CHECKING:
        id: int
        uuid: UUID
        email: str
        is_active: bool
        password_hash: str | None


class SessionRow(Row):
    """A row of `sessions`."""

    if TYPE_CHECKING:
        uuid: UUID
        user_uuid: UUID
        expires_at: datetime


class ApiTokenRow(Row):
    """A row of `api_tokens` without its hash."""

    if TYPE_CHECKING:
        id: int
        user_uuid: UUID
        prefix: str
        name: str
        scopes: list[str]
        created_at: datetime
        expires_at: datetime | None
        last_used_at: datetime | None
        revoked_at: datetime | None


class AvatarRow(Row):
    """The picture of a row of `avatars`."""

    if TYPE_CHECKING:
        content: bytes
        media_type: str
        etag: str


class JobRow(Row):
    """A row of `jobs`."""

    if TYPE_CHECKING:
        id: int
        uuid: UUID
        kind: str
        version: int
        payload: dict[str, Any]
        queue: str
        priority: int
        user_uuid: UUID | None
        status: str
        total: int | None
        done: int
        progress: float
        counters: dict[str, int]
        result: dict[str, Any] | None
        attempts: int
        max_attempts: int
        error_code: str | None
        error: str | None
        revision: int
        locked_by: UUID | None
        created_at: datetime
        updated_at: datetime
        started_at: datetime | None
        finished_at: datetime | None


class ImportErrorRow(Row):
    """A row of `import_errors`."""

    if TYPE_CHECKING:
        id: int
        job_id: int
        line: int
        code: str
        severity: str
        message: str
        column: str
        field: str
        raw: str
        suggestion: str


class UploadRow(Row):
    """A row of `uploads`."""

    if TYPE_CHECKING:
        id: int
        uuid: UUID
        user_uuid: UUID | None
        kind: str
        filename: str
        media_type: str
        metadata: str | None
        total_bytes: int
        sha256: str | None
        created_at: datetime
        finished_at: datetime | None
        expires_at: datetime
