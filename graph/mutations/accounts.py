"""Coming in and leaving, users, and tokens of the API.

Whoever shows a wrong secret gets a top-level error; expected mistakes are `userErrors`. Secrets are
answered once, by the mutation that makes them.
"""

from collections.abc import Mapping
from typing import Any, Final

import strawberry

from db.rows import UserRow
from domain.accounts import NewUser
from domain.node_ids import NodeKind, decode_node_id
from domain.viewer import Permission
from graph.context import Info
from graph.mutations.account_inputs import (
    ChangePasswordInput,
    CreateApiTokenInput,
    CreateUserInput,
    LoginInput,
    LogoutInput,
    RefreshTokenInput,
    ResetPasswordInput,
    RevokeApiTokenInput,
    UpdateProfileInput,
    UpdateUserInput,
    changes_of,
)
from graph.mutations.account_payloads import (
    NOBODY,
    ChangePasswordPayload,
    CreateApiTokenPayload,
    CreateUserPayload,
    LoginPayload,
    LogoutPayload,
    RefreshTokenPayload,
    ResetPasswordPayload,
    RevokeApiTokenPayload,
    UpdateProfilePayload,
    UpdateUserPayload,
    signed_in,
)
from graph.mutations.writing import Input, answer, said
from graph.permissions import needs

_NO_USER: Final[Mapping[str, Any]] = {"user": None}
_NO_PASSWORD: Final[Mapping[str, Any]] = {"user": None, "password": None}
_NO_TOKEN: Final[Mapping[str, Any]] = {"api_token": None}
_NO_NEW_TOKEN: Final[Mapping[str, Any]] = {"api_token": None, "token": None}


@strawberry.type
class SessionMutations:
    """Coming in and leaving."""

    @strawberry.mutation(
        description="Come in with a password. It needs no token; the access token of the answer"
        " goes with all other requests.",
        metadata=needs(),
    )
    async def login(self, info: Info, input: Input[LoginInput]) -> LoginPayload:
        """A new session."""
        context = info.context
        work = context.require_accounts().signing_in.login(
            input.email, input.password, client=context.client()
        )
        return await answer(
            LoginPayload, input, context.finish(work), shown=signed_in, nothing=NOBODY
        )

    @strawberry.mutation(
        description="Go on with a session: a new pair of tokens for a refresh token, which is good"
        " once. One that comes a second time ends the session. It needs no token.",
        metadata=needs(),
    )
    async def refresh_token(
        self, info: Info, input: Input[RefreshTokenInput]
    ) -> RefreshTokenPayload:
        """The same session, a while longer."""
        context = info.context
        signing_in = context.require_accounts().signing_in
        work = signing_in.refresh(input.refresh_token, client=context.client())
        return await answer(
            RefreshTokenPayload, input, context.finish(work), shown=signed_in, nothing=NOBODY
        )

    @strawberry.mutation(
        description="End the session of the token, or all of the user's.",
        metadata=needs(Permission.ACCOUNT),
    )
    async def logout(self, info: Info, input: Input[LogoutInput]) -> LogoutPayload:
        """Tokens that are not good any more."""
        context = info.context
        work = context.require_accounts().signing_in.logout(
            context.require_viewer(), everywhere=bool(input.everywhere)
        )
        return await answer(
            LogoutPayload, input, context.finish(work), shown=_ended, nothing=_ended(0)
        )

    @strawberry.mutation(
        description="Change one's own password. It ends all other sessions; the answer has the"
        " tokens to go on with.",
        metadata=needs(Permission.ACCOUNT),
    )
    async def change_password(
        self, info: Info, input: Input[ChangePasswordInput]
    ) -> ChangePasswordPayload:
        """A new session in place of all others."""
        context = info.context
        work = context.require_accounts().change_password(
            context.require_viewer(),
            current=input.current_password,
            new=input.new_password,
            client=context.client(),
        )
        return await answer(
            ChangePasswordPayload, input, context.finish(work), shown=signed_in, nothing=NOBODY
        )


@strawberry.type
class UserMutations:
    """Who may come in."""

    @strawberry.mutation(
        description="Let somebody in from now on. Needs the role ADMIN.",
        metadata=needs(Permission.USERS),
    )
    async def create_user(self, info: Info, input: Input[CreateUserInput]) -> CreateUserPayload:
        """A new user."""
        new = NewUser(
            email=input.email,
            role=input.role,
            name=said(input.name),
            password=said(input.password),
        )
        work = info.context.require_accounts().create_user(new)
        return await answer(
            CreateUserPayload,
            input,
            info.context.finish(work),
            shown=lambda created: {"user": created.user, "password": created.password},
            nothing=_NO_PASSWORD,
        )

    @strawberry.mutation(
        description="Change a user. Another role, or none to come in with, ends their sessions."
        " Needs the role ADMIN.",
        metadata=needs(Permission.USERS),
    )
    async def update_user(self, info: Info, input: Input[UpdateUserInput]) -> UpdateUserPayload:
        """The user as it is now."""
        accounts, user_id = info.context.require_accounts(), _user_id(input.id)

        async def work() -> UserRow:
            changes = changes_of(input, ["name"], ["role", "is_active"])
            return await accounts.update_user(user_id, **changes)

        return await answer(
            UpdateUserPayload, input, info.context.finish(work()), shown=_user, nothing=_NO_USER
        )

    @strawberry.mutation(
        description="Give a user another password, which ends their sessions. Needs the role"
        " ADMIN.",
        metadata=needs(Permission.USERS),
    )
    async def reset_password(
        self, info: Info, input: Input[ResetPasswordInput]
    ) -> ResetPasswordPayload:
        """The user, and the password when one was made."""
        context, user_id = info.context, _user_id(input.id)
        work = context.require_accounts().reset_password(
            context.require_viewer(), user_id, said(input.password)
        )
        answered = await answer(
            ResetPasswordPayload,
            input,
            context.finish(work),
            shown=lambda made: {"user": None, "password": made},
            nothing=_NO_PASSWORD,
        )
        if not answered.user_errors:
            context.reads.use_primary()
            answered.user = await context.loaders.user_by_id.load(user_id)
        return answered

    @strawberry.mutation(
        description="Change one's own name or e-mail address.",
        metadata=needs(Permission.ACCOUNT),
    )
    async def update_profile(
        self, info: Info, input: Input[UpdateProfileInput]
    ) -> UpdateProfilePayload:
        """The viewer as they are now."""
        context = info.context
        accounts, viewer = context.require_accounts(), context.require_viewer()

        async def work() -> UserRow:
            changes = changes_of(input, ["name"], ["email"])
            password = said(input.current_password)
            return await accounts.update_profile(
                viewer, **changes, current_password=password, client=context.client()
            )

        return await answer(
            UpdateProfilePayload, input, context.finish(work()), shown=_user, nothing=_NO_USER
        )


@strawberry.type
class ApiTokenMutations:
    """Tokens for programs."""

    @strawberry.mutation(
        description="Make a token for a program, which acts as the viewer as far as its scopes go."
        " It is told once, and stored as a hash.",
        metadata=needs(Permission.ACCOUNT),
    )
    async def create_api_token(
        self, info: Info, input: Input[CreateApiTokenInput]
    ) -> CreateApiTokenPayload:
        """The token with its secret."""
        context = info.context
        work = context.require_accounts().api_tokens.create(
            context.require_viewer(),
            name=input.name,
            scopes=input.scopes,
            expires_at=said(input.expires_at),
        )
        return await answer(
            CreateApiTokenPayload,
            input,
            context.finish(work),
            shown=lambda created: {"api_token": created.row, "token": created.secret},
            nothing=_NO_NEW_TOKEN,
        )

    @strawberry.mutation(
        description="Have a token of one's own, or anybody's as an admin, be good no more.",
        metadata=needs(Permission.ACCOUNT),
    )
    async def revoke_api_token(
        self, info: Info, input: Input[RevokeApiTokenInput]
    ) -> RevokeApiTokenPayload:
        """The token as it is now."""
        context = info.context
        _, token_id = decode_node_id(input.id, expected=NodeKind.API_TOKEN)
        work = context.require_accounts().api_tokens.revoke(context.require_viewer(), token_id)
        return await answer(
            RevokeApiTokenPayload,
            input,
            context.finish(work),
            shown=lambda row: {"api_token": row},
            nothing=_NO_TOKEN,
        )


def _ended(sessions: int) -> Mapping[str, Any]:
    return {"sessions_ended": sessions}


def _user(row: UserRow) -> Mapping[str, Any]:
    return {"user": row}


def _user_id(node_id: str) -> int:
    return decode_node_id(node_id, expected=NodeKind.USER)[1]
