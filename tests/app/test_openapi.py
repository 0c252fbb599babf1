"""The description of the REST routes is what the routes are, and everybody may read it."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr
from starlette.routing import Route

from app.asgi import Application, create_app
from app.openapi.document import openapi_bytes, openapi_document
from domain.errors import ErrorCode
from domain.exports import ExportEntity
from domain.names import spelled
from streaming import tus
from streaming.export_params import CONDITIONS, PARAMETERS
from streaming.statuses import STATUS
from tests.apps import App, OpenSharedApp

PATH: Final = "/api/openapi.json"
METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
ID: Final = "0" * 32
PAPER: Final = Path(__file__).parents[2] / "docs" / "rest.md"
NOT_REST: Final = ("/graphql", "/explorer", "/imports/", "/ops/assets/")
"""What GraphQL describes, and what browsers open."""

PAGES: Final = {"/", "/ops"}

DOCUMENT: Final = openapi_document()


@pytest.fixture(scope="module")
async def app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """An application on an empty database, that nobody writes to."""
    async with open_shared_app("openapi", ops_token=SecretStr("as in production")) as app:
        yield app


def described() -> Iterator[dict[str, Any]]:
    """The operations that there are."""
    return (each for item in DOCUMENT["paths"].values() for each in item.values())


def folded(path: str) -> str:
    """A path without the slash at its end, with which it is answered too."""
    return path.rstrip("/") or "/"


def routed(application: Application) -> set[str]:
    """The paths of the REST routes of an application."""
    paths = {folded(route.path) for route in application.routes if isinstance(route, Route)}
    return {path for path in paths - PAGES if not path.startswith(NOT_REST)}


async def send(http: httpx.AsyncClient, path: str, method: str) -> httpx.Response:
    """The answer to a request with nothing but what tells a client of tus."""
    address = re.sub(r"\{\w+\}", ID, path)
    return await http.request(method, address, headers={"Tus-Resumable": tus.VERSION})


async def test_every_route_is_described_and_nothing_else(app: App) -> None:
    """Paths are compared without the slash at their end."""
    assert {folded(path) for path in DOCUMENT["paths"]} == routed(create_app(app.resources))


@pytest.mark.parametrize("path", DOCUMENT["paths"])
async def test_methods_are_those_that_are_described(app: App, path: str) -> None:
    """A method is refused as such exactly when it is not described, with either end of a path."""
    for address in (folded(path), f"{folded(path)}/"):
        statuses = {each: (await send(app.http, address, each)).status_code for each in METHODS}
        taken = {method for method, status in statuses.items() if status != 405}
        assert taken == set(DOCUMENT["paths"][path])


@pytest.mark.parametrize("path", DOCUMENT["paths"])
async def test_who_needs_a_token_is_as_described(app: App, path: str) -> None:
    """Without one exactly the public operations answer; the answer is one that is described."""
    for method, operation in DOCUMENT["paths"][path].items():
        status = (await send(app.http, path, method)).status_code
        assert (status == 401) == bool(operation["security"])
        assert str(status) in operation["responses"]


def test_every_code_has_its_status() -> None:
    """All codes are told, each among the answers with the status that it has."""
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(
        ErrorCode
    )
    told = {
        code: schema["properties"]["status"]["const"]
        for each in DOCUMENT["components"]["responses"].values()
        for schema in [each["content"]["application/problem+json"]["schema"]]
        for code in schema["properties"]["code"]["enum"]
    }
    assert told == {code: STATUS.get(code, 400) for code in ErrorCode}


@pytest.mark.parametrize("entity", ExportEntity)
def test_parameters_of_exports_are_those_that_are_read(entity: ExportEntity) -> None:
    """By either method, in every spelling that a body may have, with their meaning."""
    item = DOCUMENT["paths"][f"/api/v1/{entity.lower()}/stream/"]
    names = [*PARAMETERS, *CONDITIONS[entity]]
    asked = [each for each in item["get"]["parameters"] if each.get("in") == "query"]
    body = item["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert [each["name"] for each in asked] == names
    assert all(each["description"] for each in asked)
    assert set(body["properties"]) == {*names, *map(spelled, names)}


def test_it_is_openapi() -> None:
    """It follows the schema of OpenAPI 3.1, and each schema in it that of JSON Schema."""
    definitions = pytest.importorskip("schemathesis.specs.openapi.definitions")
    jsonschema = pytest.importorskip("jsonschema_rs")
    assert [str(each) for each in definitions.OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
        )
        assert schema["description"], name


def test_what_it_refers_to_is_there() -> None:
    """And all that is shared is referred to."""
    text = openapi_bytes().decode()
    there = {
        f"#/components/{kind}/{name}"
        for kind, named in DOCUMENT["components"].items()
        if kind != "securitySchemes"
        for name in named
    }
    assert set(re.findall(r'"\$ref":"([^"]+)"', text)) - there == set()


def test_operations_have_names_of_their_own() -> None:
    """Generated clients name their functions by them."""
    names = [operation["operationId"] for operation in described()]
    assert len(set(names)) == len(names)


def test_operations_refer_to_tags_that_are_explained() -> None:
    """Each has one, and none is left over."""
    tags = {tag for operation in described() for tag in operation["tags"]}
    assert tags == {tag["name"] for tag in DOCUMENT["tags"]}


async def test_everybody_may_read_and_keep_it(app: App) -> None:
    """Without a token; who has it already is told so."""
    first = await app.http.get(PATH)
    assert first.status_code == 200
    assert first.headers["content-type"] == "application/json"
    assert first.headers["cache-control"].startswith("public, max-age=")
    assert first.content == openapi_bytes()
    again = await app.http.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_paper_names_every_path_and_method() -> None:
    """docs/rest.md has a row for each path that is described, with its methods."""
    rows = re.findall(r"^\| `([A-Z, `]+)` \| `([^`]+)` \|", PAPER.read_text("utf-8"), re.MULTILINE)
    documented = {path: set(re.findall(r"[A-Z]+", methods)) for methods, path in rows}
    assert documented == {
        path: {method.upper() for method in item} - {"HEAD" if "get" in item else ""}
        for path, item in DOCUMENT["paths"].items()
    }
