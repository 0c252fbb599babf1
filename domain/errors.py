"""Every error a user can cause, told once; each door translates it into its own protocol.

Raise these where the fact is known. No HTTP status and no GraphQL stands here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.enums import DescribedEnum
from domain.scalars import NodeId


class ErrorCode(StrEnum):
    """What a program branches on: `extensions.code` in GraphQL, `code` in a problem document."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    CURSOR_INVALID = "CURSOR_INVALID"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    QUERY_TOO_DEEP = "QUERY_TOO_DEEP"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    IDEMPOTENCY_KEY_IN_USE = "IDEMPOTENCY_KEY_IN_USE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    RATE_LIMITED = "RATE_LIMITED"
    PRECONDITION_FAILED = "PRECONDITION_FAILED"
    RANGE_NOT_SATISFIABLE = "RANGE_NOT_SATISFIABLE"
    INSUFFICIENT_STORAGE = "INSUFFICIENT_STORAGE"
    UPLOAD_OFFSET_MISMATCH = "UPLOAD_OFFSET_MISMATCH"
    UPLOAD_LOCKED = "UPLOAD_LOCKED"
    CHECKSUM_MISMATCH = "CHECKSUM_MISMATCH"
    INVALID_FILE = "INVALID_FILE"
    INVALID_IMAGE = "INVALID_IMAGE"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    TIMEOUT = "TIMEOUT"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    FEATURE_DISABLED = "FEATURE_DISABLED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


class AppError(Exception):
    """An error with a code and a message that says what to do.

    Args:
        message: For the person who reads it; never a driver's text.
        details: Further facts a program can use; they reach the client as they are.
    """

    code = ErrorCode.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidInput(AppError):
    """An argument has a value that cannot be used."""

    code = ErrorCode.BAD_USER_INPUT


class InvalidFilter(InvalidInput):
    """A filter asks for something that has no meaning, such as `eq: null`."""


class InvalidCursor(InvalidInput):
    """A cursor that this server did not make, or made for another order."""

    code = ErrorCode.CURSOR_INVALID


class LimitExceeded(AppError):
    """A document asks for more than the server answers at once.

    Args:
        limit: How much may be asked for.
        actual: How much is; at least so much where counting stopped.
    """

    code = ErrorCode.QUERY_TOO_COMPLEX

    def __init__(self, message: str, *, limit: int, actual: int) -> None:
        super().__init__(message, limit=limit, actual=actual)


class QueryTooDeep(LimitExceeded):
    """Fields are nested deeper than the server follows."""

    code = ErrorCode.QUERY_TOO_DEEP


class PersistedQueryNotSupported(AppError):
    """A hash came for a document, and this server keeps none for clients."""

    code = ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED


class DocumentNotTrusted(AppError):
    """The document is none of those that this server answers."""

    code = ErrorCode.DOCUMENT_NOT_TRUSTED


class IdempotencyKeyReused(AppError):
    """The key came before with another input."""

    code = ErrorCode.IDEMPOTENCY_KEY_REUSED


class IdempotencyKeyInUse(AppError):
    """The mutation that came with the key first is still at work."""

    code = ErrorCode.IDEMPOTENCY_KEY_IN_USE


class NotFound(AppError):
    """Nothing stands under the key, or the viewer may not know that it does."""

    code = ErrorCode.NOT_FOUND


class Unauthenticated(AppError):
    """No token, or one that is forged, expired or of nobody we know."""

    code = ErrorCode.UNAUTHENTICATED


class Forbidden(AppError):
    """The viewer's role does not allow this."""

    code = ErrorCode.FORBIDDEN


class PayloadTooLarge(AppError):
    """More bytes were sent than the setting allows."""

    code = ErrorCode.PAYLOAD_TOO_LARGE


class RateLimited(AppError):
    """The user has as much under way as one user may have.

    Args:
        retry_after_seconds: When it may be worth to try again.
    """

    code = ErrorCode.RATE_LIMITED

    def __init__(self, message: str, *, retry_after_seconds: int, **details: object) -> None:
        super().__init__(message, retryAfter=retry_after_seconds, **details)


class PreconditionFailed(AppError):
    """What a request insists on is not, or no longer, there."""

    code = ErrorCode.PRECONDITION_FAILED


class RangeNotSatisfiable(AppError):
    """A range that begins behind the last byte."""

    code = ErrorCode.RANGE_NOT_SATISFIABLE


class InsufficientStorage(AppError):
    """There is no room for what would have to be kept."""

    code = ErrorCode.INSUFFICIENT_STORAGE


class UploadOffsetMismatch(AppError):
    """Bytes were sent for another place of a file than where it goes on; `offset` says where."""

    code = ErrorCode.UPLOAD_OFFSET_MISMATCH


class UploadLocked(AppError):
    """Another request is writing to the file now."""

    code = ErrorCode.UPLOAD_LOCKED


class ChecksumMismatch(AppError):
    """The bytes that arrived are not those that were sent."""

    code = ErrorCode.CHECKSUM_MISMATCH


class InvalidUpload(AppError):
    """The file is not what it has to be."""

    code = ErrorCode.INVALID_FILE


class InvalidImage(AppError):
    """The file is no picture that can be used."""

    code = ErrorCode.INVALID_IMAGE


class UnsupportedMediaType(AppError):
    """The body is of another kind than can be read."""

    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE


class RequestTimeout(AppError):
    """The request's body did not arrive in time."""

    code = ErrorCode.REQUEST_TIMEOUT


class OperationTimeout(AppError):
    """The work took longer than the setting allows."""

    code = ErrorCode.TIMEOUT


class Unavailable(AppError):
    """A service we stand on does not answer; the same request may succeed in a moment.

    Args:
        retryable: Whether nothing was written for certain, so that trying again is safe.
    """

    code = ErrorCode.SERVICE_UNAVAILABLE

    def __init__(self, message: str, *, retryable: bool = True, **details: object) -> None:
        super().__init__(message, retryable=retryable, **details)


class WriteConflict(Unavailable):
    """Two transactions stood in each other's way and this one was undone; it can be done again."""


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer, or all its connections are taken."""


class ConnectionLost(DatabaseUnavailable):
    """There was no connection, or it broke before COMMIT was sent: nothing was written."""


class OutcomeUnknown(DatabaseUnavailable):
    """The connection broke after COMMIT was sent: the change may have been written."""


class FeatureDisabled(AppError):
    """A setting keeps this process from doing it."""

    code = ErrorCode.FEATURE_DISABLED


class ProblemCode(DescribedEnum):
    """Why a mutation or an imported row was not taken, as data rather than as an error."""

    INVALID_VALUE = "INVALID_VALUE", "The value is not one that this field takes."
    REQUIRED = "REQUIRED", "A value is missing that must be there."
    TOO_LONG = "TOO_LONG", "More characters or items than fit."
    INVALID_EMAIL = "INVALID_EMAIL", "Not an e-mail address."
    INVALID_PHONE = "INVALID_PHONE", "Not a phone number."
    INVALID_URL = "INVALID_URL", "Not a web address, or not of the site the field is for."
    INVALID_DOMAIN = "INVALID_DOMAIN", "Not the name of a host."
    NOT_FOUND = "NOT_FOUND", "There is no record with the id at the path."
    ALREADY_EXISTS = "ALREADY_EXISTS", "Another record has the value, and only one may."
    VERSION_CONFLICT = "VERSION_CONFLICT", "The record has changed since the version given."
    SUPPRESSED_CONTACT = (
        "SUPPRESSED_CONTACT",
        "The person was erased and must not be stored again.",
    )
    NOT_ALLOWED_IN_STATE = "NOT_ALLOWED_IN_STATE", "The record's state does not allow it."


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One expected mistake in the input of a mutation.

    Attributes:
        path: Where in the input it stands, outermost name first, as GraphQL spells the names.
        record_id: The record that already holds the value (ALREADY_EXISTS) or that has moved on
            (VERSION_CONFLICT).
    """

    code: ProblemCode
    message: str
    path: Sequence[str] = field(default=())
    record_id: NodeId | None = None


class Rejected(Exception):
    """A write was refused because of its input; nothing was changed.

    Args:
        problems: All that was found, at least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


class InvalidValue(ValueError):
    """A single value does not have the form its field asks for.

    Raised by the functions of `domain.normalize`; the caller knows the path and makes a `Problem`.
    """

    def __init__(self, code: ProblemCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
