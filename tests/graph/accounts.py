"""Users with passwords, and what they send to come in, stay and leave."""

import itertools
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from access.passwords import ARGON2ID
from db.rows import UserRow
from db.users import create_user
from domain.enums import Role
from tests.apps import App
from tests.client import Client
from tests.graph.answers import as_body

PASSWORD: Final = "correct horse battery"
HASH: Final = ARGON2ID.hash(PASSWORD)
WRONG: Final = "The e-mail address or the password is wrong."

ERRORS: Final = "userErrors { __typename code message path } clientMutationId"
USER: Final = "user { id uuid email name role isActive }"
_PAIR: Final = (
    f"accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt {USER} {ERRORS}"
)
_TOKEN: Final = "apiToken { id name prefix scopes createdAt expiresAt lastUsedAt revokedAt }"


def _mutation(name: str, selection: str) -> str:
    kind = name[0].upper() + name[1:]
    return f"mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ {selection} }} }}"


DOCUMENTS: Final = {
    name: _mutation(name, selection)
    for name, selection in {
        "login": _PAIR,
        "refreshToken": _PAIR,
        "changePassword": _PAIR,
        "logout": f"sessionsEnded {ERRORS}",
        "createUser": f"{USER} password {ERRORS}",
        "updateUser": f"{USER} {ERRORS}",
        "resetPassword": f"{USER} password {ERRORS}",
        "updateProfile": f"{USER} {ERRORS}",
        "createApiToken": f"{_TOKEN} token {ERRORS}",
        "revokeApiToken": f"{_TOKEN} {ERRORS}",
    }.items()
}
VIEWER: Final = "{ viewer { email } }"
API_TOKENS: Final = (
    "{ apiTokens { __typename id name prefix scopes createdAt expiresAt lastUsedAt revokedAt } }"
)

_numbers = itertools.count()


@dataclass(frozen=True)
class Device:
    """Somebody's program: it sends mutations, perhaps with a token.

    Attributes:
        name: What it calls itself.
    """

    http: httpx.AsyncClient
    token: str | None = field(default=None, repr=False)
    name: str = "device"

    async def post(self, document: str, **variables: Any) -> httpx.Response:
        """The answer to an operation."""
        headers = {"Content-Type": "application/json", "User-Agent": self.name}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        content = as_body(document, variables=variables)
        return await self.http.post("/graphql", content=content, headers=headers)

    async def send(self, mutation: str, **given: Any) -> Any:
        """The payload of a mutation of accounts, which is not refused as a whole."""
        response = await self.post(DOCUMENTS[mutation], input=given)
        body = response.json()
        assert "errors" not in body, body["errors"]
        return body["data"][mutation]

    async def fail(self, mutation: str, **given: Any) -> dict[str, Any]:
        """The one error, of a mutation that is answered by nothing else."""
        body = (await self.post(DOCUMENTS[mutation], input=given)).json()
        assert body.get("data") is None
        (error,) = body["errors"]
        found: dict[str, Any] = error
        return found

    async def is_let_in(self) -> bool:
        """Whether its token is taken."""
        response = await self.post(VIEWER)
        assert response.status_code in {200, 401}, response.text
        return response.status_code == 200


@dataclass(frozen=True)
class Person:
    """A user with the usual password."""

    app: App
    row: UserRow = field(repr=False)

    @property
    def email(self) -> str:
        """By what they come in."""
        return self.row.email

    @property
    def client(self) -> Client:
        """A GraphQL client with a token of no session."""
        role = Role(self.row.role)
        return Client(
            self.app.http, self.app.resources.tokens.issue(self.row.uuid, role, ttl_seconds=600)
        )

    @property
    def device(self) -> Device:
        """A program with such a token."""
        return Device(self.app.http, self.client.headers["Authorization"].removeprefix("Bearer "))

    async def log_in(self, name: str = "device") -> tuple[Device, dict[str, Any]]:
        """A program in a session of its own, and what it was given."""
        device = Device(self.app.http, name=name)
        given = await device.send("login", email=self.email, password=PASSWORD)
        return Device(self.app.http, given["accessToken"], name), given


async def new_person(app: App, role: Role = Role.VIEWER, **fields: Any) -> Person:
    """A user whom nobody else of the tests knows."""
    usual = {"email": f"person{next(_numbers)}@example.com", "password_hash": HASH}
    async with app.resources.database.write() as tx:
        row = await create_user(tx, role=role, **(usual | fields))
    assert row is not None
    return Person(app, row)


def problems(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The codes of a refusal, and where each stands."""
    return [(error["code"], error["path"]) for error in payload["userErrors"]]
