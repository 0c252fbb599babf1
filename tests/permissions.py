"""What docs/permissions.md says, and users and tokens of every kind to try it with."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.asgi import Application, create_app
from app.resources import Resources
from db.users import create_user
from domain.enums import Role
from domain.viewer import SCOPES, Permission, Viewer, permissions_of
from tests.apps import open_app
from tests.databases import database_of_its_own

PAPER: Final = Path(__file__).parents[1] / "docs" / "permissions.md"
NOBODY: Final = "anonymous"
ASKERS: Final = (NOBODY, *(role.value for role in Role), *(f"token:{each}" for each in SCOPES))
"""Nobody, users of each role, and tokens of the API of an admin with one scope each."""

OPERATOR: Final = "operator"
"""Has OPS_TOKEN, and is no user."""

_OPS_TOKEN: Final = "OPS_TOKEN"
_SECRET: Final = "what operators know"
_ANYBODY: Final = "nothing"
_ANY_TOKEN: Final = "any token"  # words of the paper

Needs = frozenset[Permission | str] | None
"""Any of these is enough; None: not even a token is needed."""


@dataclass(frozen=True)
class Walked:
    """An application with rows of nobody but those who try it.

    Attributes:
        permissions: What each asker may do; nobody is not among them.
    """

    app: Application
    http: httpx.AsyncClient
    headers: Mapping[str, Mapping[str, str]]
    permissions: Mapping[str, frozenset[Permission]]

    def expected(self, asker: str, needs: Needs) -> str:
        """How the door answers an asker by the paper."""
        if needs is None:
            return "allowed"
        if asker == OPERATOR:
            return "allowed" if _OPS_TOKEN in needs else "UNAUTHENTICATED"
        if asker == NOBODY:
            return "UNAUTHENTICATED"
        return "FORBIDDEN" if self.permissions[asker].isdisjoint(needs) else "allowed"


@asynccontextmanager
async def open_walked(server: URL, template: str, folder: Path) -> AsyncIterator[Walked]:
    """The application on a database of its own, with users of each role."""
    name = f"{template}_{folder.name}"
    async with (
        database_of_its_own(server, name=name, template=template) as url,
        open_app(url, folder, ops_token=SecretStr(_SECRET)) as opened,
    ):
        app = create_app(opened.resources)
        transport = httpx.ASGITransport(app)
        tokens = await _tokens(opened.resources)
        permissions = {role.value: permissions_of(role) for role in Role}
        permissions |= {f"token:{scope}": frozenset({scope}) for scope in SCOPES}
        headers = {asker: {"Authorization": f"Bearer {token}"} for asker, token in tokens.items()}
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            operator = {"Authorization": f"Bearer {_SECRET}"}
            headers |= {NOBODY: {}, OPERATOR: operator}
            yield Walked(app, http, headers, permissions)


async def _tokens(resources: Resources) -> dict[str, str]:
    tokens = {}
    for role in Role:
        async with resources.database.write() as tx:
            user = await create_user(tx, email=f"{role}@example.com", role=role)
        assert user is not None
        tokens[role.value] = resources.tokens.issue(user.uuid, role, ttl_seconds=600)
    admin = Viewer(resources.tokens.read(tokens[Role.ADMIN]).user_uuid, Role.ADMIN)
    for scope in SCOPES:
        made = await resources.accounts.api_tokens.create(
            admin, name=scope.value, scopes=[scope], expires_at=None
        )
        tokens[f"token:{scope}"] = made.secret
    return tokens


def rows_under(heading: str) -> Iterator[Sequence[str]]:
    """The cells of the table that stands under a heading of the paper, without its head."""
    (part,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAPER.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    lines = [line for line in part.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def read_needs(cell: str) -> Needs:
    """What a cell says that is needed."""
    if cell == _ANYBODY:
        return None
    if cell == _ANY_TOKEN:
        return frozenset(Permission)
    return frozenset(
        each if each == _OPS_TOKEN else Permission(each) for each in cell.split(" or ")
    )
