"""Requests that are wrong in every way we know: each is told so, in JSON, with nothing of ours."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.apps import App
from tests.graph.answers import JSON, NEW_TYPE, TYPENAME, as_body, the_error

pytestmark = pytest.mark.one_executor("none of it is executed")

OF_OURS = re.compile(
    r"Traceback|File \"|\.py\b|orjson|graphql-core|sqlalchemy|asyncpg|0x[0-9a-f]{6}"
)
QUERY = "{ __typename }"
MUTATION = 'mutation { createCompany(input: {name: "A"}) { company { id } } }'
HASH = "0" * 64


def nested(opening: str, levels: int, closing: str) -> str:
    """JSON that is as deep."""
    return opening * levels + "1" + closing * levels


@dataclass(frozen=True)
class Wrong:
    """A request, and what it is told."""

    content: bytes | str = ""
    status: int = 400
    code: str = "BAD_USER_INPUT"
    words: str = "The body is not valid JSON: "
    headers: dict[str, str] = field(default_factory=dict)


NO_OBJECT = "The body is not a JSON object"
NO_QUERY = "The request has no query; it must be a text."
TOO_DEEP = "The body is nested more than 100 levels deep."


def beside(words: str, **wrong: Any) -> Wrong:
    """A query with something wrong beside it."""
    return Wrong(as_body(QUERY, **wrong), words=words)


BODIES: dict[str, Wrong] = {
    # No JSON at all.
    "nothing": Wrong(b""),
    "spaces": Wrong(b" \n\t "),
    "a null byte": Wrong(b"\x00"),
    "a word": Wrong(b"query"),
    "a document": Wrong(b"{ __typename }"),
    "half an object": Wrong(b'{"query": "{ __typename }"'),
    "half a text": Wrong(b'{"query": "{ __type'),
    "half an escape": Wrong(b'{"query": "\\u00'),
    "two objects": Wrong(TYPENAME + TYPENAME),
    "lines of objects": Wrong(f"{TYPENAME}\n{TYPENAME}"),
    "an object and a word": Wrong(TYPENAME + "x"),
    "a comma too many": Wrong(b'{"query": "{ __typename }",}'),
    "single quotes": Wrong(b"{'query': '{ __typename }'}"),
    "names without quotes": Wrong(b'{query: "{ __typename }"}'),
    "a comment": Wrong(b'/* a */ {"query": "{ __typename }"}'),
    "a line feed in a text": Wrong(b'{"query": "{\n__typename }"}'),
    "NaN": Wrong(b'{"query": "{ __typename }", "variables": {"a": NaN}}'),
    "Infinity": Wrong(b'{"query": "{ __typename }", "variables": {"a": Infinity}}'),
    "-Infinity": Wrong(b'{"query": "{ __typename }", "variables": {"a": -Infinity}}'),
    "a number beyond all": Wrong(b'{"query": "{ __typename }", "variables": {"a": 1e400}}'),
    "a number with a zero before it": Wrong(b'{"query": "{ __typename }", "variables": {"a": 01}}'),
    "a number in hexadecimal": Wrong(b'{"query": "{ __typename }", "variables": {"a": 0x1}}'),
    "half a number": Wrong(b'{"query": "{ __typename }", "variables": {"a": 1.}}'),
    "a form": Wrong(b"query=%7B__typename%7D"),
    "XML": Wrong(b"<query>{ __typename }</query>"),
    # No UTF-8.
    "a byte that is none": Wrong(b'{"query": "\xff"}'),
    "half a character": Wrong(b'{"query": "\xc3"}'),
    "a continuation alone": Wrong(b'{"query": "\x80"}'),
    "a character that is too long": Wrong(b'{"query": "\xc0\xaf"}'),
    "a surrogate in UTF-8": Wrong(b'{"query": "\xed\xa0\x80"}'),
    "beyond Unicode": Wrong(b'{"query": "\xf4\x90\x80\x80"}'),
    "Latin-1": Wrong('{"query": "é"}'.encode("latin-1")),
    "half a surrogate pair": Wrong(rb'{"query": "\ud800"}'),
    "the other half": Wrong(rb'{"query": "\udc00"}'),
    "a pair the wrong way": Wrong(rb'{"query": "\udc00\ud800"}'),
    "a byte order mark": Wrong(b"\xef\xbb\xbf" + TYPENAME.encode()),
    "UTF-16": Wrong(TYPENAME.encode("utf-16")),
    "UTF-16 without a mark": Wrong(TYPENAME.encode("utf-16-le")),
    "UTF-32": Wrong(TYPENAME.encode("utf-32")),
    "gzip that is not called so": Wrong(b"\x1f\x8b\x08\x00\x00\x00\x00\x00"),
    # JSON, and no object.
    "null": Wrong("null", words=NO_OBJECT),
    "true": Wrong("true", words=NO_OBJECT),
    "false": Wrong("false", words=NO_OBJECT),
    "a number": Wrong("3", words=NO_OBJECT),
    "a fraction": Wrong("-0.5e3", words=NO_OBJECT),
    "a text": Wrong('"{ __typename }"', words=NO_OBJECT),
    "a text of brackets": Wrong(f'"{"[" * 200}"', words=NO_OBJECT),
    "a list": Wrong("[]", words=NO_OBJECT),
    "a batch": Wrong(f"[{TYPENAME}, {TYPENAME}]", words=NO_OBJECT),
    # Too deep, or of too many pieces.
    "5 000 lists": Wrong(nested("[", 5000, "]")),
    "5 000 lists without an end": Wrong("[" * 5000),
    "5 000 objects": Wrong(nested('{"a":', 5000, "}")),
    "500 lists": Wrong(nested("[", 500, "]"), words=TOO_DEEP),
    "500 objects": Wrong(nested('{"a":', 500, "}"), words=TOO_DEEP),
    "101 objects": Wrong(nested('{"a":', 101, "}"), words=TOO_DEEP),
    "lists in extensions": Wrong(
        f'{{"query": "{QUERY}", "extensions": {{"a": {nested("[", 101, "]")}}}}}', words=TOO_DEEP
    ),
    "200 000 lists": Wrong(
        f'{{"query": "{QUERY}", "variables": {{"a": [{",".join(["[]"] * 200_000)}]}}}}',
        words="The body has more than 100000 brackets.",
    ),
    # An object, and no request.
    "an empty object": Wrong("{}", words=NO_QUERY),
    "another name": Wrong('{"Query": "{ __typename }"}', words=NO_QUERY),
    "null as query": Wrong(as_body(None), words=NO_QUERY),
    "an empty query": Wrong(as_body(""), words=NO_QUERY),
    "a blank query": Wrong(as_body(" \n "), words=NO_QUERY),
    "a number as query": Wrong(as_body(0), words=NO_QUERY),
    "a list as query": Wrong(as_body([QUERY]), words=NO_QUERY),
    "an object as query": Wrong(as_body({"query": QUERY}), words=NO_QUERY),
    "a query twice, the last one wrong": Wrong(
        f'{{"query": "{QUERY}", "query": 3}}', words=NO_QUERY
    ),
    **{
        f"{type(value).__name__} as variables": beside(
            "The variables are not a JSON object.", variables=value
        )
        for value in ("{}", 0, False, [1])
    },
    **{
        f"{type(value).__name__} as operationName": beside(
            "The operationName is not a text.", operationName=value
        )
        for value in (0, True, ["A"], {"name": "A"})
    },
    **{
        f"{type(value).__name__} as extensions": beside(
            "The extensions are not a JSON object.", extensions=value
        )
        for value in ("a", 0, False, [1])
    },
    **{
        f"{type(value).__name__} as persistedQuery": beside(
            "The persistedQuery is not a JSON object.", extensions={"persistedQuery": value}
        )
        for value in (HASH, 1, True, [HASH])
    },
    **{
        f"version {version!r} of persistedQuery": beside(
            "The persistedQuery has not the version 1",
            extensions={"persistedQuery": {"version": version, "sha256Hash": HASH}},
        )
        for version in (None, 0, 2, "1", True, 1.0)
    },
    **{
        f"{value!r:.9} as sha256Hash": beside(
            "The sha256Hash is not a SHA-256 in lower-case hexadecimal.",
            extensions={"persistedQuery": {"version": 1, "sha256Hash": value}},
        )
        for value in (
            None,
            "",
            1,
            HASH[1:],
            "1" + HASH,
            "A" * 64,
            "2" * 64 + "\n",
            "../" + HASH[3:],
        )
    },
    "a hash of something else": beside(
        "The sha256Hash is not that of the query.",
        extensions={"persistedQuery": {"version": 1, "sha256Hash": HASH}},
    ),
    "a number as documentId": Wrong('{"documentId": 3}', words="The documentId is not a text."),
    "a list as documentId": Wrong('{"documentId": ["a"]}', words="The documentId is not a text."),
    "a documentId with a query": beside(
        "The request has both a query and a documentId.", documentId="a"
    ),
    "a documentId with a hash": Wrong(
        f'{{"documentId": "a", "extensions": {{"persistedQuery": {{"version": 1, '
        f'"sha256Hash": "{HASH}"}}}}}}',
        words="The request has both a persistedQuery and a documentId.",
    ),
    "a documentId of nothing": Wrong(
        '{"documentId": "../../etc/passwd"}',
        code="PERSISTED_QUERY_NOT_FOUND",
        words="There is no stored document '../../etc/passwd'.",
    ),
    "an empty documentId": Wrong(
        '{"documentId": ""}',
        code="PERSISTED_QUERY_NOT_FOUND",
        words="There is no stored document ''.",
    ),
    # What an operation is refused for.
    "an idempotency key that is too long": Wrong(
        TYPENAME, words="", headers={"Idempotency-Key": "k" * 1000}
    ),
    "a subscription that wants no stream": Wrong(
        as_body("subscription { contactChanged { __typename } }"),
        words="A subscription is answered by a stream.",
        headers={"Accept": "application/json;q=0.5, text/event-stream;q=0"},
    ),
}

OTHER_TYPES = (
    "",
    "text/plain",
    "text/plain; charset=application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/mixed",
    "application/graphql",
    "application/graphql-response+json",
    "application/jsonp",
    "application/json+x",
    "application/x-json",
    "application",
    "*/*",
    "json",
    ";",
    "application/json, text/plain",
    "text/plain, application/json",
    "application/json; charset=utf-16",
    "application/json; charset=iso-8859-1",
    'application/json; charset="latin1"',
    "application/json; charset=utf-8; charset=utf-7",
    "application/json; charset=",
    "APPLICATION/JSON; CHARSET=UTF-16",
)

PARAMETERS: dict[str, tuple[str, str]] = {
    "nothing": ("", NO_QUERY),
    "an empty query": ("query=", NO_QUERY),
    "a name alone": ("query", NO_QUERY),
    "a query twice": ("query={__typename}&query={__typename}", "A parameter is there twice."),
    "variables twice": (
        "query={__typename}&variables={}&variables={}",
        "A parameter is there twice.",
    ),
    "half variables": ("query={__typename}&variables={", "The parameter variables is not valid"),
    "variables that are none": ("query={__typename}&variables=a", "The parameter variables is not"),
    "a list of variables": ("query={__typename}&variables=[]", "The variables are not a JSON obj"),
    "null bytes": ("query={__typename}&variables=%00", "The parameter variables is not valid JSON"),
    "deep variables": (
        f"query={{__typename}}&variables={nested('[', 101, ']')}",
        "The parameter variables is nested more than 100 levels deep.",
    ),
    "wrong extensions": (
        "query={__typename}&extensions=a",
        "The parameter extensions is not valid",
    ),
    "a list of extensions": ("query={__typename}&extensions=[]", "The extensions are not a JSON"),
    "a document and a query": ("query={__typename}&documentId=a", "The request has both a query"),
    "no UTF-8": ("query=%ff", "The parameters are not a text in UTF-8."),
    "half a character": ("query=%c3&a=b", "The parameters are not a text in UTF-8."),
}

METHODS = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PURGE", "PROPFIND")

ODD_WEIGHTS: dict[str, tuple[str, str]] = {
    "of nothing": (f"{NEW_TYPE};q=", JSON),
    "of a word": (f"{NEW_TYPE};q=high, {JSON};q=0.1", JSON),
    "no number": (f"{NEW_TYPE};q=nan, {JSON};q=0.1", JSON),
    "without end": (f"{NEW_TYPE};q=inf, {JSON};q=1", JSON),
    "below zero": (f"{NEW_TYPE};q=-1, {JSON};q=0.1", JSON),
    "above one": (f"{NEW_TYPE};q=5, {JSON};q=1", JSON),
    "commas alone": (",,,;;,", JSON),
    "nothing that there is": ("image/png;q=1, text/html;q=0.9", JSON),
    "nothing at all": ("*/*;q=0", JSON),
    "no Latin": ("application/☃".encode().decode("latin-1"), JSON),
}


def assert_tells_nothing_of_ours(response: httpx.Response) -> None:
    """Neither files nor libraries nor what memory looks like."""
    assert not OF_OURS.search(response.text)
    assert response.headers["content-type"] in {
        f"{each}; charset=utf-8" for each in (JSON, NEW_TYPE)
    }
    assert int(response.headers["content-length"]) == len(response.content)


@pytest.mark.parametrize("wrong", BODIES.values(), ids=BODIES.keys())
async def test_malformed_body_is_told_what_is_wrong(empty_app: App, wrong: Wrong) -> None:
    """A status, a code, words that say what to do, and no `data`."""
    response = await empty_app.post(wrong.content, **{"Accept": NEW_TYPE, **wrong.headers})
    error = the_error(response, wrong.status, wrong.code)
    assert error["message"].startswith(wrong.words)
    assert_tells_nothing_of_ours(response)


@pytest.mark.parametrize("media_type", OTHER_TYPES)
async def test_body_of_another_media_type_is_refused(empty_app: App, media_type: str) -> None:
    """Whatever a form or an image of another site can send is not JSON in UTF-8."""
    response = await empty_app.post(TYPENAME, **{"Content-Type": media_type})
    error = the_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert error["message"] == "Send the request as application/json."
    assert_tells_nothing_of_ours(response)


async def test_body_of_no_or_two_media_types_is_refused(empty_app: App) -> None:
    """A header that is not there, or there twice, says nothing."""
    token = empty_app.client().headers["Authorization"]
    json, text = ("Content-Type", JSON), ("Content-Type", "text/plain")
    for lines in ([], [text], [json, json], [json, text], [text, json]):
        response = await empty_app.http.post(
            "/graphql", content=TYPENAME, headers=[("Authorization", token), *lines]
        )
        the_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "gzip, identity", "x", ""])
async def test_encoded_body_is_refused(empty_app: App, coding: str) -> None:
    """What unpacks to a thousand times its size is not unpacked."""
    response = await empty_app.post(TYPENAME, **{"Content-Encoding": coding})
    error = the_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert error["message"] == "Send the body without a content encoding."


@pytest.mark.parametrize("said", ["its length", "nothing"])
async def test_body_beyond_the_limit_is_refused(empty_app: App, said: str) -> None:
    """By what it says, and by what comes when it says nothing."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 2**20

    content = b" " * (4 * 2**20 + 1) if said == "its length" else chunks()
    response = await empty_app.http.post(
        "/graphql", content=content, headers=empty_app.client().headers
    )
    error = the_error(response, 413, "PAYLOAD_TOO_LARGE")
    assert error["extensions"]["limit"] == 4 * 2**20
    assert_tells_nothing_of_ours(response)


@pytest.mark.parametrize(("parameters", "words"), PARAMETERS.values(), ids=PARAMETERS.keys())
async def test_malformed_parameters_are_told_what_is_wrong(
    empty_app: App, parameters: str, words: str
) -> None:
    """A link is read as strictly as a body."""
    url = httpx.URL("http://test/graphql", query=parameters.encode())
    headers = {"Authorization": empty_app.client().headers["Authorization"], "Accept": NEW_TYPE}
    response = await empty_app.http.get(url, headers=headers)
    error = the_error(response, 400, "BAD_USER_INPUT")
    assert error["message"].startswith(words)
    assert_tells_nothing_of_ours(response)


@pytest.mark.parametrize("method", METHODS)
async def test_other_methods_are_told_those_there_are(empty_app: App, method: str) -> None:
    """405 with Allow, before anybody is asked who they are."""
    response = await empty_app.http.request(method, "/graphql", content=TYPENAME)
    the_error(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert_tells_nothing_of_ours(response)


async def test_mutation_by_a_link_is_refused(empty_app: App) -> None:
    """GET and HEAD change nothing; an answer to HEAD has no body."""
    response = await empty_app.get({"query": MUTATION})
    the_error(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"
    headers = empty_app.client().headers
    head = await empty_app.http.head("/graphql", params={"query": MUTATION}, headers=headers)
    assert (head.status_code, head.content) == (405, b"")


@pytest.mark.parametrize(("accept", "expected"), ODD_WEIGHTS.values(), ids=ODD_WEIGHTS.keys())
async def test_odd_weights_are_answered_in_json(empty_app: App, accept: str, expected: str) -> None:
    """A header that nobody understands is no reason to refuse."""
    headers = [
        (name.encode(), value.encode("latin-1"))
        for name, value in {**empty_app.client().headers, "Accept": accept}.items()
    ]
    response = await empty_app.http.post("/graphql", content=TYPENAME, headers=headers)
    assert response.json()["data"] == {"__typename": "Query"}
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"
