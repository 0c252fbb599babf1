"""Objects as JSON, checked by their type, and without what is a secret."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from graphql import get_named_type, is_leaf_type, is_object_type
from pydantic import BaseModel, SecretStr, ValidationError

from graph.schema import core_schema
from streaming.serialization import (
    OptimizedSerializer,
    filter_response_data,
    is_secret,
    mask_secrets,
    serialize_with_type_adapter,
    serializer_of,
)


class Company(BaseModel):
    """A model in another one."""

    name: str
    api_key: str = "k"


class Contact(BaseModel):
    """A model with what JSON has no form for."""

    id: UUID
    name: str
    created_at: datetime
    company: Company | None = None


@dataclass
class Login:
    """A dataclass."""

    user: str
    password: str


class Row(NamedTuple):
    """A row with names."""

    uuid: str
    password_hash: str


CONTACTS = [
    Contact(
        id=UUID(int=number),
        name=f"Ada \u2028 {number} 👩",
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        company=Company(name="Acme") if number % 2 else None,
    )
    for number in range(20)
]


@pytest.mark.parametrize("use_orjson", [True, False])
def test_bytes_are_json_of_the_items(*, use_orjson: bool) -> None:
    """As the json of Python reads and writes it, whichever library writes."""
    data = serialize_with_type_adapter(CONTACTS, Contact, use_orjson=use_orjson)
    assert json.loads(data) == [contact.model_dump(mode="json") for contact in CONTACTS]


def test_mappings_and_objects_are_checked_by_the_type() -> None:
    """What is missing is told, what can be read becomes the type."""
    data = serialize_with_type_adapter(
        [{"name": "Acme"}, Row("a", "b")._asdict() | {"name": "b"}], Company
    )
    assert json.loads(data) == [{"name": "Acme", "api_key": "k"}, {"name": "b", "api_key": "k"}]
    with pytest.raises(ValidationError, match="name"):
        serialize_with_type_adapter([{}], Company)


def test_types_that_are_no_models_are_serialized() -> None:
    """Dataclasses and the types of Python."""
    assert (
        OptimizedSerializer(Login).serialize([Login("ada", "x")])
        == b'[{"user":"ada","password":"x"}]'
    )
    assert serialize_with_type_adapter([1, 2], int) == b"[1,2]"
    assert serialize_with_type_adapter([], int) == b"[]"


def test_adapter_is_built_once() -> None:
    """One serializer for a type, however often it is asked for."""
    assert serializer_of(Contact) is serializer_of(Contact)
    assert serializer_of(Contact) is not serializer_of(Company)


def test_fields_are_left_out_at_any_depth() -> None:
    """In mappings, lists, tuples, models, dataclasses and rows, in any spelling of their names."""
    data = {
        "apiKey": 1,
        "api_key": 2,
        "API-KEY": 3,
        "list": [{"api_key": 4, "keep": 5}, (Login("ada", "x"), 6)],
        "model": Contact(
            id=UUID(int=1),
            name="Ada",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            company=Company(name="Acme"),
        ),
        "row": Row("u", "h"),
        "api_key_count": 7,
    }
    assert filter_response_data(data, exclude_fields={"api_key", "password", "createdAt"}) == {
        "list": [{"keep": 5}, ({"user": "ada"}, 6)],
        "model": {"id": UUID(int=1), "name": "Ada", "company": {"name": "Acme"}},
        "row": {"uuid": "u", "password_hash": "h"},
        "api_key_count": 7,
    }


def test_input_is_not_changed() -> None:
    """What is left out of the copy stays where it was."""
    inner: dict[str, Any] = {"password": "x", "list": [{"password": "y"}]}
    data = {"inner": inner, "login": Login("ada", "z")}
    filter_response_data(data, exclude_fields={"password"})
    mask_secrets(data)
    assert inner == {"password": "x", "list": [{"password": "y"}]}
    assert data["login"] == Login("ada", "z")


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "newPassword",
        "password_hash",
        "passwd",
        "api_key",
        "apiKey",
        "X-API-Key",
        "secret",
        "secret_token",
        "clientSecret",
        "token",
        "accessToken",
        "Authorization",
        "Cookie",
        "set-cookie",
        "private_key",
        "credentials",
        f"{'x' * 100}Password",
        "tokens",
        "token_value",
        "access_token_hash",
        "accesstoken",
        "oauth2Token",
        "JWT",
        "jwt",
        "bearer",
        "pwd",
        "DB_PWD",
        "dsn",
        "database_url",
        "DATABASE_URL",
        "databaseUrl",
        "apikey",
        "APIKey",
        "access_key",
        "aws_access_key_id",
        "signing_key",
        "signingKeys",
        b"authorization",
        b"Set-Cookie",
    ],
)
def test_secret_is_known_by_its_name(name: str | bytes) -> None:
    """However it is spelled, and with whatever stands around."""
    assert is_secret(name)
    assert mask_secrets({name: {"value": "hunter2"}}) == {name: "***"}


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "tokens_left",
        "email",
        "key",
        "author",
        "pass",
        7,
        "",
        "secretary",
        "secretary_name",
        "hasToken",
        "has_password",
        "cookie_consent_given",
        "token_count",
        "tokenExpiresAt",
        "keyboard",
        "monkey",
        "forbearers",
        "database",
        b"content-type",
        b"\xff",
    ],
)
def test_other_names_are_no_secrets(name: object) -> None:
    """What counts or names something is told."""
    assert not is_secret(name)
    assert mask_secrets({name: "Ada"}) == {name: "Ada"}


def test_secrets_are_masked_at_any_depth() -> None:
    """In all that filter_response_data knows; what names itself a secret hides by itself."""
    data = {
        "variables": {"input": {"password": "x", "tags": ["a"]}},
        "logins": [Login("ada", "x")],
        "row": Row("u", "h"),
        "company": Company(name="Acme"),
        "value": SecretStr("x"),
    }
    assert mask_secrets(data) == {
        "variables": {"input": {"password": "***", "tags": ["a"]}},
        "logins": [{"user": "ada", "password": "***"}],
        "row": {"uuid": "u", "password_hash": "***"},
        "company": {"name": "Acme", "api_key": "***"},
        "value": SecretStr("x"),
    }


def test_pairs_are_masked_by_their_first_item() -> None:
    """As the headers of a request come: in lists, tuples and sets, as bytes and as text."""
    headers = [(b"host", b"x"), (b"authorization", b"Bearer x"), [b"cookie", b"y"]]
    masked = [(b"host", b"x"), (b"authorization", "***"), [b"cookie", "***"]]
    assert mask_secrets({"headers": headers}) == {"headers": masked}
    assert mask_secrets({("Authorization", "Bearer x")}) == [("Authorization", "***")]
    assert mask_secrets(("password", "x", "y")) == ("password", "x", "y")


@pytest.mark.parametrize("data", [{1, "a"}, frozenset({1, "a"})])
def test_sets_are_gone_through(data: set[object]) -> None:
    """They become lists."""
    masked = mask_secrets([data])[0]
    assert isinstance(masked, list)
    assert set(masked) == data


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /exports/1?token=eyJ.a-b_c", "GET /exports/1?token=***"),
        ('"/a?x=1&token=eyJ&y=2" 200', '"/a?x=1&token=***&y=2" 200'),
        ("token=eyJ", "token=***"),
        ("?token=a ?token=b", "?token=*** ?token=***"),
        (b"/a?token=eyJ\xff", b"/a?token=***"),
        ("?mytoken=1&tokens=2", "?mytoken=1&tokens=2"),
        ("?token=", "?token="),
    ],
)
def test_signatures_of_addresses_are_masked(text: str | bytes, masked: str | bytes) -> None:
    """Who reads a log must not be able to follow what is in it."""
    assert mask_secrets({"event": text, "list": [text]}) == {"event": masked, "list": [masked]}


HANDED_OUT = {
    "LoginPayload": {"accessToken", "refreshToken"},
    "RefreshTokenPayload": {"accessToken", "refreshToken"},
    "ChangePasswordPayload": {"accessToken", "refreshToken"},
    "CreateApiTokenPayload": {"token"},
    "CreateUserPayload": {"password"},
    "ResetPasswordPayload": {"password"},
}
"""What is made for whoever asks, and told this once."""


def test_schema_shows_no_secret() -> None:
    """No type that answers are made of has a field for one, but what hands out a new one."""
    types = [type_ for type_ in core_schema().type_map.values() if is_object_type(type_)]
    assert any("fullName" in type_.fields for type_ in types)
    shown = {
        type_.name: {
            name
            for name, field in type_.fields.items()
            if is_secret(name) and is_leaf_type(get_named_type(field.type))
        }
        for type_ in types
    }
    assert {name: fields for name, fields in shown.items() if fields} == HANDED_OUT


def test_depth_has_an_end() -> None:
    """What lies deeper than anybody reads, or in itself, is left out."""
    loop: dict[str, Any] = {}
    loop["again"] = loop
    masked = mask_secrets(loop)
    assert str(masked).count("again") == 32
    assert "…" in str(masked)
