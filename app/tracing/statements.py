"""SQL as spans: the text that values are no part of, and how many rows it gave."""

from typing import Final

from app.tracing.spans import Tracer, Value
from db.transaction import StatementObserver, StatementRun
from graph.asking import asking

_SHOWN_CHARS: Final = 2000
_SQL: Final = "SQL"


def statement_spans(tracer: Tracer) -> StatementObserver:
    """Tells of each statement of what is traced, once it has run."""

    def observe(run: StatementRun) -> None:
        if not tracer.is_recording():
            return
        text = " ".join(run.sql.split())[:_SHOWN_CHARS]
        verb = _verb(text)
        facts: dict[str, Value] = {
            "db.system.name": "postgresql",
            "db.operation.name": verb,
            "db.query.text": text,
        }
        if run.rows is not None:
            facts["db.response.returned_rows"] = run.rows
        if place := asking().place:
            facts["graphql.field.path"] = ".".join(place)[:_SHOWN_CHARS]
        tracer.past(verb, facts, seconds=run.seconds, failure=_failure(run))

    return observe


def _verb(text: str) -> str:
    word = text.partition(" ")[0].upper()
    return word if word.isalpha() else _SQL


def _failure(run: StatementRun) -> str | None:
    if run.cut_off:
        return "cut_off"
    return "failed" if run.rows is None else None
