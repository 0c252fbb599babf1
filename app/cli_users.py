"""The commands about users: `appointment360 user …` and `appointment360 token`."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from app.first_start import ensure_user
from app.resources import Resources, open_resources
from app.terminal import fail, run, say, settings_of_process, wrong_use
from app.units import parse_seconds
from db.migrate import upgrade
from db.rows import UserRow
from db.users import all_users, find_user_by_email
from domain.accounts import NewUser
from domain.contact_points import normalize_email
from domain.enums import Role
from domain.errors import Rejected

_MAX_TOKEN_SECONDS = 10 * 365 * 86_400

T = TypeVar("T")

Email = Annotated[str, typer.Option(help="The user's e-mail address.")]
RoleOption = Annotated[Role, typer.Option(help="What the user may do.")]
_FROM_STDIN = "Read the password from stdin; without it one is made and printed, this once."

user_app = typer.Typer(help="Users: who may come in, and what they may do.", no_args_is_help=True)


@user_app.command("add")
def add_user(
    email: Email,
    role: RoleOption = Role.VIEWER,
    name: Annotated[str | None, typer.Option(help="What the user is called.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help=_FROM_STDIN)] = False,
) -> None:
    """Add a user."""
    given = _read_password() if password_stdin else None
    new = NewUser(email=_email(email), role=role, name=name, password=given)
    created = _do(lambda resources: resources.accounts.create_user(new))
    say(f"{created.user.email} is {role}.")
    _print_made(created.password)


@user_app.command("list")
def list_users() -> None:
    """List all users: address, role, whether they may come in, when they last were here, name."""

    async def read(resources: Resources) -> list[UserRow]:
        async with resources.database.read() as session:
            return await all_users(session)

    for user in _do(read):
        typer.echo("\t".join(_told(user)))


@user_app.command("disable")
def disable_user(email: Email) -> None:
    """Let a user in no more: passwords, sessions and all tokens are refused."""
    _change(email, lambda resources, user: _set_active(resources, user, is_active=False))
    say(f"{email} may not come in. Servers that run know it within 5 seconds.")


@user_app.command("enable")
def enable_user(email: Email) -> None:
    """Let a user in again who was disabled."""
    _change(email, lambda resources, user: _set_active(resources, user, is_active=True))
    say(f"{email} may come in.")


@user_app.command("role")
def set_role(email: Email, role: RoleOption) -> None:
    """Give a user another role, which ends their sessions."""
    _change(email, lambda resources, user: resources.accounts.update_user(user.id, role=role))
    say(f"{email} is {role}.")


@user_app.command("password")
def set_password(
    email: Email,
    stdin: Annotated[bool, typer.Option("--stdin", help=_FROM_STDIN)] = False,
) -> None:
    """Give a user another password, which ends their sessions."""
    given = _read_password() if stdin else None
    made = _change(email, lambda resources, user: resources.accounts.set_password(user.id, given))
    say(f"{email} has another password.")
    _print_made(made)


def token(
    email: Email,
    role: RoleOption = Role.VIEWER,
    expires: Annotated[str, typer.Option(help="How long it is valid: 15m, 1h, 7d.")] = "1h",
) -> None:
    """Print a token for a user, who is made when missing."""
    seconds, address = _seconds(expires), _email(email)

    async def issue(resources: Resources) -> str:
        user = await ensure_user(resources, address, role)
        if not user.is_active:
            fail(f"{email} may not come in. Say `appointment360 user enable --email {email}`.")
        if user.role != role:
            say(f"{email} is {user.role}, and so is the token.")
        return resources.accounts.signing_in.issue_token(user, ttl_seconds=seconds)

    typer.echo(_do(issue))


def _do(work: Callable[[Resources], Awaitable[T]]) -> T:
    """What work gives that is done on a database with the newest tables."""

    async def do() -> T:
        async with open_resources(settings_of_process(), progress=say) as resources:
            await upgrade(resources.database.engine)
            return await work(resources)

    try:
        return run(do())
    except Rejected as rejected:
        fail(str(rejected))


def _change(email: str, change: Callable[[Resources, UserRow], Awaitable[T]]) -> T:
    """What a change of the user with an address gives."""
    address = _email(email)

    async def work(resources: Resources) -> T:
        async with resources.database.read() as session:
            user = await find_user_by_email(session, address)
        if user is None:
            fail(f"There is no user {email}.")
        return await change(resources, user)

    return _do(work)


async def _set_active(resources: Resources, user: UserRow, *, is_active: bool) -> None:
    await resources.accounts.update_user(user.id, is_active=is_active)


def _told(user: UserRow) -> tuple[str, ...]:
    seen = user.last_active_at
    return (
        user.email,
        user.role,
        "active" if user.is_active else "disabled",
        "never" if seen is None else f"{seen:%Y-%m-%d}",
        user.name or "",
    )


def _print_made(password: str | None) -> None:
    """Print a password that was made, alone, for whoever pipes it."""
    if password is not None:
        say("This password is shown once:")
        typer.echo(password)


def _read_password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        wrong_use("There is no password on stdin.")
    return password


def _seconds(expires: str) -> float:
    try:
        seconds = float(str(parse_seconds(expires)))
    except ValueError as error:
        wrong_use(f"--expires {error}")
    if not 0 < seconds <= _MAX_TOKEN_SECONDS:
        wrong_use("--expires is more than nothing and at most ten years.")
    return seconds


def _email(text: str) -> str:
    try:
        return normalize_email(text)
    except ValueError as error:
        wrong_use(f"--email: {error}")
