"""Which HTTP status an error is answered with, at every door."""

from collections.abc import Mapping
from typing import Final

from domain.errors import ErrorCode

STATUS: Final[Mapping[ErrorCode, int]] = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.DOCUMENT_NOT_TRUSTED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.REQUEST_TIMEOUT: 408,
    ErrorCode.UPLOAD_OFFSET_MISMATCH: 409,
    ErrorCode.IDEMPOTENCY_KEY_IN_USE: 409,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.RANGE_NOT_SATISFIABLE: 416,
    ErrorCode.INVALID_FILE: 422,
    ErrorCode.INVALID_IMAGE: 422,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 422,
    ErrorCode.UPLOAD_LOCKED: 423,
    ErrorCode.RATE_LIMITED: 429,
    # tus 1.0 gives it this number.
    ErrorCode.CHECKSUM_MISMATCH: 460,
    ErrorCode.INTERNAL_SERVER_ERROR: 500,
    ErrorCode.FEATURE_DISABLED: 501,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
    ErrorCode.TIMEOUT: 504,
    ErrorCode.INSUFFICIENT_STORAGE: 507,
}
"""Codes without a line here are answered with 400."""
