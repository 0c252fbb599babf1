"""What accounts take. None of it takes an idempotency key: a secret is never kept for replay."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from domain.absent import ABSENT, given
from domain.accounts import MAX_NAME_CHARS, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS
from domain.enums import Role
from domain.errors import Problem, ProblemCode, Rejected
from domain.names import spelled
from domain.records import described
from domain.scalars import NodeId
from domain.viewer import Permission
from graph.declare import as_input
from graph.mutations.writing import MutationInput

_NEW_PASSWORD: Final = (
    f"From {MIN_PASSWORD_CHARS} characters to {MAX_PASSWORD_BYTES} bytes, and not the address."
)
_MADE_PASSWORD: Final = f"{_NEW_PASSWORD} One is made, and answered once, when it is left out."
_NAME: Final = f"At most {MAX_NAME_CHARS} characters."


def _secret(doc: str, *, required: bool = True) -> Any:
    """A field that is in no `repr`."""
    if required:
        return field(metadata={"doc": doc}, repr=False)
    return field(default=ABSENT, metadata={"doc": doc}, repr=False)


@as_input
@dataclass(kw_only=True)
class LoginInput(MutationInput):
    """Who comes in, and by what they prove it."""

    email: str = _secret("The e-mail address, in capitals or not.")
    password: str = _secret("The password.")


@as_input
@dataclass(kw_only=True)
class RefreshTokenInput(MutationInput):
    """By what a session goes on."""

    refresh_token: str = _secret("The newest one that the session was given.")


@as_input
@dataclass(kw_only=True)
class LogoutInput(MutationInput):
    """What is to end."""

    everywhere: bool | None = described(
        "Whether all sessions of the user end; this one alone when left out."
    )


@as_input
@dataclass(kw_only=True)
class ChangePasswordInput(MutationInput):
    """Another password for oneself."""

    current_password: str = _secret("The one of now.")
    new_password: str = _secret(_NEW_PASSWORD)


@as_input
@dataclass(kw_only=True)
class CreateUserInput(MutationInput):
    """Somebody who may come in from now on."""

    email: str = _secret("The e-mail address; nobody else may have it.")
    role: Role = described("What the user may do.", required=True)
    name: str | None = described(_NAME)
    password: str | None = _secret(_MADE_PASSWORD, required=False)


@as_input
@dataclass(kw_only=True)
class UpdateUserInput(MutationInput):
    """What is to change about a user; what is left out stays."""

    id: NodeId = described("The user's id.", required=True)
    name: str | None = described(f"{_NAME} Null takes it away.")
    role: Role | None = described("What the user may do from now on; it ends their sessions.")
    is_active: bool | None = described(
        "Whether the user may come in; who may not is sent away at once."
    )


@as_input
@dataclass(kw_only=True)
class ResetPasswordInput(MutationInput):
    """Another password for somebody who has lost theirs."""

    id: NodeId = described("The user's id.", required=True)
    password: str | None = _secret(_MADE_PASSWORD, required=False)


@as_input
@dataclass(kw_only=True)
class UpdateProfileInput(MutationInput):
    """What is to change about oneself; what is left out stays."""

    name: str | None = described(f"{_NAME} Null takes it away.")
    email: str | None = _secret(
        "Another e-mail address; it takes the current password.", required=False
    )
    current_password: str | None = _secret(
        "The password of now; only for another address.", required=False
    )


@as_input
@dataclass(kw_only=True)
class CreateApiTokenInput(MutationInput):
    """A token for a program."""

    name: str = described(f"What to know it by. {_NAME}", required=True)
    scopes: list[Permission] = described(
        "What it is good for, as far as the user's role goes; never ACCOUNT.", required=True
    )
    expires_at: datetime | None = described("Until when it is good; for ever when left out.")


@as_input
@dataclass(kw_only=True)
class RevokeApiTokenInput(MutationInput):
    """Which token is not good any more."""

    id: NodeId = described("Its id.", required=True)


def changes_of(
    given_input: MutationInput, nullable: Iterable[str], others: Iterable[str]
) -> dict[str, Any]:
    """What is given of some fields.

    Args:
        others: Fields that can be left out, and never emptied.

    Raises:
        Rejected: One of the others is null.
    """
    values = {name: getattr(given_input, name) for name in (*nullable, *others)}
    if null := [_no_null(spelled(name)) for name in others if values[name] is None]:
        raise Rejected(null)
    return {name: value for name, value in values.items() if given(value)}


def _no_null(name: str) -> Problem:
    message = f"{name} cannot be null. Leave it out for it to stay as it is."
    return Problem(code=ProblemCode.REQUIRED, message=message, path=(name,))
