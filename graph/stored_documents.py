"""Stored documents: files that requests name instead of sending their text.

All of them are read when the server starts, so one that no longer fits the schema stops the start
and not a client.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from graphql import GraphQLSchema

from graph.documents import Document, InvalidDocument, read_document


class StoredDocumentsError(Exception):
    """Stored documents cannot be used; the message has a line for each mistake, with its place."""


def read_stored_documents(folder: Path, schema: GraphQLSchema) -> dict[str, Document]:
    """The documents in the `*.graphql` files of a folder.

    Each is known by the name of its file without the suffix, by the name of its operation when it
    has one alone, and by the SHA-256 of its file in hexadecimal.

    Raises:
        StoredDocumentsError: The folder or a file cannot be read, a document does not fit the
            schema, or two have the same name.
    """
    if not folder.is_dir():
        raise StoredDocumentsError(f"DOCUMENTS_DIR: there is no folder {folder}.")
    shelf, mistakes = _Shelf(), []
    for path in sorted(folder.glob("*.graphql")):
        try:
            shelf.put(path, *_read(path, schema))
        except StoredDocumentsError as error:
            mistakes.append(str(error))
    if mistakes:
        raise StoredDocumentsError("\n".join(mistakes))
    return shelf.documents


class _Shelf:
    """Documents by what they are known by, each name for one alone."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._files: dict[str, Path] = {}

    def put(self, path: Path, document: Document, digest: str) -> None:
        """Add the document of a file."""
        self.documents[digest] = document
        for name in _names(path, document):
            other = self._files.setdefault(name, path)
            if other != path:
                raise StoredDocumentsError(
                    f"{path}: {other.name} is known as {name!r} too. Rename one of them."
                )
            self.documents[name] = document


def _read(path: Path, schema: GraphQLSchema) -> tuple[Document, str]:
    """The document of a file, and the SHA-256 of its bytes."""
    try:
        content = path.read_bytes()
        return read_document(schema, content.decode()), hashlib.sha256(content).hexdigest()
    except InvalidDocument as invalid:
        raise StoredDocumentsError("\n".join(_located(path, invalid))) from None
    except UnicodeDecodeError:
        raise StoredDocumentsError(f"{path}: The file is not a text in UTF-8.") from None
    except OSError as error:
        raise StoredDocumentsError(f"{path}: {error.strerror}.") from None


def _names(path: Path, document: Document) -> list[str]:
    names = [operation.name.value for operation in document.operations if operation.name]
    return [path.stem, *(names if len(document.operations) == 1 else [])]


def _located(path: Path, invalid: InvalidDocument) -> Iterator[str]:
    """A line for each mistake, the way compilers tell them."""
    for error in invalid.errors:
        line = f":{error.locations[0].line}" if error.locations else ""
        yield f"{path}{line}: {error.message}"
