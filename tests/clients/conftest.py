"""A server with records and users, for clients that talk to it as programs do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.engine import URL

from app.asgi import create_app
from app.resources import Resources
from db.users import create_user
from domain.accounts import NewUser
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from tests.apps import open_app
from tests.factories import make_company, make_contact
from tests.served import serving

CONTACTS: Final = 25

_SCHEMA: Final = Path(__file__).parents[2] / "schema.graphql"
_EMAIL: Final = "editor@example.com"
_PASSWORD: Final = "a password of some length"
_OVER_SECONDS: Final = -60.0


@dataclass(frozen=True)
class RealServer:
    """A server of the product's schema.

    Attributes:
        tokens: Of a user of each role.
        expired: A token that was good once.
    """

    http: str
    socket: str
    tokens: dict[Role, str]
    expired: str

    @property
    def told(self) -> dict[str, Any]:
        """What scripts are told of it."""
        return {
            "http": self.http,
            "socket": self.socket,
            "schema": str(_SCHEMA),
            "tokens": {role.value: token for role, token in self.tokens.items()},
            "login": {"email": _EMAIL, "password": _PASSWORD, "expired": self.expired},
        }


@pytest.fixture
async def real_server(database_url: URL, tmp_path: Path) -> AsyncIterator[RealServer]:
    """A server with contacts of one company, enough for several pages."""
    async with open_app(database_url, tmp_path / "data") as app:
        resources = app.resources
        await _fill(resources)
        tokens = {role: await _token(resources, role) for role in Role}
        async with serving(create_app(resources)) as served:
            yield RealServer(
                http=f"{served.http}/graphql",
                socket=served.socket,
                tokens=tokens,
                expired=await _sign_up(resources),
            )


async def _fill(resources: Resources) -> None:
    company = await make_company(resources.database, name="Acme", domain="acme.com")
    for number in range(CONTACTS):
        await make_contact(
            resources.database,
            first_name=f"Ada {number:02}",
            company_id=encode_node_id(NodeKind.COMPANY, company.id),
        )


async def _token(resources: Resources, role: Role) -> str:
    async with resources.database.write() as tx:
        user = await create_user(tx, email=f"token-{role.value}@example.com", role=role)
    assert user is not None
    return resources.tokens.issue(user.uuid, role, ttl_seconds=600)


async def _sign_up(resources: Resources) -> str:
    """Make the user who signs in; a token of theirs that is over."""
    new = NewUser(email=_EMAIL, role=Role.EDITOR, password=_PASSWORD)
    user = (await resources.accounts.create_user(new)).user
    return resources.tokens.issue(user.uuid, Role.EDITOR, ttl_seconds=_OVER_SECONDS)
