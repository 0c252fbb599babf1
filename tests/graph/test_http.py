"""GraphQL over HTTP: what is taken, what is refused, and in what form either is answered."""

import json
from collections.abc import AsyncIterator

import pytest

from domain.enums import Role
from tests.apps import App
from tests.graph.answers import JSON, NEW_TYPE, TYPENAME, as_body, the_error


def deep(levels: int) -> str:
    """JSON of nested lists."""
    return "[" * levels + "]" * levels


NOT_A_REQUEST: dict[str, tuple[bytes | str, str]] = {
    "nothing": ("", "The body is not valid JSON"),
    "half": ('{"query": "{', "The body is not valid JSON"),
    "two": (TYPENAME + TYPENAME, "The body is not valid JSON"),
    "text": ('"x"', "The body is not a JSON object"),
    "number": ("3", "The body is not a JSON object"),
    "null": ("null", "The body is not a JSON object"),
    "true": ("true", "The body is not a JSON object"),
    "list": ("[]", "The body is not a JSON object"),
    "batch": (f"[{TYPENAME}]", "The body is not a JSON object"),
    "invalid UTF-8": (b'{"query": "\xff"}', "The body is not valid JSON"),
    "half a surrogate pair": (rb'{"query": "\ud800"}', "The body is not valid JSON"),
    "not a number": ('{"query": "{a}", "variables": {"a": NaN}}', "The body is not valid JSON"),
    "5 000 levels": (deep(5000), "The body is not valid JSON"),
    "5 000 levels inside": (f'{{"query": {deep(5000)}}}', "The body is not valid JSON"),
    "150 levels of variables": (
        as_body("{ __typename }", variables={"a": json.loads(deep(150))}),
        "The body is nested more than 100 levels deep.",
    ),
    "no query": ("{}", "The request has no query; it must be a text."),
    "null query": (as_body(None), "The request has no query; it must be a text."),
    "number as query": (as_body(3), "The request has no query; it must be a text."),
    "blank query": (as_body(" \n"), "The request has no query; it must be a text."),
    "list of variables": (
        as_body("{ __typename }", variables=[1]),
        "The variables are not a JSON object.",
    ),
    "number as document": (
        '{"documentId": 3}',
        "The documentId is not a text.",
    ),
    "query and document": (
        as_body("{ __typename }", documentId="a"),
        "The request has both a query and a documentId. Send one of them.",
    ),
    "number as operation name": (
        as_body("{ __typename }", operationName=1),
        "The operationName is not a text.",
    ),
}
NOT_EXECUTABLE: dict[str, tuple[str, str, str]] = {
    "syntax error": (as_body("{ contacts("), "GRAPHQL_PARSE_FAILED", "Syntax Error: "),
    "300 levels": (
        as_body("{a" * 300 + "}" * 300),
        "GRAPHQL_PARSE_FAILED",
        "The document is nested more than 60 levels deep.",
    ),
    "300 levels behind a comment": (
        as_body("#" + "}" * 300 + "\n" + "{a" * 300 + "}" * 300),
        "GRAPHQL_PARSE_FAILED",
        "The document is nested more than 60 levels deep.",
    ),
    "300 levels behind a text": (
        as_body('{a(b:"' + "}" * 300 + '")' + "{a" * 300 + "}" * 301),
        "GRAPHQL_PARSE_FAILED",
        "The document is nested more than 60 levels deep.",
    ),
    "too many tokens": (
        as_body("{" + " a" * 2000 + "}"),
        "GRAPHQL_PARSE_FAILED",
        "Syntax Error: Document contains more than 2000 tokens.",
    ),
    "a chain of 240 fragments": (
        as_body(
            "{...F0}" + "".join(f" fragment F{n} on Query {{...F{n + 1}}}" for n in range(240))
        ),
        "QUERY_TOO_DEEP",
        "The document is too deep. Its fragments are 241 levels in each other;",
    ),
    "unknown field": (
        as_body("{ nothing }"),
        "GRAPHQL_VALIDATION_FAILED",
        "Cannot query field 'nothing' on type 'Query'.",
    ),
    "unknown argument": (
        as_body("{ contacts(limit: 3) { totalCount } }"),
        "GRAPHQL_VALIDATION_FAILED",
        "Unknown argument 'limit' on field 'Query.contacts'.",
    ),
    "wrong type of a variable": (
        as_body("query ($n: Int) { contacts(first: $n) { totalCount } }", variables={"n": "x"}),
        "BAD_USER_INPUT",
        "Variable '$n' has invalid value: Int cannot represent non-integer value: 'x'",
    ),
    "number beyond 32 bits": (
        as_body("query ($n: Int) { contacts(first: $n) { totalCount } }", variables={"n": 2**31}),
        "BAD_USER_INPUT",
        "Variable '$n' has invalid value: Int cannot represent non 32-bit signed integer",
    ),
    "missing variable": (
        as_body("query ($id: ID!) { contact(id: $id) { id } }"),
        "BAD_USER_INPUT",
        "Variable '$id' has invalid value: Expected a value of non-null type 'ID!'",
    ),
    "unknown operation": (
        as_body("query A { __typename }", operationName="B"),
        "BAD_USER_INPUT",
        "Name one operation of the document in operationName.",
    ),
    "two operations and no name": (
        as_body("query A { __typename } query B { __typename }"),
        "BAD_USER_INPUT",
        "Name one operation of the document in operationName.",
    ),
    "no operation": (
        as_body("fragment F on Query { __typename }"),
        "GRAPHQL_VALIDATION_FAILED",
        "Fragment 'F' is never used.",
    ),
}


@pytest.mark.parametrize(("body", "message"), NOT_A_REQUEST.values(), ids=NOT_A_REQUEST.keys())
async def test_body_that_is_no_request_is_bad_user_input(
    empty_app: App, body: bytes | str, message: str
) -> None:
    """Whatever is not a GraphQL request is a 400 in JSON under either media type."""
    for accept in (JSON, NEW_TYPE):
        response = await empty_app.post(body, Accept=accept)
        error = the_error(response, 400, "BAD_USER_INPUT")
        assert error["message"].startswith(message)
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"


@pytest.mark.parametrize(
    ("body", "code", "message"), NOT_EXECUTABLE.values(), ids=NOT_EXECUTABLE.keys()
)
async def test_request_that_cannot_be_executed_has_no_data(
    empty_app: App, body: str, code: str, message: str
) -> None:
    """A request error has no `data` key; its status is 200 as JSON and 400 under the new type."""
    for accept, status in ((JSON, 200), (NEW_TYPE, 400)):
        response = await empty_app.post(body, Accept=accept)
        assert the_error(response, status, code)["message"].startswith(message)


async def test_at_most_five_validation_errors_are_told(empty_app: App) -> None:
    """A document with many mistakes is told the first ones, not hundreds."""
    response = await empty_app.post(as_body("{" + " ".join(f"x{n}" for n in range(100)) + "}"))
    the_error(response, 200, "GRAPHQL_VALIDATION_FAILED")
    assert [error["message"] for error in response.json()["errors"]] == [
        f"Cannot query field 'x{n}' on type 'Query'." for n in range(5)
    ]


async def test_brackets_in_texts_and_comments_are_not_nesting(empty_app: App) -> None:
    """A value may hold any number of brackets."""
    many = "([{" * 100
    document = f'# {many}\n{{ contacts(filter: {{name: {{eq: "\\"{many}"}}}}) {{ totalCount }} }}'
    assert await empty_app.client().query(document) == {"contacts": {"totalCount": 0}}
    block = f'{{ contacts(filter: {{name: {{eq: """ " {many} \\""" """}}}}) {{ totalCount }} }}'
    assert await empty_app.client().query(block) == {"contacts": {"totalCount": 0}}


async def test_execution_error_keeps_null_data(empty_app: App) -> None:
    """When execution began and its error nulls everything, `data` is null and the status 200."""
    for accept in (JSON, NEW_TYPE):
        response = await empty_app.post(
            as_body("{ contacts(first: 0) { totalCount } }"), Accept=accept
        )
        assert response.status_code == 200
        assert response.json()["data"] is None
        (error,) = response.json()["errors"]
        assert error["path"] == ["contacts"]
        assert error["locations"] == [{"line": 1, "column": 3}]


async def test_failing_nullable_field_leaves_the_others(empty_app: App) -> None:
    """One wrong id nulls its own field only."""
    response = await empty_app.post(as_body('{ a: contact(id: "x") { id } b: __typename }'))
    assert response.json()["data"] == {"a": None, "b": "Query"}
    assert [error["path"] for error in response.json()["errors"]] == [["a"]]


async def test_operation_name_chooses_the_operation(empty_app: App) -> None:
    """Of several operations the named one runs; an empty name is none."""
    query = "query A { a: __typename } query B { b: __typename }"
    response = await empty_app.post(as_body(query, operationName="B"))
    assert response.json()["data"] == {"b": "Query"}
    response = await empty_app.post(as_body("query A { a: __typename }", operationName=""))
    assert response.json()["data"] == {"a": "Query"}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain; charset=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonp",
        "application/json+x",
        "text/plain, application/json",
        "",
    ],
)
async def test_body_that_is_not_called_json_is_refused(empty_app: App, content_type: str) -> None:
    """The media type is compared whole, so a form of another site cannot send a request."""
    response = await empty_app.post(TYPENAME, **{"Content-Type": content_type})
    error = the_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert error["message"] == "Send the request as application/json."


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON ;charset=utf-8"]
)
async def test_json_with_parameters_is_taken(empty_app: App, content_type: str) -> None:
    """Parameters and case of the media type do not matter."""
    response = await empty_app.post(TYPENAME, **{"Content-Type": content_type})
    assert (response.status_code, response.json()["data"]) == (200, {"__typename": "Query"})


async def test_encoded_body_is_refused(empty_app: App) -> None:
    """A compressed body is 415; `identity` says that there is no encoding."""
    response = await empty_app.post(TYPENAME, **{"Content-Encoding": "gzip"})
    error = the_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert error["message"] == "Send the body without a content encoding."
    response = await empty_app.post(TYPENAME, **{"Content-Encoding": "identity"})
    assert response.status_code == 200


async def test_large_body_is_refused(empty_app: App) -> None:
    """A body over the limit is 413 whether or not it says its length; one just under it is read."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65536

    response = await empty_app.post(b" " * 10 * 2**20)
    error = the_error(response, 413, "PAYLOAD_TOO_LARGE")
    assert error["extensions"]["limit"] == 4 * 2**20
    headers = empty_app.client().headers
    response = await empty_app.http.post("/graphql", content=chunks(), headers=headers)
    the_error(response, 413, "PAYLOAD_TOO_LARGE")
    response = await empty_app.post(TYPENAME + " " * (4 * 2**20 - len(TYPENAME)))
    assert response.status_code == 200


async def test_get_answers_a_query_with_variables(empty_app: App) -> None:
    """A query may come as a link with its variables as JSON and the name of its operation."""
    parameters = {
        "query": "query A($f: ContactFilter) { contacts(filter: $f) { totalCount } } "
        "query B { x: __typename }",
        "variables": '{"f": {"name": {"eq": "Ada & Bob + é"}}}',
        "operationName": "A",
    }
    response = await empty_app.get(parameters)
    assert (response.status_code, response.json()["data"]) == (200, {"contacts": {"totalCount": 0}})
    slashed = await empty_app.http.get(
        "/graphql/", params=parameters, headers=empty_app.client().headers
    )
    assert slashed.json() == response.json()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "The request has no query; it must be a text."),
        (
            {"query": "{ __typename }", "variables": "{"},
            "The parameter variables is not valid JSON: ",
        ),
        ({"query": "{ __typename }", "variables": "[1]"}, "The variables are not a JSON object."),
        (
            {"query": "{ __typename }", "extensions": "nonsense"},
            "The parameter extensions is not valid JSON: ",
        ),
    ],
    ids=["no query", "half variables", "list of variables", "wrong extensions"],
)
async def test_get_that_is_no_request_is_bad_user_input(
    empty_app: App, parameters: dict[str, str], message: str
) -> None:
    """A link that is no request is refused as a body would be."""
    error = the_error(await empty_app.get(parameters), 400, "BAD_USER_INPUT")
    assert error["message"].startswith(message)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/html", JSON),
        (NEW_TYPE, NEW_TYPE),
        (f"{NEW_TYPE}, {JSON}", NEW_TYPE),
        (f"{JSON}, {NEW_TYPE}", NEW_TYPE),
        (f"{NEW_TYPE}; charset=utf-8, {JSON};q=0.9", NEW_TYPE),
        (f"{NEW_TYPE};q=0.5, {JSON}", JSON),
        (f"{NEW_TYPE};q=0.5,{JSON};q=0.4", NEW_TYPE),
        (f"{NEW_TYPE};q=0, {JSON};q=0.1", JSON),
        (f"{NEW_TYPE};q=0", JSON),
        (f"{NEW_TYPE};q=nonsense, {JSON}", JSON),
        (f"{JSON}, {NEW_TYPE};q=0.1, text/event-stream", JSON),
        (NEW_TYPE.upper(), NEW_TYPE),
        ("text/html, " * 100 + NEW_TYPE, NEW_TYPE),
    ],
)
async def test_media_type_of_the_answer_follows_accept(
    empty_app: App, accept: str | None, expected: str
) -> None:
    """The weights of Accept choose the media type; caches are told that it does."""
    headers = empty_app.client().headers | ({} if accept is None else {"Accept": accept})
    request = empty_app.http.build_request("POST", "/graphql", content=TYPENAME, headers=headers)
    if accept is None:
        del request.headers["accept"]
    response = await empty_app.http.send(request)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"
    assert response.headers["vary"] == "Accept"


async def test_text_that_is_never_closed_is_refused_at_once(empty_app: App) -> None:
    """A document is looked through in one pass, whatever it holds: this one once took minutes."""
    for opening in ('"', '"""'):
        response = await empty_app.post(as_body(opening + '\\"' * 45_000))
        the_error(response, 200, "GRAPHQL_PARSE_FAILED")


async def test_mutation_by_head_is_refused(empty_app: App) -> None:
    """Only POST changes anything, also with a body that says otherwise."""
    body = as_body('mutation { createContact(input: {firstName: "Ada"}) { contact { id } } }')
    headers = empty_app.client(Role.EDITOR).headers
    response = await empty_app.http.request("HEAD", "/graphql", content=body, headers=headers)
    assert response.status_code == 400
    found = await empty_app.client().query("{ contacts { totalCount } }")
    assert found == {"contacts": {"totalCount": 0}}
