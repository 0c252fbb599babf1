"""What is said about statements: the slow ones are logged, never their parameters."""

from typing import Final

import structlog

from db.transaction import StatementObserver, StatementRun
from graph.asking import asking

_SHOWN_CHARS: Final = 2000

log = structlog.get_logger(__name__)


def slow_statement_log(threshold_seconds: float) -> StatementObserver:
    """Logs a statement that took at least this long, or that was ended for taking too long.

    The line names the operation and the field that caused the statement; `rows` is null when the
    statement failed.
    """

    def observe(run: StatementRun) -> None:
        if run.seconds < threshold_seconds and not run.cut_off:
            return
        asked = asking()
        log.warning(
            "slow_statement",
            seconds=round(run.seconds, 3),
            rows=run.rows,
            cut_off=run.cut_off,
            operation=asked.operation,
            path=".".join(asked.place),
            sql=shown(run.sql),
        )

    return observe


def shown(sql: str) -> str:
    """The text of a statement in one line, its beginning when it is long."""
    return " ".join(sql.split())[:_SHOWN_CHARS]
