"""Addresses of exports through GraphQL: of files and of streams, for whom and how long."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from app.resources import Resources
from domain.enums import Role
from domain.scalars import write_datetime
from domain.viewer import MAKE_JOBS, Permission
from graph.exports import MAX_URL_CHARS
from tests.apps import App
from tests.client import Client
from tests.factories import make_company
from tests.graph.exports import COMPANIES_URL, CONTACTS_URL, ClientAs, exported, link, shown
from tests.graph.rows import execute


@pytest.fixture
async def viewer(client_as: ClientAs) -> Client:
    """A client that may only read."""
    return await client_as(Role.VIEWER)


@pytest.mark.usefixtures("working")
async def test_link_is_good_for_its_file_and_for_a_while(
    viewer: Client, resources: Resources, http: httpx.AsyncClient
) -> None:
    """Not for another file, not when it is changed, and not without its token."""
    first, second = [await exported(viewer, resources) for _ in range(2)]
    url, other = await link(viewer, first), await link(viewer, second)
    assert (await http.get(url)).status_code == 200
    path, _, token = url.partition("?token=")
    forged = [
        path,
        f"{other.partition('?')[0]}?token={token}",
        f"{path}?token={token[:-4]}AAAA",
        f"{path}?token={viewer.headers['Authorization'].removeprefix('Bearer ')}",
    ]
    for address in forged:
        answer = await http.get(address)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert seconds_of(resources, url) <= 900


@pytest.mark.usefixtures("working")
async def test_link_is_for_tokens_that_could_download_without(
    client_as: ClientAs, resources: Resources, http: httpx.AsyncClient
) -> None:
    """A token of the owner with another scope sees the job, and reads no record by it."""
    admin = await client_as(Role.ADMIN)
    id_ = await exported(admin, resources)
    token = admin.headers["Authorization"].removeprefix("Bearer ")
    for scope in MAKE_JOBS:
        made = await resources.accounts.api_tokens.create(
            resources.tokens.read(token), name=scope.value, scopes=[scope], expires_at=None
        )
        url = await link(Client(http, made.secret), id_)
        assert (url is not None) is (scope is Permission.EXPORT), scope
    assert (await http.get(await link(admin, id_))).status_code == 200


def seconds_of(resources: Resources, url: str) -> float:
    """How long an address is good yet."""
    (token,) = parse_qs(urlsplit(url).query)["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert resources.links.read(token, url)
    left: float = claims["exp"] - datetime.now(UTC).timestamp()
    return left


@pytest.mark.usefixtures("working")
async def test_link_is_never_good_beyond_the_file(viewer: Client, resources: Resources) -> None:
    """The last of them is shorter, and then there is none."""
    id_ = await exported(viewer, resources)
    for left, is_there in ((60, True), (-1, False)):
        at = write_datetime(datetime.now(UTC) + timedelta(seconds=left))
        await let_expire(resources, at)
        assert (await shown(viewer, id_))["expiresAt"] == at
        url = await link(viewer, id_)
        assert (url is not None) is is_there
        assert url is None or 50 < seconds_of(resources, url) <= 60


async def let_expire(resources: Resources, at: str) -> None:
    """Have the files of all jobs stay until then, as those that ended say."""
    await execute(resources.database, "ALTER TABLE jobs DISABLE TRIGGER guard_job")
    await execute(
        resources.database,
        "UPDATE jobs SET result = jsonb_set(result, '{expiresAt}', to_jsonb($1::text))",
        at,
    )


async def test_stream_address_holds_what_was_asked_for(
    viewer: Client, resources: Resources, http: httpx.AsyncClient
) -> None:
    """It is followed without a token, and another question is not signed by it."""
    for name in ("Acme", "Base & Söhne"):
        await make_company(resources.database, name=name)
    given = {"filter": {"name": {"in": ["Base & Söhne"]}}, "columns": ["name"], "maxResults": 5}
    order = [{"field": "NAME", "nulls": "FIRST"}]
    url = (await viewer.query(COMPANIES_URL, **given, orderBy=order))["exportCompaniesStreamUrl"]
    assert url.startswith("/api/v1/companies/stream/?")
    answer = await http.get(url)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.json() == {"name": "Base & Söhne"}
    assert 240 < seconds_of(resources, url) <= 300
    for one, other in (("max_results=5", "max_results=6"), ("/companies/", "/contacts/")):
        assert (await http.get(url.replace(one, other))).status_code == 401


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"columns": ["uuid", "shoeSize"]}, "contacts have no column shoeSize."),
        ({"columns": []}, "columns is empty."),
        ({"columns": ["uuid,email"]}, "contacts have no column uuid,email."),
        ({"maxResults": 0}, "max_results is"),
        ({"bom": True}, "bom goes with format=csv only."),
        ({"filter": {"city": {"eq": None}}}, "filter.city.eq is null"),
        ({"filter": {"and": None}}, "filter.and is null"),
        ({"orderBy": []}, "orderBy is empty."),
        ({"orderBy": [{"field": "RELEVANCE"}]}, "RELEVANCE"),
        ({"filter": {"city": {"in": ["x" * MAX_URL_CHARS]}}}, "The address would have"),
    ],
)
async def test_stream_address_is_refused_for_what_the_stream_would_refuse(
    empty_app: App, given: dict[str, Any], words: str
) -> None:
    """Whoever follows an address has nobody to ask what is wrong."""
    failed = await empty_app.client().fail(CONTACTS_URL, **given)
    assert failed["extensions"]["code"] == "BAD_USER_INPUT"
    assert failed["message"].startswith(words)
