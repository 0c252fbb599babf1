"""Requests to the REST routes of exports, as one user sends them."""

import json
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import httpx

from app.resources import Resources
from db.transaction import Database
from domain.enums import Role, Seniority
from domain.node_ids import NodeKind, encode_node_id
from tests.apps import STRANGER
from tests.factories import make_company, make_contact

CONTACTS: Final = "/api/v1/contacts/stream/"
COMPANIES: Final = "/api/v1/companies/stream/"
OTHER: Final = UUID(int=7)


@dataclass(frozen=True)
class Rest:
    """Sends requests to the routes as one user."""

    http: httpx.AsyncClient
    resources: Resources
    user: UUID = STRANGER

    @property
    def headers(self) -> dict[str, str]:
        token = self.resources.tokens.issue(self.user, Role.VIEWER, ttl_seconds=600)
        return {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}

    @property
    def other(self) -> "Rest":
        """The same as another user."""
        return replace(self, user=OTHER)

    async def send(
        self, path: str, method: str = "GET", *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        sent = self.headers | (headers or {})
        return await self.http.request(method, path, headers=sent, **more)

    async def get(self, path: str, *, headers: dict[str, str] | None = None, **given: Any) -> Any:
        """A whole answer with these parameters."""
        response = await self.send(path, headers=headers, params=given)
        assert response.status_code in {200, 206}, response.text
        return response

    async def emails(self, **given: Any) -> list[str]:
        answer = await self.get(CONTACTS, columns="email", **given)
        return sorted(json.loads(line)["email"] for line in answer.text.splitlines())


async def make_people(database: Database) -> None:
    acme = await make_company(database, name="Acme", domain="acme.com")
    await make_company(database, name="Zebra", domain="zebra.com")
    for name, seniority in (("ada", Seniority.VP), ("bob", None), ("cleo", Seniority.VP)):
        await make_contact(
            database,
            emails=(f"{name}@acme.com",),
            first_name=name,
            seniority=seniority,
            company_id=encode_node_id(NodeKind.COMPANY, acme.id),
        )


def problem_of(response: httpx.Response) -> tuple[int, str, str]:
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    return response.status_code, told["code"], told["detail"]


def path_of(response: httpx.Response) -> str:
    """The address of the file that an answer is read from."""
    manifest: str = response.links["describedby"]["url"]
    return manifest.removesuffix("/manifest")
