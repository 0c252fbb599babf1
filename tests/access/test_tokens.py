"""Tokens: only those of this server, of now and for this use are taken."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

import httpx
import jwt
import pytest

from access.tokens import Tokens
from app.links import Links
from app.resources import Resources
from domain.enums import Role
from domain.errors import Unauthenticated
from domain.viewer import Viewer
from tests.tokens import by_token

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


def signed(payload: str, *, header: str | None = None, key: bytes = SECRET) -> str:
    """A token of any texts as header and payload, whose signature is right."""
    given = json.dumps({"alg": "HS256", "typ": "JWT", **HEADER}) if header is None else header
    told = b".".join(
        base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in (given, payload)
    )
    signature = base64.urlsafe_b64encode(hmac.digest(key, told, "sha256")).rstrip(b"=")
    return f"{told.decode()}.{signature.decode()}"


def claims(**changed: str) -> str:
    """The claims of a good token, some of them changed to texts that need not be JSON."""
    now = time.time()
    good: dict[str, object] = {
        "iss": "appointment360",
        "aud": "appointment360:api",
        "sub": str(USER),
        "role": "editor",
        "use": "access",
        "iat": now,
        "exp": now + 300,
    }
    told = {name: json.dumps(value) for name, value in good.items()} | changed
    return "{" + ",".join(f'"{name}":{value}' for name, value in told.items()) + "}"


def with_header(**fields: object) -> str:
    """A token that is right but for what its header says besides."""
    return signed(claims(), header=json.dumps({"alg": "HS256", "typ": "JWT", **HEADER, **fields}))


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


def unsigned(algorithm: str) -> str:
    """A token that says it needs no signature."""
    return (
        signed(claims(), header=json.dumps({**HEADER, "alg": algorithm})).rpartition(".")[0] + "."
    )


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
    "empty kid": lambda: forge(header={"kid": ""}),
    "kid in capitals": lambda: forge(header={"kid": HEADER["kid"].upper()}),
    "secret as kid": lambda: forge(header={"kid": SECRET.decode()}),
    "SQL as kid": lambda: forge(header={"kid": "' UNION SELECT 'x' --"}),
    "number as kid": lambda: signed(claims(), header='{"alg":"HS256","kid":1}'),
    "list as kid": lambda: signed(claims(), header='{"alg":"HS256","kid":["a"]}'),
    "null as kid": lambda: signed(claims(), header='{"alg":"HS256","kid":null}'),
    "no algorithm in capitals": lambda: unsigned("NONE"),
    "no algorithm in mixed letters": lambda: unsigned("nOnE"),
    "no algorithm named": lambda: signed(claims(), header=json.dumps({"kid": HEADER["kid"]})),
    "algorithm of two keys": lambda: signed(
        claims(), header=json.dumps({**HEADER, "alg": "RS256"})
    ),
    "no algorithm though signed": lambda: with_header(alg="none"),
    "critical extension": lambda: with_header(crit=["b64"], b64=False),
    "signature of another's claims": lambda: (
        signed(claims(role='"admin"')).rpartition(".")[0] + "." + forge().rpartition(".")[2]
    ),
    "empty signature": lambda: forge().rpartition(".")[0] + ".",
    "half a signature": lambda: forge()[:-20],
    "claims that are no JSON": lambda: signed("claims"),
    "claims that are a list": lambda: signed("[]"),
    "claims that are null": lambda: signed("null"),
    "claims of nothing": lambda: signed("{}"),
    "header that is no JSON": lambda: signed(claims(), header="header"),
    "header that is a list": lambda: signed(claims(), header="[]"),
    "header of brackets": lambda: signed("{}", header="[" * 2900),
    "claims of brackets": lambda: signed("[" * 2800),
    "number without end as iat": lambda: signed(claims(iat="Infinity")),
    "no number as iat": lambda: signed(claims(iat="NaN")),
    "text as iat": lambda: signed(claims(iat='"now"')),
    "text as exp": lambda: signed(claims(exp='"never"')),
    "number without end as exp": lambda: signed(claims(exp="Infinity")),
    "list as exp": lambda: signed(claims(exp="[]")),
    "not yet": lambda: forge(nbf=datetime.now(UTC) + timedelta(hours=1)),
    "subject that is a number": lambda: signed(claims(sub="1")),
    "subject that is a list": lambda: signed(claims(sub=f'["{USER}"]')),
    "role in capitals": lambda: forge(role="ADMIN"),
    "role that is null": lambda: signed(claims(role="null")),
    "session that is no UUID": lambda: forge(sid="1"),
    "session that is a number": lambda: signed(claims(sid="1")),
    "use in a list": lambda: forge(use=["access"]),
    "signed address": lambda: Links(SECRET).sign("/x", USER, ttl_seconds=60).partition("=")[2],
    "refresh token": lambda: "a360r_" + "A" * 43,
    "token in quotes": lambda: f'"{forge()}"',
    "two tokens": lambda: f"{forge()},{forge()}",
    "token with a line break": lambda: forge().replace(".", "\n.", 1),
    "token with a NUL": lambda: forge() + "\0",
    "five parts": lambda: f"{forge()}.x.y",
    "5 KB": lambda: forge(padding="x" * 5000),
    "a megabyte": lambda: "x" * 2**20,
    "three parts of nothing": lambda: "a.b.c",
    "no parts": lambda: "nonsense",
    "half a surrogate pair": lambda: "\ud800.\ud800.\ud800",
    "not ascii": lambda: "æ.ø.å",
    "nothing": lambda: "",
}


@pytest.mark.parametrize("make", WRONG_TOKENS.values(), ids=WRONG_TOKENS.keys())
def test_wrong_token_is_refused_without_saying_why(make: Callable[[], str]) -> None:
    """Whoever tries tokens learns nothing from the answer."""
    with pytest.raises(Unauthenticated) as caught:
        TOKENS.read(make())
    assert caught.value.message == REFUSED


STALE_TOKENS: dict[str, Callable[[], str]] = {
    "eleven seconds": lambda: forge(exp=seconds_ago(11)),
    "a minute": lambda: forge(exp=seconds_ago(60)),
    "a year": lambda: forge(exp=seconds_ago(366 * 86_400)),
    "the epoch": lambda: forge(exp=0),
    "before the epoch": lambda: forge(exp=-1),
    "of the previous key": lambda: Tokens(PREVIOUS).issue(USER, Role.ADMIN, ttl_seconds=-60),
    "of a session": lambda: TOKENS.issue(USER, Role.ADMIN, ttl_seconds=-60, session=USER),
}


@pytest.mark.parametrize("make", STALE_TOKENS.values(), ids=STALE_TOKENS.keys())
def test_stale_token_is_refused_with_the_reason(make: Callable[[], str]) -> None:
    """Its holder had a good one, and is told to get another."""
    with pytest.raises(Unauthenticated) as caught:
        TOKENS.read(make())
    assert caught.value.message == EXPIRED


def test_there_are_enough_forged_and_stale_tokens() -> None:
    """Fifty at least, each another."""
    made = [make() for make in (*WRONG_TOKENS.values(), *STALE_TOKENS.values())]
    assert len(set(made)) == len(made) >= 50


def test_token_tells_its_session_and_when_it_was_made() -> None:
    """To a fraction of a second, for of two times one has to come first; never before it may."""
    session = UUID("0b7e4c6e-1111-4222-8333-000000000009")
    before = time.time()
    first, second = [
        TOKENS.read(TOKENS.issue(USER, Role.EDITOR, ttl_seconds=60, session=session))
        for _ in range(2)
    ]
    assert first.session == second.session == session
    assert before <= first.issued_at < second.issued_at <= time.time()
    later = TOKENS.issue(USER, Role.EDITOR, ttl_seconds=60, not_before=before + 5)
    assert TOKENS.read(later).issued_at == before + 5
    assert TOKENS.read(later).session is None
    assert TOKENS.read(forge()).session is None


def test_extra_claims_and_headers_give_nothing() -> None:
    """Keys that a header names or brings along are not looked at."""
    key = {"kty": "oct", "k": base64.urlsafe_b64encode(FOREIGN).decode()}
    for token in (
        signed(claims(), header=json.dumps({"alg": "HS256", **HEADER, "jwk": key}), key=FOREIGN),
        with_header(jku="https://example.com/keys").rpartition(".")[0] + ".AAAA",
    ):
        with pytest.raises(Unauthenticated, match=REFUSED):
            TOKENS.read(token)
    named = with_header(jku="https://example.com/keys", x5u="https://example.com/cert", jwk=key)
    assert TOKENS.read(named) == Viewer(USER, Role.EDITOR)
    assert TOKENS.read(forge(permissions=["ADMIN"], scopes=["ADMIN"])).scopes is None


async def test_bearer_header_names_the_viewer() -> None:
    """The scheme is read without regard to case; without a header there is no viewer."""
    authenticate = by_token(TOKENS)
    token = forge()
    for header in (f"Bearer {token}", f"bearer {token}", f"BEARER   {token} "):
        assert await authenticate(header) == Viewer(USER, Role.EDITOR)
    assert await authenticate(None) is None


@pytest.mark.parametrize("header", ["Basic YTpi", "Token x", forge(), "", "Bearer", "Bearer  "])
async def test_header_without_a_bearer_token_is_unauthenticated(header: str) -> None:
    """Another scheme, or none, is told what to send; it is never taken for no header."""
    with pytest.raises(Unauthenticated):
        await by_token(TOKENS)(header)


async def test_wrong_token_is_401_at_the_door(
    http: httpx.AsyncClient, resources: Resources
) -> None:
    """The endpoint answers a refused token with 401, a challenge and the reason in words."""
    expired = resources.tokens.issue(USER, Role.ADMIN, ttl_seconds=-60)
    for token, message in ((expired, EXPIRED), (forge(), REFUSED)):
        response = await http.post(
            "/graphql",
            json={"query": "{ viewer { uuid } }"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        (error,) = response.json()["errors"]
        assert (error["message"], error["extensions"]["code"]) == (message, "UNAUTHENTICATED")
