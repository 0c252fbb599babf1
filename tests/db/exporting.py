"""Exports into memory, and the texts that break what writes or reads carelessly."""

from dataclasses import dataclass, field
from typing import Any

from db.exports import copy_export
from db.transaction import Database
from domain.exports import DEFAULT_COLUMNS, Export, ExportEntity, Foreseen, Written

HOSTILE_TEXTS = (
    "plain",
    "",
    " ",
    '"',
    '""quoted""',
    "a,b",
    "a;b",
    "a\\b",
    "a\\;b",
    "\\",
    "\\.",
    "\\N",
    "NULL",
    "line\nbreak",
    "carriage\r\nreturn",
    "\r",
    "\n",
    "tab\there",
    "\x01\x02",
    "\x1f\x7f\x85",
    "\u2028\u2029",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\u200b@SUM(A1)",
    " =1+1",
    "=cmd|' /C calc'!A0",
    "+49 30 1234",
    "-12.5",
    "@here",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    "'",
    "'quoted",
    "'=1",
    "''",
    "😀 emoji 👩‍👩‍👧",
    "Zoë Ünïcödé 北京",
    "{json}",
    '{"a": 1}',
    "</script>",
    "$1 $2",
    "x" * 10_000,
)


@dataclass
class Taken:
    """What an export has written.

    Attributes:
        parts: The pieces as they came.
    """

    foreseen: Foreseen | None = None
    written: Written | None = None
    parts: list[bytes] = field(default_factory=list)

    @property
    def text(self) -> bytes:
        """All of it."""
        return b"".join(self.parts)


def asked(entity: ExportEntity = ExportEntity.CONTACTS, **wanted: Any) -> Export:
    """An export with the usual columns, unless others are wanted."""
    given: dict[str, Any] = {"columns": DEFAULT_COLUMNS[entity], "order": (), **wanted}
    return Export(entity=entity, **given)


async def exported(database: Database, export: Export) -> Taken:
    """All of an export."""
    taken = Taken()

    def foresee(foreseen: Foreseen) -> None:
        assert not taken.parts
        taken.foreseen = foreseen

    async def take(lines: bytes) -> None:
        assert lines.endswith(b"\n")
        taken.parts.append(lines)

    taken.written = await copy_export(database, export, take, foresee=foresee)
    return taken
