"""Promises of `domain.import_json`: options by either spelling, and mistakes by their name."""

from typing import Any

import pytest

from domain.bulk import ErrorPolicy, OnConflict
from domain.enums import ContactMatchKey
from domain.errors import InvalidInput
from domain.import_json import (
    MAX_MAPPED_COLUMNS,
    options_to_json,
    read_mapping,
    read_options,
)
from domain.imports import DateOrder, ImportMode, ImportOptions

OPTIONS = ImportOptions(
    mode=ImportMode.UPDATE_ONLY,
    match_on=(ContactMatchKey.LINKEDIN_URL, ContactMatchKey.EMAIL),
    on_conflict=OnConflict.OVERWRITE,
    error_policy=ErrorPolicy.REJECT_FAILED_ROWS,
    create_missing_companies=False,
    default_country="DE",
    date_order=DateOrder.DMY,
    tag="fair",
    delimiter=";",
    dry_run=True,
)


def test_options_are_read_by_either_spelling() -> None:
    """What they are told as reads as the same, and so does what is stored; null is as usual."""
    assert read_options(options_to_json(OPTIONS)) == OPTIONS
    assert read_options(OPTIONS.to_json()) == OPTIONS
    assert read_options({}) == ImportOptions()
    assert read_options(dict.fromkeys(options_to_json(OPTIONS))) == ImportOptions()
    assert set(options_to_json(OPTIONS)) >= {"matchOn", "createMissingCompanies", "dryRun"}


@pytest.mark.parametrize(
    ("given", "path", "says"),
    [
        (None, "options", "no JSON object"),
        ([], "options", "no JSON object"),
        ({"modes": "UPSERT"}, "options", "no option 'modes'"),
        ({"mode": "upsert"}, "options.mode", "CREATE_ONLY, UPDATE_ONLY, UPSERT"),
        ({"mode": ["UPSERT"]}, "options.mode", "has to be one of"),
        ({"match_on": "EMAIL"}, "options.matchOn", "a list of keys"),
        ({"matchOn": ["EMAIL", 1]}, "options.matchOn", "EMAIL, LINKEDIN_URL"),
        ({"dryRun": "yes"}, "options.dryRun", "true or false"),
        ({"dryRun": True, "dry_run": True}, "options.dryRun", "twice"),
        ({"tag": ""}, "options.tag", "1 to 100 characters"),
        ({"tag": "x" * 101}, "options.tag", "1 to 100 characters"),
        ({"tag": "a\0b"}, "options.tag", "1 to 100 characters"),
        ({"delimiter": 5}, "options.delimiter", "a text"),
    ],
)
def test_a_mistake_is_told_by_its_name(given: Any, path: str, says: str) -> None:
    """With what the option takes, and never with all of a long value."""
    with pytest.raises(InvalidInput) as refused:
        read_options(given)

    assert refused.value.details["path"] == path
    assert says in refused.value.message
    assert len(refused.value.message) < 400


def test_a_mapping_names_fields_that_are_there() -> None:
    """A column may go nowhere, and have any name."""
    mapping = {"E-mail": "email", "": "name", "Notes": None}

    assert read_mapping(mapping, allowed=["email", "name"]) == mapping
    refusals: list[Any] = [
        [],
        "x",
        {"a": "mail"},
        {"a": 1},
        {"a": ["email"]},
        {"a": {}},
        {"\0": None},
    ]
    for wrong in refusals:
        with pytest.raises(InvalidInput) as refused:
            read_mapping(wrong, allowed=["email", "name"])
        assert refused.value.details["path"] == "mapping"
    with pytest.raises(InvalidInput):
        read_mapping(dict.fromkeys(map(str, range(MAX_MAPPED_COLUMNS + 1))), allowed=[])
