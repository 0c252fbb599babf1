"""What tells how the server does is for operators, and for nobody else."""

import hmac
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request

from access.authentication import bearer_token
from app.asgi import create_app
from app.operators import operators_only
from app.resources import Resources
from app.settings import Settings
from db.users import create_user
from domain.enums import Role
from domain.errors import AppError, Forbidden, Unauthenticated
from domain.viewer import Permission

TOKEN = "operators-know-this-and-nobody-else"
OPEN_AND_CLOSED: tuple[dict[str, Any], ...] = (
    {},
    {"ops_token": SecretStr(TOKEN), "environment": "production"},
)
HERE, ELSEWHERE = "127.0.0.1", "203.0.113.7"


async def refusal(
    resources: Resources, authorization: str | None = None, *, host: str = ELSEWHERE, **given: Any
) -> type[AppError] | None:
    """Why a request is sent away from the door of a server with these settings; None: it is not."""
    settings = Settings(_env_file=None, **given)
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    request = Request({"type": "http", "headers": headers, "client": (host, 50_000)})
    try:
        await operators_only(settings, resources.authentication)(request)
    except AppError as error:
        return type(error)
    return None


async def token_of(resources: Resources, role: Role) -> str:
    """A header with the token of a new user."""
    async with resources.database.write() as tx:
        user = await create_user(tx, email=f"{role}@example.com", role=role)
    assert user is not None
    return f"Bearer {resources.tokens.issue(user.uuid, role, ttl_seconds=600)}"


async def test_token_of_operators_opens(resources: Resources) -> None:
    """From anywhere, in production too; the name of the scheme may be written as one likes."""
    for settings in OPEN_AND_CLOSED:
        given = {**settings, "ops_token": SecretStr(TOKEN)}
        assert await refusal(resources, f"Bearer {TOKEN}", **given) is None
        assert await refusal(resources, f"bearer {TOKEN}", **given) is None


@pytest.mark.parametrize(
    "sent",
    [f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN],
)
async def test_another_token_does_not_open(resources: Resources, sent: str) -> None:
    """One that is nearly right, none, and the right one in the wrong form."""
    assert await refusal(resources, sent, ops_token=SecretStr(TOKEN)) is Unauthenticated
    assert await refusal(resources, sent, host=HERE) is Unauthenticated


async def test_admins_are_operators_and_others_are_not(resources: Resources) -> None:
    """By a token of a session, and by one of the API only with the scope ADMIN."""
    passes: dict[Role | Permission, str] = {role: await token_of(resources, role) for role in Role}
    admin = resources.tokens.read(bearer_token(passes[Role.ADMIN]))
    for scope in (Permission.READ, Permission.ADMIN):
        made = await resources.accounts.api_tokens.create(
            admin, name=scope.value, scopes=[scope], expires_at=None
        )
        passes[scope] = f"Bearer {made.secret}"
    for given in OPEN_AND_CLOSED:
        found = {who: await refusal(resources, sent, **given) for who, sent in passes.items()}
        assert found == {
            who: None if who in (Role.ADMIN, Permission.ADMIN) else Forbidden for who in passes
        }


@pytest.mark.parametrize(
    ("host", "given", "is_open"),
    [
        (HERE, {}, True),
        ("::1", {}, True),
        (ELSEWHERE, {}, False),
        ("10.0.0.1", {}, False),
        ("testclient", {}, False),
        (HERE, {"environment": "production"}, False),
        (HERE, {"ops_token": SecretStr(TOKEN)}, False),
    ],
)
async def test_stranger_passes_only_on_the_machine_of_a_developer(
    resources: Resources, host: str, given: dict[str, Any], *, is_open: bool
) -> None:
    """In development, from this machine, and while no OPS_TOKEN is set."""
    expected = None if is_open else Unauthenticated
    assert await refusal(resources, host=host, **given) is expected


async def test_token_is_compared_in_constant_time(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long a refusal takes does not tell how much of the token was right."""
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def noted(sent: bytes, kept: bytes) -> bool:
        compared.append((sent, kept))
        return compare(sent, kept)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    refused = await refusal(resources, "Bearer wrong", ops_token=SecretStr(TOKEN))
    assert refused is Unauthenticated
    assert compared[0] == (b"wrong", TOKEN.encode())


@pytest.mark.parametrize("path", ["/health/db", "/health/cache", "/health/jobs"])
async def test_routes_of_operators_answer_strangers_by_401(resources: Resources, path: str) -> None:
    """As a problem document that says what to send; a viewer is answered 403, an admin 200."""
    transport = httpx.ASGITransport(create_app(resources), client=(ELSEWHERE, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        stranger = await http.get(path)
        assert (stranger.status_code, stranger.json()["code"]) == (401, "UNAUTHENTICATED")
        assert "OPS_TOKEN" in stranger.json()["detail"]
        assert stranger.headers["www-authenticate"] == "Bearer"
        for role, status in ((Role.VIEWER, 403), (Role.ADMIN, 200)):
            header = {"Authorization": await token_of(resources, role)}
            assert (await http.get(path, headers=header)).status_code == status
