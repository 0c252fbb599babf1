"""Files that users send: what they are for, how large they may be, in which pieces to send them."""

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from domain.enums import DescribedEnum

MIN_CHUNK_BYTES: Final = 64 * 2**10
MAX_CHUNK_BYTES: Final = 16 * 2**20


class UploadKind(DescribedEnum):
    """What a file is for."""

    CONTACTS = "contacts", "A CSV file of contacts, for an import."
    COMPANIES = "companies", "A CSV file of companies, for an import."
    AVATAR = "avatar", "A picture of the user who sends it."


class UploadState(DescribedEnum):
    """How far a file is."""

    RECEIVING = "RECEIVING", "Bytes are still missing."
    COMPLETE = "COMPLETE", "All of it is here, and `sha256` says what it is."


@dataclass(frozen=True, kw_only=True)
class NewUpload:
    """A file that is going to be sent.

    Attributes:
        owner: None for the server's own: a file that is loaded from its disk.
        filename: What the client calls it: shown to people, never a path.
        media_type: What the client takes it for.
        total_bytes: How long it is going to be.
        metadata: What a client of tus says of it, letter by letter; None from others.
    """

    uuid: UUID
    owner: UUID | None
    kind: UploadKind
    filename: str
    media_type: str
    total_bytes: int
    metadata: str | None = None


NetworkCondition = Literal["fast", "normal", "slow"]
