"""Behind a caching proxy, nginx as the system has it: nobody gets what another was answered."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.resources import open_resources
from app.settings import Settings
from db.users import create_user
from domain.enums import Role
from tests.nginx import needs_nginx, nginx
from tests.processes import command

pytestmark = needs_nginx

# It obeys what answers say of themselves; all that it is told is to keep what may be kept.
CONFIGURATION = """
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/kept keys_zone=kept:1m use_temp_path=off;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {upstream};
      proxy_cache kept;
      proxy_cache_key $request_uri;
      add_header X-Proxy-Cache $upstream_cache_status always;
    }}
  }}
}}
"""

VIEWER = {"query": "{ viewer { email } }"}
SCHEMA = {"query": "{ __schema { queryType { name } } }"}


@dataclass(frozen=True)
class Proxied:
    """A server process behind a proxy.

    Attributes:
        http: To the proxy.
        tokens: Of the users by their addresses.
    """

    http: httpx.AsyncClient
    tokens: dict[str, str]

    async def ask(self, asked: dict[str, str], user: str | None = None) -> httpx.Response:
        """The answer to a GET."""
        headers = {} if user is None else {"Authorization": f"Bearer {self.tokens[user]}"}
        return await self.http.get("/graphql", params=asked, headers=headers)


@pytest.fixture
async def proxied(database_url: URL, tmp_path: Path) -> AsyncIterator[Proxied]:
    """A server with two users, and the proxy in front of it."""
    secret = uuid4().hex
    tokens = await make_users(database_url, tmp_path, secret, "ada@example.com", "bob@example.com")
    arguments = ("serve", "--port=0", "--no-jobs")
    async with command(
        *arguments, database_url=database_url, folder=tmp_path, SECRET_KEY=secret
    ) as server:
        (upstream,) = re.findall(r"http://[\d.:]+", await server.says("GraphQL"))
        async with (
            nginx(tmp_path, partial(CONFIGURATION.format, upstream=upstream)) as front,
            httpx.AsyncClient(base_url=front.http) as http,
        ):
            yield Proxied(http, tokens)


async def make_users(url: URL, folder: Path, secret: str, *emails: str) -> dict[str, str]:
    """A token for each new user."""
    settings = Settings(
        database_url=SecretStr(url.render_as_string(hide_password=False)),
        data_dir=folder,
        secret_key=SecretStr(secret),
    )
    tokens = {}
    async with open_resources(settings) as resources:
        for email in emails:
            async with resources.database.write() as tx:
                user = await create_user(tx, email=email, role=Role.VIEWER)
            assert user is not None
            tokens[email] = resources.tokens.issue(user.uuid, Role.VIEWER, ttl_seconds=600)
    return tokens


async def test_nobody_gets_what_another_was_answered(proxied: Proxied) -> None:
    """The same address, asked in turns by two users and a stranger."""
    for _ in range(3):
        for user in proxied.tokens:
            answer = await proxied.ask(VIEWER, user)
            assert answer.json()["data"] == {"viewer": {"email": user}}
            assert answer.headers["x-proxy-cache"] == "MISS"
        stranger = await proxied.ask(VIEWER)
        assert stranger.status_code == 401
        assert stranger.headers["x-proxy-cache"] == "MISS"


async def test_what_is_everybodys_comes_from_the_proxy(proxied: Proxied) -> None:
    """The schema, the page and its assets are asked for once; with a token, by itself."""
    page = await proxied.http.get("/")
    (script,) = re.findall(r'src="(/explorer/assets/\S+)"', page.text)
    for path in ("/", script):
        await proxied.http.get(path)
        kept = await proxied.http.get(path)
        assert (kept.status_code, kept.headers["x-proxy-cache"]) == (200, "HIT")
    assert (await proxied.ask(SCHEMA)).headers["x-proxy-cache"] == "MISS"
    kept = await proxied.ask(SCHEMA)
    assert kept.json()["data"] == {"__schema": {"queryType": {"name": "Query"}}}
    assert kept.headers["x-proxy-cache"] == "HIT"
    own = await proxied.ask(SCHEMA, "ada@example.com")
    assert own.headers["x-proxy-cache"] == "MISS"
    assert own.headers["cache-control"] == "private, no-cache"


async def test_proxy_tells_a_client_that_its_copy_is_true(proxied: Proxied) -> None:
    """What it keeps it keeps with our tag, and answers 304 by itself."""
    first = await proxied.ask(SCHEMA)
    told = await proxied.http.get(
        "/graphql", params=SCHEMA, headers={"If-None-Match": first.headers["etag"]}
    )
    assert (told.status_code, told.content) == (304, b"")
    assert told.headers["x-proxy-cache"] == "HIT"
    assert told.headers["etag"] == first.headers["etag"]


async def test_health_is_asked_each_time(proxied: Proxied) -> None:
    """How things stand is never what a proxy remembers; nor is an error."""
    for path in ("/health/ready", "/graphql?query=%7Bnothing%7D"):
        for _ in range(2):
            assert (await proxied.http.get(path)).headers["x-proxy-cache"] == "MISS"
