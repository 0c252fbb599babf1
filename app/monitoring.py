"""What is said about statements: the slow ones are logged, never their parameters."""

import structlog

from db.transaction import StatementObserver

log = structlog.get_logger(__name__)

_SHOWN_CHARS = 2000


def slow_statement_log(threshold_seconds: float) -> StatementObserver:
    """Logs a statement that took at least this long."""

    def observe(sql: str, seconds: float) -> None:
        if seconds >= threshold_seconds:
            log.warning("slow_statement", seconds=round(seconds, 3), sql=sql[:_SHOWN_CHARS])

    return observe
