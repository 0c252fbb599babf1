"""What mutations of accounts answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import strawberry

from access.signing_in import LoggedIn
from graph.declare import column
from graph.payloads import Payload
from graph.types.accounts import ApiToken
from graph.types.parts import User

_MADE: Final = "The password that was made; null when one was given. It is told this once."


@strawberry.type
class _SignedInPayload(Payload):
    """What somebody who has shown a secret works with from now on."""

    access_token: str | None = column("Goes with requests as `Authorization: Bearer …`.")
    access_token_expires_at: datetime | None = column("Until when the access token is good.")
    refresh_token: str | None = column(
        "Gets the next pair of tokens from `refreshToken`. It is good once."
    )
    refresh_token_expires_at: datetime | None = column("Until when the refresh token is good.")
    user: User | None = column("Who is signed in.")


@strawberry.type(description="Who has come in.")
class LoginPayload(_SignedInPayload):
    """Answer of `login`."""


@strawberry.type(description="Whose session goes on.")
class RefreshTokenPayload(_SignedInPayload):
    """Answer of `refreshToken`."""


@strawberry.type(description="What is left to come in with: all other sessions have ended.")
class ChangePasswordPayload(_SignedInPayload):
    """Answer of `changePassword`."""


@strawberry.type(description="What has ended.")
class LogoutPayload(Payload):
    """Answer of `logout`."""

    sessions_ended: int = column("How many sessions have ended.")


@strawberry.type
class _UserPayload(Payload):
    user: User | None = column("The user as it is now; null when nothing was written.")


@strawberry.type(description="The new user.")
class CreateUserPayload(_UserPayload):
    """Answer of `createUser`."""

    password: str | None = column(_MADE)


@strawberry.type(description="The changed user.")
class UpdateUserPayload(_UserPayload):
    """Answer of `updateUser`."""


@strawberry.type(description="The user with another password.")
class ResetPasswordPayload(_UserPayload):
    """Answer of `resetPassword`."""

    password: str | None = column(_MADE)


@strawberry.type(description="The viewer, changed.")
class UpdateProfilePayload(_UserPayload):
    """Answer of `updateProfile`."""


@strawberry.type(description="The new token.")
class CreateApiTokenPayload(Payload):
    """Answer of `createApiToken`."""

    api_token: ApiToken | None = column("What is known of it; null when none was made.")
    token: str | None = column("The token itself. It is told this once.")


@strawberry.type(description="The token that is not good any more.")
class RevokeApiTokenPayload(Payload):
    """Answer of `revokeApiToken`."""

    api_token: ApiToken | None = column("The token; null when there is none of the id.")


NOBODY: Final[Mapping[str, Any]] = dict.fromkeys(
    (
        "access_token",
        "access_token_expires_at",
        "refresh_token",
        "refresh_token_expires_at",
        "user",
    )
)
"""What is shown of tokens and their user when nobody has come in."""


def signed_in(logged_in: LoggedIn) -> Mapping[str, Any]:
    """What is shown of whoever has come in."""
    return {
        "access_token": logged_in.access_token,
        "access_token_expires_at": logged_in.access_expires_at,
        "refresh_token": logged_in.refresh_token,
        "refresh_token_expires_at": logged_in.refresh_expires_at,
        "user": logged_in.user,
    }
