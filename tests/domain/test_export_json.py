"""Promises of `domain.export_json`: an export is kept in a job and compared by a digest."""

from dataclasses import fields, replace
from typing import Any, Final

import orjson
import pytest

from domain.errors import InvalidInput
from domain.export_json import export_digest, export_from_json, export_to_json
from domain.exports import Export, ExportEntity, ExportFormat
from domain.filters import ContactFilter, StringFilter
from domain.paging import ContactOrder, ContactOrderField, Cursor, Direction

PLAIN: Final = Export(entity=ExportEntity.COMPANIES, order=(), columns=("name",))
FULL: Final = Export(
    entity=ExportEntity.CONTACTS,
    format=ExportFormat.CSV,
    filter_=ContactFilter(title=StringFilter(in_=["CEO", "é\u2028'"])),
    order=(
        ContactOrder(field=ContactOrderField.NAME),
        ContactOrder(field=ContactOrderField.CREATED_AT, direction=Direction.DESC),
    ),
    columns=("email", "company.domain"),
    most=100_000,
    after=Cursor(("Ada", None, 1_769_852_400_000_001), 2**40, 500),
    bom=True,
    raw=True,
)
OTHERS: Final[dict[str, Any]] = {
    "entity": ExportEntity.COMPANIES,
    "format": ExportFormat.JSON,
    "filter_": ContactFilter(title=StringFilter(in_=["CEO"])),
    "order": FULL.order[:1],
    "columns": ("company.domain", "email"),
    "most": None,
    "after": Cursor(("Ada", None, 1_769_852_400_000_000), 2**40, 500),
    "bom": False,
    "raw": False,
}


@pytest.mark.parametrize("export", [PLAIN, FULL])
def test_an_export_survives_being_stored(export: Export) -> None:
    """Written as JSON text and read again, an export asks for the same."""
    stored = orjson.loads(orjson.dumps(export_to_json(export)))

    assert export_from_json(stored) == export


def test_what_is_usual_is_not_stored() -> None:
    """A release that does not know what is new can read what does not use it."""
    assert export_to_json(PLAIN) == {"entity": "COMPANIES", "order": [], "columns": ["name"]}


def test_an_older_export_is_read_with_what_was_usual() -> None:
    """What is missing is as it would be if it were not asked for."""
    stored = {"entity": "CONTACTS", "order": [{"field": "NAME"}], "columns": ["email"]}

    assert export_from_json(stored) == Export(
        entity=ExportEntity.CONTACTS, order=FULL.order[:1], columns=("email",)
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"entity": "USERS"},
        {"entity": None},
        {"format": "PARQUET"},
        {"filter": {"colour": {"eq": "red"}}},
        {"order": [{"field": "COLOUR"}]},
        {"columns": None},
        {"after": {"id": 1}},
        {"zipped": True},
    ],
    ids=str,
)
def test_an_export_of_a_newer_release_is_refused(changed: dict[str, object]) -> None:
    """What this release does not know is never left out in silence."""
    with pytest.raises(InvalidInput):
        export_from_json(export_to_json(FULL) | changed)


def test_an_export_without_its_columns_is_refused() -> None:
    """What was always stored is never made up."""
    stored = export_to_json(FULL)
    del stored["columns"]

    with pytest.raises(InvalidInput, match="columns"):
        export_from_json(stored)


def test_the_digest_tells_exports_apart() -> None:
    """Each part of what is asked for counts, and nothing but what is asked for."""
    same = replace(FULL, filter_=ContactFilter(title=StringFilter(in_=["CEO", "é\u2028'"])))
    others = [replace(FULL, **{name: value}) for name, value in OTHERS.items()]

    assert OTHERS.keys() == {item.name for item in fields(Export)}
    assert export_digest(same) == export_digest(FULL)
    assert len({export_digest(each) for each in (FULL, *others)}) == 1 + len(others)
