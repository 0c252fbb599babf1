"""Sends files to the REST routes of imports, as one user, and reads what comes back."""

import csv
import io
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx

from app.resources import Resources
from db.transaction import Database
from domain.enums import Role
from tests.apps import STRANGER
from tests.graph.rows import read_rows

CONTACTS: Final = "/api/v1/contacts/import/"
PEOPLE: Final = (
    "First Name;E-mail;Notes\r\n"
    "Ada;ada@acme.com;=1+1\r\n"
    'Bob;bob@;"says ""hi"";\r\nand more"\r\n'
    "Eve;eve@acme.com\r\n"
)


@dataclass(frozen=True)
class Rest:
    """Sends requests as one user."""

    http: httpx.AsyncClient
    resources: Resources
    role: Role = Role.EDITOR
    user: UUID = STRANGER

    async def send(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        token = self.resources.tokens.issue(self.user, self.role, ttl_seconds=600)
        headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **more)

    async def post(
        self, content: bytes | str = PEOPLE, name: str = "p.csv", path: str = CONTACTS, **data: str
    ) -> httpx.Response:
        return await self.send(path, "POST", files={"file": (name, content, "text/csv")}, data=data)

    async def plain(self, content: Any = PEOPLE, **parameters: str) -> httpx.Response:
        headers = {"Content-Type": "text/csv; charset=utf-8"}
        return await self.send(
            CONTACTS, "POST", content=content, params=parameters, headers=headers
        )


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def count(database: Database, table: str) -> int:
    return int((await read_rows(database, f"SELECT count(*) FROM {table}"))[0][0])


def rows_of(answer: httpx.Response, delimiter: str = ",", encoding: str = "utf-8-sig") -> Any:
    text = answer.content.decode(encoding)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
