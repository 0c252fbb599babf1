"""Signed addresses: good for one thing, for one user, for a while."""

import time
from uuid import UUID

import jwt
import pytest
from starlette.requests import Request

from access.tokens import Tokens
from app.links import Links, identified_by
from domain.enums import Role
from domain.errors import Unauthenticated
from domain.viewer import Permission, Viewer
from tests.tokens import by_token

SECRET, PREVIOUS = b"s" * 48, b"p" * 48
USER = UUID("0b7e4c6e-1111-4222-8333-444455556666")
READER = Viewer(USER, Role.VIEWER, scopes=frozenset({Permission.READ, Permission.EXPORT}))
EXPORT = "/api/v1/exports/00ff"
STREAM = "/api/v1/contacts/stream/?format=csv&filter=%7B%7D"

LINKS = Links(SECRET, previous=PREVIOUS)
TOKENS = Tokens(SECRET)


async def let_in(_viewer: Viewer) -> None:
    """Nobody is kept out."""


IDENTIFY = identified_by(by_token(TOKENS), LINKS, check=let_in)


async def identify(request: Request) -> Viewer:
    """Who sent a request that any user may send."""
    return await IDENTIFY(request, Permission.EXPORT)


def asked(address: str, *, method: str = "GET", token: str | None = None) -> Request:
    """A request for an address."""
    path, _, query = address.partition("?")
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    return Request({**scope, "query_string": query.encode(), "server": ("test", 80)})


@pytest.mark.parametrize("target", [EXPORT, STREAM])
async def test_address_names_its_user(target: str) -> None:
    """As a viewer; also with a slash at its end, by HEAD, and signed by the secret before."""
    for links in (LINKS, Links(PREVIOUS)):
        address = links.sign(target, USER, ttl_seconds=60)
        assert address.startswith(target)
        assert await identify(asked(address)) == READER
        assert await identify(asked(address, method="HEAD")) == READER
    path, _, query = LINKS.sign(target, USER, ttl_seconds=60).partition("?")
    assert await identify(asked(f"{path.rstrip('/')}/?{query}")) == READER


async def test_address_of_an_export_is_good_for_its_proof() -> None:
    """Who may read the file may read what proves it whole."""
    _, _, query = LINKS.sign(EXPORT, USER, ttl_seconds=60).partition("?")
    assert await identify(asked(f"{EXPORT}/manifest?{query}")) == READER


@pytest.mark.parametrize(
    "other",
    [
        "/api/v1/exports/00fe",
        "/api/v1/contacts/stream/?format=csv",
        "/api/v1/contacts/stream/?format=csv&filter=%7B%7D&columns=uuid",
        "/api/v1/companies/stream/?format=csv&filter=%7B%7D",
        "/api/v1/contacts/stream/?format=csv&filter=%7B%22x%22%3A1%7D",
    ],
)
async def test_token_of_another_address_is_refused(other: str) -> None:
    """Not for another file, another path, more parameters or fewer."""
    for target in (EXPORT, STREAM):
        token = LINKS.sign(target, USER, ttl_seconds=60).rpartition("token=")[2]
        separator = "&" if "?" in other else "?"
        with pytest.raises(Unauthenticated, match="not good for it"):
            await identify(asked(f"{other}{separator}token={token}"))


def test_address_tells_when_it_was_signed() -> None:
    """By which it is known whether its user was sent away since."""
    before = time.time()
    address = LINKS.sign(STREAM, USER, ttl_seconds=60)
    viewer = LINKS.read(address.rpartition("token=")[2], address)
    assert before <= viewer.issued_at <= time.time()


def test_address_of_somebody_who_sees_all_does_so() -> None:
    """And permits nothing more; no parameter makes it another one's."""
    for sees_all in (True, False):
        address = LINKS.sign(STREAM, USER, ttl_seconds=60, sees_all=sees_all)
        viewer = LINKS.read(address.rpartition("token=")[2], address)
        assert (viewer, viewer.sees_all) == (READER, sees_all)
        assert viewer.permissions == READER.permissions


async def test_expired_address_says_so() -> None:
    """And what to do."""
    address = LINKS.sign(EXPORT, USER, ttl_seconds=-1)
    with pytest.raises(Unauthenticated, match="has expired"):
        await identify(asked(address))


async def test_address_is_for_reading() -> None:
    """A body could ask for something else than what was signed."""
    with pytest.raises(Unauthenticated):
        await identify(asked(LINKS.sign(STREAM, USER, ttl_seconds=60), method="POST"))


@pytest.mark.parametrize(
    "token", ["", "nonsense", "a.b.c", "x" * 5000, TOKENS.issue(USER, Role.ADMIN, ttl_seconds=9999)]
)
async def test_what_was_not_signed_for_an_address_is_refused(token: str) -> None:
    """A token of the API is none of an address, nor the other way round."""
    with pytest.raises(Unauthenticated):
        await identify(asked(f"{EXPORT}?token={token}"))
    link = LINKS.sign(EXPORT, USER, ttl_seconds=60).rpartition("token=")[2]
    with pytest.raises(Unauthenticated):
        TOKENS.read(link)


async def test_forged_address_is_refused() -> None:
    """Signed by somebody else, or by nobody."""
    signed = LINKS.sign(EXPORT, USER, ttl_seconds=60).rpartition("token=")[2]
    header, claims = jwt.get_unverified_header(signed), _claims(signed)
    unsigned = jwt.encode(claims, None, "none", headers={"kid": header["kid"]})
    foreign = jwt.encode(claims, b"f" * 48, "HS256", headers={"kid": header["kid"]})
    for token in (unsigned, foreign, signed[:-2] + "AA"):
        with pytest.raises(Unauthenticated):
            await identify(asked(f"{EXPORT}?token={token}"))


async def test_header_comes_before_the_address() -> None:
    """Who sends a token is who it names, and as what; nobody is nobody."""
    other = UUID(int=1)
    token = TOKENS.issue(other, Role.EDITOR, ttl_seconds=60)
    assert await identify(asked(LINKS.sign(EXPORT, USER, ttl_seconds=60), token=token)) == Viewer(
        other, Role.EDITOR
    )
    with pytest.raises(Unauthenticated, match="Authorization"):
        await identify(asked(EXPORT))


def _claims(token: str) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return found
