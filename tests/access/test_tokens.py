"""Tokens: only those of this server, of now and for this use are taken."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

import httpx
import jwt
import pytest

from access.tokens import Tokens, bearer_authentication
from app.resources import Resources
from domain.enums import Role
from domain.errors import Unauthenticated
from domain.viewer import Viewer

SECRET, PREVIOUS, FOREIGN = b"s" * 48, b"p" * 48, b"f" * 48
USER = UUID("0b7e4c6e-1111-4222-8333-444455556666")
REFUSED = "This is not a valid token of this server."
EXPIRED = "The token has expired. Get a new one."
GONE = object()

TOKENS = Tokens(SECRET, previous=PREVIOUS)
HEADER = jwt.get_unverified_header(TOKENS.issue(USER, Role.VIEWER, ttl_seconds=60))


def forge(
    key: bytes | str = SECRET,
    *,
    algorithm: str = "HS256",
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A token like those of the server but for what is given; `GONE` leaves a claim out."""
    now = datetime.now(UTC)
    whole = {
        "iss": "appointment360",
        "aud": "appointment360:api",
        "sub": str(USER),
        "role": "editor",
        "use": "access",
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    payload = {name: value for name, value in {**whole, **claims}.items() if value is not GONE}
    headers = {"kid": HEADER["kid"]} if header is None else header
    return jwt.encode(payload, key, algorithm, headers=headers)


def read_until_refused(token: str) -> NoReturn:
    """Read a token again and again; it names the user each time."""
    while True:
        assert TOKENS.read(token) == Viewer(USER, Role.EDITOR)


def seconds_ago(seconds: float) -> datetime:
    """A moment in the past."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_token_names_the_user_and_role_it_was_made_for() -> None:
    """What was issued is read back, for every role."""
    for role in Role:
        token = TOKENS.issue(USER, role, ttl_seconds=60)
        assert TOKENS.read(token) == Viewer(USER, role)
    assert TOKENS.read(forge()) == Viewer(USER, Role.EDITOR)


def test_token_of_the_previous_secret_is_still_taken() -> None:
    """While keys are changed, old tokens stay valid and new ones carry the new key."""
    old = Tokens(PREVIOUS).issue(USER, Role.ADMIN, ttl_seconds=60)
    assert TOKENS.read(old) == Viewer(USER, Role.ADMIN)
    new = TOKENS.issue(USER, Role.ADMIN, ttl_seconds=60)
    assert Tokens(SECRET).read(new) == Viewer(USER, Role.ADMIN)
    with pytest.raises(Unauthenticated, match=REFUSED):
        Tokens(SECRET).read(old)


def test_token_expires() -> None:
    """After its time a token is refused with a reason of its own; ten seconds are forgiven."""
    assert TOKENS.read(forge(exp=seconds_ago(5))) == Viewer(USER, Role.EDITOR)
    for token in (
        forge(exp=seconds_ago(15)),
        TOKENS.issue(USER, Role.VIEWER, ttl_seconds=-15),
    ):
        with pytest.raises(Unauthenticated) as caught:
            TOKENS.read(token)
        assert caught.value.message == EXPIRED


def test_token_that_was_good_is_refused_once_it_has_expired() -> None:
    """What is known of a token ends with its time, to the same answer as for any other."""
    token = forge(exp=seconds_ago(8.5))
    assert TOKENS.read(token) == Viewer(USER, Role.EDITOR)
    with pytest.raises(Unauthenticated) as caught:
        read_until_refused(token)
    assert caught.value.message == EXPIRED


def test_token_that_is_known_does_not_vouch_for_one_like_it() -> None:
    """After a good token, the same claims under another signature are still refused."""
    token = forge()
    assert TOKENS.read(token) == Viewer(USER, Role.EDITOR)
    claims, _, signature = token.rpartition(".")
    for forged in (f"{claims}.{signature[:-2]}AA", f"{claims}.", claims, forge(FOREIGN)):
        with pytest.raises(Unauthenticated, match=REFUSED):
            TOKENS.read(forged)
    assert TOKENS.read(token) == Viewer(USER, Role.EDITOR)


WRONG_TOKENS: dict[str, Callable[[], str]] = {
    "forged signature": lambda: forge(FOREIGN),
    "no algorithm": lambda: forge("", algorithm="none"),
    "another algorithm": lambda: forge(b"s" * 64, algorithm="HS512"),
    "previous key under the name of the current": lambda: forge(PREVIOUS),
    "expired and forged": lambda: forge(FOREIGN, exp=seconds_ago(60)),
    "wrong audience": lambda: forge(aud="appointment360:export"),
    "wrong issuer": lambda: forge(iss="somebody"),
    "wrong use": lambda: forge(use="refresh"),
    "no use": lambda: forge(use=GONE),
    "no audience": lambda: forge(aud=GONE),
    "no issuer": lambda: forge(iss=GONE),
    "no end": lambda: forge(exp=GONE),
    "no beginning": lambda: forge(iat=GONE),
    "made in the future": lambda: forge(iat=datetime.now(UTC) + timedelta(hours=1)),
    "no subject": lambda: forge(sub=GONE),
    "empty subject": lambda: forge(sub=""),
    "subject that is no UUID": lambda: forge(sub="1"),
    "unknown role": lambda: forge(role="root"),
    "no role": lambda: forge(role=GONE),
    "list as role": lambda: forge(role=["admin"]),
    "missing kid": lambda: forge(header={}),
    "unknown kid": lambda: forge(header={"kid": "0" * 16}),
    "path as kid": lambda: forge(header={"kid": "../../secret.key"}),
    "5 KB": lambda: forge(padding="x" * 5000),
    "a megabyte": lambda: "x" * 2**20,
    "three parts of nothing": lambda: "a.b.c",
    "no parts": lambda: "nonsense",
    "not ascii": lambda: "æ.ø.å",
    "nothing": lambda: "",
}


@pytest.mark.parametrize("make", WRONG_TOKENS.values(), ids=WRONG_TOKENS.keys())
def test_wrong_token_is_refused_without_saying_why(make: Callable[[], str]) -> None:
    """Whoever tries tokens learns nothing from the answer."""
    with pytest.raises(Unauthenticated) as caught:
        TOKENS.read(make())
    assert caught.value.message == REFUSED


async def test_bearer_header_names_the_viewer() -> None:
    """The scheme is read without regard to case; without a header there is no viewer."""
    authenticate = bearer_authentication(TOKENS)
    token = forge()
    for header in (f"Bearer {token}", f"bearer {token}", f"BEARER   {token} "):
        assert await authenticate(header) == Viewer(USER, Role.EDITOR)
    assert await authenticate(None) is None


@pytest.mark.parametrize("header", ["Basic YTpi", "Token x", forge(), "", "Bearer", "Bearer  "])
async def test_header_without_a_bearer_token_is_unauthenticated(header: str) -> None:
    """Another scheme, or none, is told what to send; it is never taken for no header."""
    with pytest.raises(Unauthenticated):
        await bearer_authentication(TOKENS)(header)


async def test_wrong_token_is_401_at_the_door(
    http: httpx.AsyncClient, resources: Resources
) -> None:
    """The endpoint answers a refused token with 401, a challenge and the reason in words."""
    expired = resources.tokens.issue(USER, Role.ADMIN, ttl_seconds=-60)
    for token, message in ((expired, EXPIRED), (forge(), REFUSED)):
        response = await http.post(
            "/graphql",
            json={"query": "{ __typename }"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        (error,) = response.json()["errors"]
        assert (error["message"], error["extensions"]["code"]) == (message, "UNAUTHENTICATED")
