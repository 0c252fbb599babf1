"""What may be uploaded: by whom, how long files may be, and what they may be called."""

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Final

from domain.errors import InvalidInput, PayloadTooLarge
from domain.pictures import MAX_PICTURE_BYTES
from domain.uploads import NewUpload, UploadKind
from domain.viewer import Permission, Viewer

_MAX_FILENAME_CHARS: Final = 255
_UNKNOWN_TYPE: Final = "application/octet-stream"
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]{1,127}/[\w.+-]{1,127}", re.ASCII)
_FOLDERS: Final = re.compile(r"[/\\]")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, kw_only=True)
class UploadSettings:
    """What operators decide about uploads.

    Attributes:
        max_import_bytes: Of a file to import.
        max_upload_bytes: Of a file for anything else, unless that has a lower bound of its own.
        chunk_bytes: What is written at a time.
        ttl_seconds: How long a file waits for its rest, and then for its use.
        quota_bytes: Of all files of one user.
        most_unfinished: How many files one user may have begun at a time.
    """

    max_import_bytes: int = 2 * 2**30
    max_upload_bytes: int = 50 * 2**20
    chunk_bytes: int = 2**20
    ttl_seconds: float = 86_400.0
    quota_bytes: int = 10 * 2**30
    most_unfinished: int = 100

    def most_bytes(self, kind: UploadKind) -> int:
        """How long a file of a kind may be."""
        if kind is UploadKind.AVATAR:
            return min(MAX_PICTURE_BYTES, self.max_upload_bytes)
        return self.max_import_bytes


def require_may_send(viewer: Viewer, kind: UploadKind) -> None:
    """Refuse who may not send files of a kind; a picture of oneself is for everybody to send.

    Raises:
        Forbidden: They may not.
    """
    is_own = kind is UploadKind.AVATAR
    viewer.require(Permission.ACCOUNT if is_own else Permission.IMPORT)


def cleaned(new: NewUpload, settings: UploadSettings) -> NewUpload:
    """A file as it can be taken: its name is one to show, its length one that is allowed.

    Raises:
        InvalidInput: Its name, type or length cannot be used.
        PayloadTooLarge: It is longer than its kind may be.
    """
    if new.total_bytes < 1:
        raise InvalidInput("The file is empty. Send one that has bytes.", path="totalBytes")
    most = settings.most_bytes(new.kind)
    if new.total_bytes > most:
        raise PayloadTooLarge(
            f"The file has {new.total_bytes} bytes; {new.kind} may have {most}.",
            limit=most,
            path="totalBytes",
        )
    filename, media_type = clean_filename(new.filename), _clean_media_type(new.media_type)
    return replace(new, filename=filename, media_type=media_type)


def clean_filename(name: str) -> str:
    """The last part of what a client calls a file, without what nobody sees.

    Raises:
        InvalidInput: There is nothing to show, or too much.
    """
    last = unicodedata.normalize("NFC", _FOLDERS.split(name)[-1])
    shown = "".join(char for char in last if unicodedata.category(char) not in _UNSEEN).strip()
    if shown in {"", ".", ".."}:
        raise InvalidInput("Give the file a name, such as contacts.csv.", path="filename")
    if len(shown) > _MAX_FILENAME_CHARS:
        message = f"Give the file a name of at most {_MAX_FILENAME_CHARS} characters."
        raise InvalidInput(message, path="filename")
    return shown


def _clean_media_type(media_type: str) -> str:
    """The type alone, without parameters such as the charset."""
    kept = media_type.partition(";")[0].strip().lower() or _UNKNOWN_TYPE
    if not _MEDIA_TYPE.fullmatch(kept):
        message = "Give the file a media type such as text/csv, or none."
        raise InvalidInput(message, path="mediaType")
    return kept
