"""Promises of `streaming.export_params`: parameters mean what the paper says, or are refused."""

import re
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from domain.errors import AppError, ErrorCode, InvalidInput
from domain.exports import DEFAULT_COLUMNS, LISTED_ORDER, Export, ExportEntity, ExportFormat
from domain.filter_json import read_filter, write_filter
from domain.paging import Cursor, CursorCodec
from streaming.export_params import CONDITIONS, PARAMETERS, read_export, read_parameters

CONTACTS, COMPANIES = ExportEntity.CONTACTS, ExportEntity.COMPANIES
CURSORS: Final = CursorCodec(b"a secret of thirty-two bytes....")
DOCS: Final = Path(__file__).parents[2] / "docs" / "exports.md"


def read(entity: ExportEntity = CONTACTS, accept: str | None = None, **given: Any) -> Export:
    return read_export(entity, given, cursors=CURSORS, accept=accept)


def refused(entity: ExportEntity = CONTACTS, **given: Any) -> AppError:
    with pytest.raises(AppError) as told:
        read(entity, **given)
    return told.value


def filter_of(entity: ExportEntity = CONTACTS, **given: Any) -> object:
    return write_filter(read(entity, **given).filter_)


def cursor(order: tuple[Any, ...], *values: Any) -> str:
    return CURSORS.writer(order)(Cursor(values, 7, 100))


@pytest.mark.parametrize("entity", ExportEntity)
def test_without_parameters_everything_is_exported(entity: ExportEntity) -> None:
    """All rows, the usual columns, as JSONL, in the order that is quickest."""
    assert read(entity) == Export(entity=entity, order=(), columns=DEFAULT_COLUMNS[entity])


@pytest.mark.parametrize("text", ["jsonl", "CSV", "Json"])
def test_a_format_is_chosen_by_its_name(text: str) -> None:
    """Capitals do not matter in it."""
    assert read(format=text).format is ExportFormat[text.upper()]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "JSONL"),
        ("", "JSONL"),
        ("*/*", "JSONL"),
        ("text/html", "JSONL"),
        ("application/jsonl", "JSONL"),
        ("application/x-ndjson", "JSONL"),
        ("text/csv", "CSV"),
        ("Text/CSV; charset=utf-8; header=present", "CSV"),
        ("application/json, text/plain, */*", "JSON"),
        ("application/json;q=0.5, text/csv;q=0.9, */*;q=0.1", "CSV"),
        ("text/csv;q=0, application/json", "JSON"),
        ("text/csv;q=much", "JSONL"),
    ],
)
def test_accept_chooses_the_format(accept: str | None, expected: str) -> None:
    """Where no parameter says otherwise, the format is the one the client likes best."""
    assert read(accept=accept).format is ExportFormat[expected]
    assert read(accept=accept, format="json").format is ExportFormat.JSON


def test_a_filter_is_json_in_the_vocabulary_of_graphql() -> None:
    """It comes as text in a query and as an object in a body."""
    filter_ = {"company": {"employeesCount": {"between": {"from": 50, "to": 500}}}}
    expected = read_filter(CONTACTS, filter_)

    assert expected is not None
    assert read(filter=filter_).filter_ == expected
    assert read(filter=orjson.dumps(filter_).decode()).filter_ == expected
    assert read(filter="null").filter_ is read(filter=None).filter_ is None


@pytest.mark.parametrize(
    ("entity", "name"), [(entity, name) for entity, names in CONDITIONS.items() for name in names]
)
def test_each_simple_parameter_is_a_condition(entity: ExportEntity, name: str) -> None:
    """A simple parameter means the condition that its table says, and nothing else."""
    *path, operator = CONDITIONS[entity][name].split(".")
    is_list, is_flag = operator in {"in", "anyOf"}, operator.startswith("has")
    names = {"seniority": "VP", "email_status": "VERIFIED", "employee_range": "R1_10"}
    text = names.get(name, "true" if is_flag else "Ada")
    expected: object = [text] if is_list else True if is_flag else text
    for step in (operator, *reversed(path)):
        expected = {step: expected}

    assert filter_of(entity, **{name: text}) == expected


@pytest.mark.parametrize(
    "value", ["VP,FOUNDER", " VP , FOUNDER", '["VP","FOUNDER"]', ["VP", "FOUNDER"]]
)
def test_a_list_has_commas_or_is_json(value: object) -> None:
    """Parameters that take several values take them in either form."""
    assert filter_of(seniority=value) == {"seniority": {"in": ["VP", "FOUNDER"]}}


def test_a_comma_within_a_tag_is_kept_in_json() -> None:
    """What has a comma in itself is written as JSON."""
    assert filter_of(tag='["a,b"]') == {"tags": {"anyOf": ["a,b"]}}


def test_simple_parameters_and_a_filter_hold_together() -> None:
    """Conditions on the same field stand side by side, and none is lost."""
    given = {"city": {"eq": "Berlin"}, "and": [{"stage": {"eq": "New"}}], "hasEmail": True}
    found = filter_of(filter=given, city="ber", name="ada", search="vp")

    assert found == {
        "search": "vp",
        "name": {"contains": "ada"},
        "hasEmail": True,
        "city": {"eq": "Berlin"},
        "and": [{"stage": {"eq": "New"}}, {"city": {"contains": "ber"}}],
    }


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"filter": {"and": None, "city": {"eq": "y"}}, "city": "x"}, "filter.and"),
        ({"filter": {"title": {"eq": None}}}, "filter.title.eq"),
        ({"city": None}, "filter.city.contains"),
        ({"tag": None}, "filter.tags.anyOf"),
        ({"has_email": None}, "filter.hasEmail"),
    ],
    ids=str,
)
def test_a_condition_of_null_is_refused(given: dict[str, object], path: str) -> None:
    """It is never taken for one that was left out, which would export more."""
    assert refused(CONTACTS, **given).message.startswith(f"{path} is null")


@pytest.mark.parametrize(
    "value",
    [
        "COMPANY_NAME,CREATED_AT:DESC,TITLE:ASC:FIRST",
        " company_name , created_at:desc, title:asc:first",
        '[{"field":"COMPANY_NAME"},{"field":"CREATED_AT","direction":"DESC"},'
        '{"field":"TITLE","nulls":"FIRST"}]',
    ],
)
def test_an_order_is_short_or_json(value: str) -> None:
    """Both forms name fields, directions and the place of missing values."""
    found = [
        (key.field.name, key.direction.name, key.nulls.name) for key in read(orderBy=value).order
    ]

    assert found == [
        ("COMPANY_NAME", "ASC", "LAST"),
        ("CREATED_AT", "DESC", "LAST"),
        ("TITLE", "ASC", "FIRST"),
    ]


def test_columns_keep_their_order() -> None:
    """They are named with commas or as JSON."""
    columns = ("email", "company.domain", "createdAt")

    assert read(columns="email, company.domain ,createdAt").columns == columns
    assert read(columns=list(columns)).columns == columns
    assert read(columns=orjson.dumps(columns).decode()).columns == columns


def test_names_may_be_written_as_in_graphql() -> None:
    """`max_results` and `maxResults` are the same, and so are the other names."""
    for given in (
        {"max_results": "5", "order_by": "NAME", "first_name": "Ada"},
        {"maxResults": 5, "orderBy": "NAME", "firstName": "Ada"},
    ):
        found = read(CONTACTS, **given)
        assert (found.most, found.order[0].field.name) == (5, "NAME")
        assert write_filter(found.filter_) == {"firstName": {"contains": "Ada"}}


@pytest.mark.parametrize("value", ["true", "1", "TRUE", True, 1], ids=repr)
def test_flags_are_true_or_false(value: object) -> None:
    """In a query by words or digits, in JSON as they are."""
    found = read(format="csv", bom=value, raw="false")

    assert (found.bom, found.raw) == (True, False)
    assert not read(format="jsonl", bom="0", raw=False).bom


def test_a_cursor_continues_its_own_order() -> None:
    """Without an order it is a cursor of the list as it is shown without one."""
    listed = LISTED_ORDER[CONTACTS]
    by_name = read(order_by="NAME").order

    assert read(after=cursor(listed, 5)).after == Cursor((5,), 7, 100)
    assert read(after=cursor(listed, 5)).order == listed
    assert read(after=cursor(by_name, "Ada"), order_by="NAME").after == Cursor(("Ada",), 7, 100)


@pytest.mark.parametrize("after", ["", "abc", "é", 7, cursor((), 5)])
def test_a_cursor_of_something_else_is_refused(after: object) -> None:
    """A place in another order is no place in this one."""
    assert refused(after=after, order_by="NAME").code is ErrorCode.CURSOR_INVALID


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"format": "xlsx"}, "The format 'xlsx' is not known; take one of jsonl, csv, json."),
        ({"format": 1}, "The format '1' is not known"),
        ({"filter": "{"}, "filter is not valid JSON"),
        ({"filter": ""}, "filter is not valid JSON"),
        ({"filter": "[]"}, "filter is not an object"),
        ({"filter": {"titel": {}}}, "filter.titel is not known. Did you mean title?"),
        ({"emial": "x"}, "There is no parameter 'emial'. Did you mean email? Choose from format,"),
        ({"technology": "x"}, "There is no parameter 'technology'"),
        ({"max_results": "5", "maxResults": "5"}, "'max_results' is given twice"),
        ({"name": ""}, "name is empty"),
        ({"name": "a\0"}, "name holds a NUL character"),
        ({"name": 5}, "filter.name.contains: String cannot represent 5"),
        ({"seniority": "VPP"}, "filter.seniority.in[0]: 'VPP' is not known. Did you mean VP?"),
        ({"tag": "a,,b"}, "tag has an empty place"),
        ({"tag": '["a"'}, "tag is not valid JSON"),
        ({"tag": [1]}, "tag is no list of texts"),
        ({"has_email": "perhaps"}, "has_email is 'perhaps'. Write true or false."),
        ({"orderBy": "NAMES"}, "orderBy[0].field: 'NAMES' is not known. Did you mean NAME?"),
        ({"orderBy": "NAME:UP"}, "orderBy[0].direction: 'UP' is not known"),
        ({"orderBy": ""}, "orderBy has '' for a key"),
        ({"orderBy": "NAME:ASC:LAST:X"}, "Write NAME, NAME:DESC or NAME:DESC:FIRST"),
        ({"orderBy": "[]"}, "orderBy is empty"),
        ({"orderBy": "NAME,NAME:DESC"}, "orderBy names a field twice"),
        ({"orderBy": "RELEVANCE", "search": "vp"}, "Choose another order"),
        ({"orderBy": "[{"}, "orderBy is not valid JSON"),
        ({"columns": ""}, "columns has an empty place"),
        ({"columns": []}, "columns is empty"),
        ({"columns": "email,title,email"}, "columns names email twice"),
        ({"columns": "emial"}, "Did you mean email"),
        ({"max_results": "0"}, "max_results is '0'. Give a whole number of 1 or more"),
        ({"max_results": "-5"}, "max_results is '-5'"),
        ({"max_results": "1.5"}, "max_results is '1.5'"),
        ({"max_results": "1_000"}, "max_results is '1_000'"),
        ({"max_results": "٣"}, "max_results is '٣'"),
        ({"max_results": "9" * 16}, "at most 15 digits"),
        ({"max_results": True}, "max_results is True"),
        ({"max_results": 5.0}, "max_results is 5.0"),
        ({"bom": "yes", "format": "csv"}, "bom is 'yes'. Write true or false."),
        ({"bom": "1"}, "bom goes with format=csv only"),
        ({"raw": True, "format": "json"}, "raw goes with format=csv only"),
    ],
    ids=str,
)
def test_mistakes_are_refused(given: dict[str, object], message: str) -> None:
    """A value that cannot be used is told with its name, and what to do."""
    error = refused(CONTACTS, **given)

    assert error.code is ErrorCode.BAD_USER_INPUT
    assert message in error.message


def test_an_unknown_parameter_names_those_that_there_are() -> None:
    """A program gets the allowed names as data."""
    error = refused(COMPANIES, nmae="Acme")

    assert error.details["allowed"] == [*PARAMETERS, *CONDITIONS[COMPANIES]]


def test_the_token_of_a_signed_link_is_no_parameter() -> None:
    """It says who asks, not for what; in a body nobody asks by it."""
    assert read_parameters([("token", "abc"), ("a", "1")]) == {"a": "1"}
    assert read_parameters([], [("token", "abc")]) == {"token": "abc"}
    assert "There is no parameter 'token'" in refused(CONTACTS, token="abc").message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"filter": '{"city": {"eq": "a"}, "city": {}}'}, "filter has 'city' twice"),
        ({"filter": '{"and": [{"city": {"eq": "a", "\\u0065q": "b"}}]}'}, "filter has 'eq' twice"),
        ({"order_by": '[{"field": "NAME", "field": "EMAIL"}]'}, "orderBy has 'field' twice"),
        ({"filter": "[" * 1000 + "]" * 1000}, "filter is nested too deeply"),
    ],
    ids=["filter", "deep", "orderBy", "too deep"],
)
def test_nothing_in_json_is_given_twice(given: dict[str, object], words: str) -> None:
    """The last one would win, and a filter would be lost without a word."""
    error = refused(CONTACTS, **given)

    assert error.code is ErrorCode.BAD_USER_INPUT
    assert words in error.message


def test_a_parameter_is_given_once() -> None:
    """Twice in a query, or in query and body, is a mistake and not a choice."""
    assert read_parameters([("a", "1")], [("b", 2)]) == {"a": "1", "b": 2}
    for sources in ([[("a", "1"), ("a", "1")]], [[("a", "1")], [("a", 1)]]):
        with pytest.raises(InvalidInput, match="'a' is given twice"):
            read_parameters(*sources)


@pytest.mark.parametrize("entity", ExportEntity)
def test_every_parameter_is_documented(entity: ExportEntity) -> None:
    """docs/exports.md has exactly the parameters of the code, and the meaning of each condition."""
    paper = DOCS.read_text("utf-8")
    section = paper.partition(f"### Conditions on {entity.lower()}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|", section, re.MULTILINE)
    common = paper.partition("## Parameters\n")[2].partition("\n#")[0]

    assert dict(rows) == CONDITIONS[entity]
    assert re.findall(r"^\| `(\w+)` \|", common, re.MULTILINE) == list(PARAMETERS)
