"""A server for requests that come from a thread while it answers in the test's own loop."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy.engine import URL

from access.tokens import Tokens
from app.asgi import create_app
from app.resources import Resources
from db.users import create_user
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from tests.apps import open_app
from tests.factories import make_company, make_contact
from tests.served import serving

_PROJECT: Final = Path(__file__).parents[2]
_INTERNALS: Final = re.compile(
    r"Traceback|site-packages|File \"|, line \d|\w\.py\b|object at 0x|<class '|<function"
    r"|\b(?:asyncpg|sqlalchemy|psycopg|strawberry|starlette|orjson|redis)\b"
    r"|\bSELECT\b.*\bFROM\b|\bINSERT INTO\b|\brelation \"|\bpg_\w|\bsyntax error at or near"
)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """To read what makes the requests takes a second and more: not where they are not sent."""
    return None if config.getoption("--slow") else True


@dataclass(frozen=True)
class Target:
    """A server, and who sends requests to it.

    Attributes:
        folder: Where its files are.
        admin: None for nobody.
    """

    http: str
    folder: Path
    tokens: Tokens
    admin: UUID | None

    def headers(self) -> dict[str, str]:
        """With a token of this moment: a request before may have ended all older ones."""
        if self.admin is None:
            return {}
        token = self.tokens.issue(self.admin, Role.ADMIN, ttl_seconds=600)
        return {"Authorization": f"Bearer {token}"}

    def internals_in(self, text: str) -> list[str]:
        """What an answer shows of the inside, which nobody should see."""
        places = [place for place in (str(self.folder), str(_PROJECT)) if place in text]
        return [*_INTERNALS.findall(text), *places]


@pytest.fixture(params=["admin", "nobody"])
async def target(
    request: pytest.FixtureRequest, database_url: URL, tmp_path: Path
) -> AsyncIterator[Target]:
    """A server with a few records, that an admin or nobody asks."""
    async with open_app(database_url, tmp_path / "data") as app:
        await _fill(app.resources)
        is_admin = request.param == "admin"
        admin = await _make_admin(app.resources) if is_admin else None
        async with serving(create_app(app.resources)) as served:
            yield Target(served.http, tmp_path, app.resources.tokens, admin)


async def _fill(resources: Resources) -> None:
    company = await make_company(resources.database, name="Acme", domain="acme.com")
    for name in ("ada", "bob", "cleo"):
        await make_contact(
            resources.database,
            emails=(f"{name}@acme.com",),
            first_name=name,
            company_id=encode_node_id(NodeKind.COMPANY, company.id),
        )


async def _make_admin(resources: Resources) -> UUID:
    async with resources.database.write() as tx:
        admin = await create_user(tx, email="admin@example.com", role=Role.ADMIN)
    assert admin is not None
    return admin.uuid
