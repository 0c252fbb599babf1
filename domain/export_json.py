"""What an export asks for as JSON: the payload of a job, and what two requests are compared by."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from domain.errors import InvalidInput
from domain.exports import Export, ExportEntity, ExportFormat
from domain.filter_json import read_filter, read_order, write_filter, write_order
from domain.paging import Cursor

_NOT_GIVEN: Final[Mapping[str, object]] = {
    "format": ExportFormat.JSONL.name,
    "filter": None,
    "most": None,
    "after": None,
    "bom": False,
    "raw": False,
}
"""What is left out when it is this; an older release can read what does not use the newest."""


def export_to_json(export: Export) -> dict[str, Any]:
    """The export as JSON: no classes, no more than is asked for, equal ones alike."""
    written = {
        "entity": export.entity.name,
        "format": export.format.name,
        "filter": write_filter(export.filter_),
        "order": write_order(export.order),
        "columns": list(export.columns),
        "most": export.most,
        "after": None if export.after is None else _write_cursor(export.after),
        "bom": export.bom,
        "raw": export.raw,
    }
    return {
        name: value
        for name, value in written.items()
        if name not in _NOT_GIVEN or value != _NOT_GIVEN[name]
    }


def export_from_json(stored: Mapping[str, Any]) -> Export:
    """The export that was written as JSON, by this release or an older one.

    Raises:
        InvalidInput: A newer release wrote it, or nobody did.
    """
    if unknown := stored.keys() - {"entity", "order", "columns", *_NOT_GIVEN}:
        raise InvalidInput(f"An export has no {', '.join(sorted(unknown))}.")
    given = {**_NOT_GIVEN, **stored}
    try:
        entity = ExportEntity[given["entity"]]
        return Export(
            entity=entity,
            format=ExportFormat[given["format"]],
            filter_=read_filter(entity, given["filter"]),
            order=read_order(entity, given["order"]),
            columns=tuple(given["columns"]),
            most=given["most"],
            after=None if given["after"] is None else _read_cursor(given["after"]),
            bom=given["bom"],
            raw=given["raw"],
        )
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"This is no export: {error!r}.") from error


def export_digest(export: Export) -> str:
    """Sixty-four hex digits, the same for exports that ask for the same."""
    return hashlib.sha256(orjson.dumps(export_to_json(export))).hexdigest()


def _write_cursor(cursor: Cursor) -> dict[str, Any]:
    return {"values": list(cursor.values), "id": cursor.id, "ordinal": cursor.ordinal}


def _read_cursor(stored: Mapping[str, Any]) -> Cursor:
    return Cursor(tuple(stored["values"]), stored["id"], stored["ordinal"])
