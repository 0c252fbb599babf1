"""Stored documents: files that requests name instead of sending their text.

All of them are read when the server starts, so one that no longer fits the schema stops the start
and not a client.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphql import GraphQLSchema

from domain.errors import InvalidInput
from graph.document import Document
from graph.documents import InvalidDocument, read_document
from streaming.strict_json import parse_json

_APOLLO: Final = "apollo-persisted-query-manifest"


class StoredDocumentsError(Exception):
    """Stored documents cannot be used; the message has a line for each mistake, with its place."""


@dataclass(frozen=True)
class _Stored:
    """A document as it lies in a folder.

    Attributes:
        path: The file.
        name: What the file calls it.
        is_listed: Whether it is one of a manifest's, rather than a file of its own.
    """

    path: Path
    name: str
    content: bytes
    is_listed: bool = False

    @property
    def sha256(self) -> str:
        """Of the text, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    def place(self, line: int | None) -> str:
        """Where it stands, the way compilers tell it."""
        if self.is_listed:
            return f"{self.path}: {self.name}" + ("" if line is None else f", line {line}")
        return str(self.path) if line is None else f"{self.path}:{line}"


def read_stored_documents(folder: Path, schema: GraphQLSchema) -> dict[str, Document]:
    """The documents in the files `*.graphql` and the manifests `*.json` of a folder.

    Each is known by the SHA-256 of its text in hexadecimal. A file is known by its name without the
    suffix, and by the name of its operation when it has one alone; one of a manifest by its id.

    Raises:
        StoredDocumentsError: The folder or a file cannot be read, a document does not fit the
            schema, or two have the same name.
    """
    if not folder.is_dir():
        raise StoredDocumentsError(f"DOCUMENTS_DIR: there is no folder {folder}.")
    shelf, mistakes = _Shelf(schema), []
    for path in sorted([*folder.glob("*.graphql"), *folder.glob("*.json")]):
        try:
            stored = _listed(path) if path.suffix == ".json" else [_alone(path)]
        except StoredDocumentsError as error:
            mistakes.append(str(error))
            continue
        for each in stored:
            try:
                shelf.put(each)
            except StoredDocumentsError as error:
                mistakes.append(str(error))
    if mistakes:
        raise StoredDocumentsError("\n".join(mistakes))
    return shelf.documents


class _Shelf:
    """Documents by what they are known by, each name for one alone."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.documents: dict[str, Document] = {}
        self._schema = schema
        self._owners: dict[str, _Stored] = {}

    def put(self, stored: _Stored) -> None:
        """Add a document."""
        document = self.documents.get(stored.sha256) or _read(stored, self._schema)
        self.documents[stored.sha256] = document
        for name in _names(stored, document):
            other = self._owners.setdefault(name, stored)
            if not _may_share(other, stored):
                raise StoredDocumentsError(
                    f"{stored.place(None)}: {other.path.name} is known as {name!r} too. "
                    "Rename one of them."
                )
            self.documents[name] = document


def _alone(path: Path) -> _Stored:
    return _Stored(path, path.stem, _content(path))


def _listed(path: Path) -> list[_Stored]:
    """The documents of a manifest: ids with their texts, or Apollo's list of operations."""
    try:
        manifest = parse_json("The manifest", _content(path))
    except InvalidInput as error:
        raise StoredDocumentsError(f"{path}: {error.message}") from None
    if not isinstance(manifest, dict):
        raise StoredDocumentsError(f"{path}: The manifest is not a JSON object of ids and texts.")
    pairs = _operations(manifest) if manifest.get("format") == _APOLLO else [*manifest.items()]
    return [_entry(path, name, text) for name, text in pairs]


def _operations(manifest: dict[str, Any]) -> list[tuple[object, object]]:
    operations = manifest.get("operations")
    if not isinstance(operations, list):
        return [(None, None)]
    return [
        (each.get("id"), each.get("body")) if isinstance(each, dict) else (None, None)
        for each in operations
    ]


def _entry(path: Path, name: object, text: object) -> _Stored:
    if isinstance(name, str) and name and isinstance(text, str) and text:
        return _Stored(path, _plain(name), text.encode(), is_listed=True)
    raise StoredDocumentsError(f"{path}: The manifest has an entry that is not an id and a text.")


def _plain(document_id: str) -> str:
    """An id as requests are looked up by it, which may have this before theirs."""
    return document_id.removeprefix("sha256:")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoredDocumentsError(f"{path}: {error.strerror}.") from None


def _read(stored: _Stored, schema: GraphQLSchema) -> Document:
    try:
        return read_document(schema, stored.content.decode())
    except InvalidDocument as invalid:
        raise StoredDocumentsError("\n".join(_located(stored, invalid))) from None
    except UnicodeDecodeError:
        raise StoredDocumentsError(f"{stored.path}: The file is not a text in UTF-8.") from None


def _names(stored: _Stored, document: Document) -> list[str]:
    if stored.is_listed:
        return [stored.name]
    names = [operation.name for operation in document.operations if operation.name]
    return [stored.name, *(names if len(document.operations) == 1 else [])]


def _may_share(one: _Stored, other: _Stored) -> bool:
    """Whether a name may lead to both: manifests of two versions have much in common."""
    if one.is_listed and other.is_listed:
        return one.content == other.content
    return one.path == other.path


def _located(stored: _Stored, invalid: InvalidDocument) -> Iterator[str]:
    """A line for each mistake."""
    for error in invalid.errors:
        place = stored.place(error.locations[0].line if error.locations else None)
        yield f"{place}: {error.message}"
