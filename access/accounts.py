"""Accounts: all that is done about users, their passwords, sessions and tokens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from access.api_tokens import ApiTokens
from access.login_limits import LoginLimits
from access.passwords import Passwords, make_password
from access.revocations import Revocations
from access.signing_in import Begun, LoggedIn, SigningIn, end_access
from db import users
from db.problems import not_found, user_exists
from db.retrying import write_again
from db.rows import CredentialsRow, UserRow
from db.transaction import Database, Transaction
from domain.absent import ABSENT, given
from domain.accounts import Client, NewUser, check_new_password, clean_name
from domain.contact_points import normalize_email
from domain.enums import Role
from domain.errors import InvalidValue, Problem, ProblemCode, Rejected, Unauthenticated
from domain.viewer import Viewer

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class CreatedUser:
    """A new user.

    Attributes:
        password: The one that was made, which is stored nowhere; None when one was given.
    """

    user: UserRow = field(repr=False)
    password: str | None = field(repr=False)


class Accounts:
    """Users as they and admins see them.

    Whoever is sent away is so at once here, and within seconds elsewhere: by another password,
    another role, or by not being let in any more.

    Attributes:
        signing_in: Their sessions.
        api_tokens: The tokens of their programs.
    """

    def __init__(
        self,
        database: Database,
        *,
        passwords: Passwords,
        limits: LoginLimits,
        signing_in: SigningIn,
        api_tokens: ApiTokens,
        revocations: Revocations,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._limits = limits
        self.signing_in = signing_in
        self.api_tokens = api_tokens
        self._revocations = revocations

    async def create_user(self, new: NewUser) -> CreatedUser:
        """A new user, with a password that is made when none is given.

        Raises:
            Rejected: What is wrong with `email`, `name` or `password`; or the address is taken.
            Unavailable: Too many passwords are being hashed.
        """
        mistakes = _Mistakes()
        email = mistakes.of("email", normalize_email, new.email)
        name = mistakes.of("name", clean_name, new.name)
        if new.password is not None:
            mistakes.of("password", check_new_password, new.password, email=email or "")
        mistakes.refuse()
        made = make_password() if new.password is None else None
        password_hash = await self._passwords.hash(new.password or made or "")

        async def create(tx: Transaction) -> UserRow:
            user = await users.create_user(
                tx, email=email, role=new.role, name=name, password_hash=password_hash
            )
            if user is None:
                holder = await users.find_user_by_email(tx, email)
                raise Rejected([user_exists(None if holder is None else holder.id)])
            return user

        return CreatedUser(await write_again(self._database, create, is_repeatable=False), made)

    async def update_user(
        self,
        user_id: int,
        *,
        name: str | None = ABSENT,
        role: Role = ABSENT,
        is_active: bool = ABSENT,
    ) -> UserRow:
        """A user after a change by an admin; what is left out stays.

        Another role, or none to come in with, ends all sessions of the user.

        Raises:
            Rejected: NOT_FOUND, a mistake in `name`, or NOT_ALLOWED_IN_STATE: it is the last active
                admin.
        """
        mistakes = _Mistakes()
        cleaned = mistakes.of("name", clean_name, name) if given(name) else ABSENT
        mistakes.refuse()
        wanted = {"name": cleaned, "role": role, "is_active": is_active}

        async def update(tx: Transaction) -> UserRow:
            user, has_other_admin = await users.lock_user(tx, user_id)
            changed = _changes(user, wanted)
            if not has_other_admin and _stops_being_admin(user, changed):
                raise Rejected([_last_admin("role" if "role" in changed else "isActive")])
            if not changed:
                return user
            if "role" in changed or changed.get("is_active") is False:
                await end_access(tx, user)
            return await users.update_user(tx, user, changed)

        user = await write_again(self._database, update, is_repeatable=True)
        await self._know_at_once()
        return user

    async def update_profile(
        self,
        viewer: Viewer,
        *,
        name: str | None = ABSENT,
        email: str = ABSENT,
        current_password: str | None,
        client: Client,
    ) -> UserRow:
        """The viewer after a change of their own; what is left out stays.

        Args:
            current_password: Is needed for another address.

        Raises:
            Rejected: A mistake in `name`, `email` or `currentPassword`; or the address is taken.
            RateLimited: Too many changes, or too many wrong passwords.
            Unauthenticated: The user of the token does not exist any more.
        """
        mistakes = _Mistakes()
        cleaned = mistakes.of("name", clean_name, name) if given(name) else ABSENT
        address = mistakes.of("email", normalize_email, email) if given(email) else ABSENT
        mistakes.refuse()
        credentials = await self._credentials(viewer)
        if given(address) and address.lower() != credentials.email.lower():
            await self._prove(credentials, current_password, client)
        wanted = {"name": cleaned, "email": address}

        async def update(tx: Transaction) -> UserRow:
            user = await users.lock_viewer(tx, viewer.user_uuid)
            changed = _changes(user, wanted)
            return await users.update_user(tx, user, changed) if changed else user

        await self._limits.change_profile(str(viewer.user_uuid))
        return await write_again(self._database, update, is_repeatable=True)

    async def change_password(
        self, viewer: Viewer, *, current: str, new: str, client: Client
    ) -> LoggedIn:
        """A new session, in place of all there are, of a viewer who has another password now.

        Raises:
            Rejected: A mistake in `currentPassword` or `newPassword`.
            RateLimited: The current password was wrong too often.
            Unavailable: Too many passwords are being hashed.
            Unauthenticated: The user of the token does not exist any more.
        """
        credentials = await self._credentials(viewer)
        mistakes = _Mistakes()
        mistakes.of("newPassword", check_new_password, new, email=credentials.email)
        mistakes.refuse()
        await self._prove(credentials, current, client)
        password_hash = await self._passwords.hash(new)
        before = credentials.password_hash

        async def change(tx: Transaction) -> Begun:
            user = await users.lock_let_in(tx, viewer.user_uuid, password_hash=before)
            if user is None:
                raise Rejected([_not_yours()])
            await users.set_password(tx, user.id, password_hash)
            await end_access(tx, user)
            return await self.signing_in.begin(tx, user, client)

        begun = await write_again(self._database, change, is_repeatable=False)
        await self._know_at_once()
        return self.signing_in.logged_in(*begun)

    async def reset_password(
        self, viewer: Viewer, user_id: int, password: str | None
    ) -> str | None:
        """As `set_password`, for an admin, to whom their own password is not given this way.

        Raises:
            Rejected: NOT_ALLOWED_IN_STATE besides: it is the admin's own.
        """
        async with self._database.read() as session:
            own = await users.find_user(session, viewer.user_uuid)
        if own is not None and own.id == user_id:
            message = "This is your own account; use changePassword."
            problem = Problem(code=ProblemCode.NOT_ALLOWED_IN_STATE, message=message, path=("id",))
            raise Rejected([problem])
        return await self.set_password(user_id, password)

    async def set_password(self, user_id: int, password: str | None) -> str | None:
        """Give a user another password, which ends all their sessions.

        Args:
            password: None has one made.

        Returns:
            The one that was made.

        Raises:
            Rejected: NOT_FOUND, or a mistake in `password`.
            Unavailable: Too many passwords are being hashed.
        """
        async with self._database.read() as session:
            (user,) = await users.load_users(session, [user_id])
        if user is None:
            raise Rejected([not_found("user")])
        if password is not None:
            mistakes = _Mistakes()
            mistakes.of("password", check_new_password, password, email=user.email)
            mistakes.refuse()
        made = make_password() if password is None else None
        password_hash = await self._passwords.hash(password or made or "")

        async def change(tx: Transaction) -> None:
            user, _ = await users.lock_user(tx, user_id)
            await users.set_password(tx, user_id, password_hash)
            await end_access(tx, user)

        await write_again(self._database, change, is_repeatable=True)
        await self._know_at_once()
        return made

    async def _credentials(self, viewer: Viewer) -> CredentialsRow:
        async with self._database.read() as session:
            found = await users.find_own_credentials(session, viewer.user_uuid)
        if found is None or not found.is_active:
            raise Unauthenticated("The user of this token does not exist any more.")
        return found

    async def _prove(
        self, credentials: CredentialsRow, password: str | None, client: Client
    ) -> None:
        """Refuse whoever has somebody's token and not their password."""
        if password is None:
            message = "Send the password of now."
            path = ("currentPassword",)
            raise Rejected([Problem(code=ProblemCode.REQUIRED, message=message, path=path)])
        async with self._limits.attempt(credentials.email, client):
            if not await self._passwords.verify(password, credentials.password_hash):
                raise Rejected([_not_yours()])

    async def _know_at_once(self) -> None:
        """Have this process go by what has just been committed."""
        self.api_tokens.forget()
        await self._revocations.renew()


class _Mistakes:
    """Applies rules to parts of an input, and collects what they refuse."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def of(self, name: str, rule: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """What the rule gives; nothing that counts when it refuses."""
        try:
            return rule(*args, **named)
        except InvalidValue as error:
            problem = Problem(code=error.code, message=error.message, path=(name,))
            self._problems.append(problem)
            return ABSENT  # type: ignore[no-any-return]  # `refuse` comes before it is used

    def refuse(self) -> None:
        """Refuse the input if there is a mistake in it."""
        if self._problems:
            raise Rejected(self._problems)


def _changes(user: UserRow, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is wanted and not so already."""
    return {name: value for name, value in wanted.items() if given(value) and value != user[name]}


def _stops_being_admin(user: UserRow, changed: Mapping[str, Any]) -> bool:
    if user.role != Role.ADMIN or not user.is_active:
        return False
    return "role" in changed or changed.get("is_active") is False


def _last_admin(name: str) -> Problem:
    message = "This is the last admin who may come in. Make another one first."
    return Problem(code=ProblemCode.NOT_ALLOWED_IN_STATE, message=message, path=(name,))


def _not_yours() -> Problem:
    message = "This is not your password."
    path = ("currentPassword",)
    return Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)
