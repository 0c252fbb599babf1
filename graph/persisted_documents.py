"""Documents by their hashes: those that clients have sent before, and those that alone are trusted.

Source: Apollo's automatic persisted queries. A client sends the hash of a document; when
that is not known here it sends hash and text together, and from then on the hash is enough.
"""

import hashlib
import sys
from typing import Final

from graphql import GraphQLError

from cache.bounded import BoundedCache
from domain.errors import DocumentNotTrusted, ErrorCode, InvalidInput, PersistedQueryNotSupported
from graph.document import Document
from graph.documents import Documents, InvalidDocument
from graph.request import GraphQLRequest

_MAX_KEPT_BYTES: Final = 8 * 2**20


class PersistedQueryNotFound(InvalidDocument):
    """No document is known by this hash; clients know the word and send the text too."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.PERSISTED_QUERY_NOT_FOUND, [GraphQLError("PersistedQueryNotFound")]
        )


class PersistedDocuments:
    """Finds the documents of requests.

    Args:
        keeps: Keep texts that come with their hashes, those used least go first.
        trusted_only: Find stored documents, and no others.
        max_bytes: What all texts that are kept may have.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        keeps: bool,
        trusted_only: bool,
        max_bytes: int = _MAX_KEPT_BYTES,
    ) -> None:
        self._documents = documents
        self._keeps = keeps and not trusted_only
        self._trusted_only = trusted_only
        # Their texts: they are small, and the documents themselves are kept by these already.
        self._texts: BoundedCache[str, str] = BoundedCache(max_bytes=max_bytes, weigh=sys.getsizeof)

    def find(self, wanted: GraphQLRequest, *, of_stranger: bool) -> Document:
        """The document of a request.

        Args:
            of_stranger: Nobody knows who asks: nothing is kept for them, and they are not told
                what was kept for others.

        Raises:
            InvalidDocument: It cannot be parsed, does not fit the schema, or is not known here.
            AppError: It is named, and there is none of the name; or it may not be asked.
        """
        if wanted.document_id is not None:
            return self._documents.named(wanted.document_id)
        if not wanted.query and wanted.sha256 is not None:
            return self._by_hash(wanted.sha256, of_stranger=of_stranger)
        if wanted.sha256 is not None and wanted.sha256 != _sha256(wanted.query):
            raise InvalidInput("The sha256Hash is not that of the query. Send the one that is.")
        document = self._by_text(wanted.query, keep=not of_stranger)
        if wanted.sha256 is not None and self._keeps and not of_stranger:
            self._texts.put(wanted.sha256, wanted.query)
        return document

    def _by_text(self, text: str, *, keep: bool) -> Document:
        if not self._trusted_only:
            return self._documents.get(text, keep=keep)
        document = self._documents.stored(_sha256(text))
        if document is None:
            raise DocumentNotTrusted(
                "This server answers the documents that are stored here, and no others. Send the "
                "documentId of one."
            )
        return document

    def _by_hash(self, sha256: str, *, of_stranger: bool) -> Document:
        stored = self._documents.stored(sha256)
        if stored is not None and (stored.is_all_public() or not of_stranger):
            return stored
        if not self._keeps:
            raise PersistedQueryNotSupported("PersistedQueryNotSupported")
        text = None if of_stranger else self._texts.get(sha256)
        if text is None:
            raise PersistedQueryNotFound
        return self._documents.get(text)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
