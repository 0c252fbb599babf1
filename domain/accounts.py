"""The words of who uses the server: clients, new users, what they log in with."""

from dataclasses import dataclass, field
from typing import Final

from domain.contact_points import MAX_EMAIL_CHARS, normalize_email
from domain.enums import DescribedEnum, Role
from domain.errors import InvalidValue, ProblemCode
from domain.normalize import normalize_text
from domain.paging import Direction, Nulls, Order

MAX_PASSWORD_BYTES: Final = 1024
MIN_PASSWORD_CHARS: Final = 12
MAX_NAME_CHARS: Final = 200
MAX_CLIENT_CHARS: Final = 200
MAX_API_TOKENS: Final = 100
"""Tokens of the API that a user has at the same time."""
MAX_SESSIONS: Final = 100
"""Sessions that a user has at the same time; another one ends the oldest."""
MAX_ACCESS_TOKEN_SECONDS: Final = 86_400
"""How long the token of a session is good, however a server is set."""


@dataclass(frozen=True)
class Client:
    """From where a request comes.

    Attributes:
        address: Its IP address, as far as it is known.
        name: What it calls itself in the header User-Agent.
    """

    address: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewUser:
    """Somebody who may come in from now on.

    Attributes:
        password: None has one made, which is shown once.
    """

    email: str = field(repr=False)
    role: Role
    name: str | None = None
    password: str | None = field(default=None, repr=False)


class UserOrderField(DescribedEnum):
    """What users can be ordered by."""

    CREATED_AT = "CREATED_AT", "When the user was added."


@dataclass(frozen=True, kw_only=True)
class UserOrder:
    """One key of the order of users."""

    field: UserOrderField
    direction: Direction = Direction.ASC
    nulls: Nulls = Nulls.LAST


NEWEST_USERS: Final[tuple[Order, ...]] = (
    UserOrder(field=UserOrderField.CREATED_AT, direction=Direction.DESC),
)


def clean_name(name: str | None) -> str | None:
    """The name of a user or a token as it is stored; None when it says nothing.

    Raises:
        InvalidValue: It is too long, or holds what cannot be stored.
    """
    text = normalize_text(name)
    if text is not None and len(text) > MAX_NAME_CHARS:
        message = f"{len(text)} characters; at most {MAX_NAME_CHARS} fit."
        raise InvalidValue(ProblemCode.TOO_LONG, message)
    return text


def check_new_password(password: str, *, email: str) -> None:
    """Refuse a password that is too easy to guess, or longer than is worth hashing.

    Raises:
        InvalidValue: Why it is refused; the message does not repeat it.
    """
    if len(password) < MIN_PASSWORD_CHARS:
        message = f"A password has at least {MIN_PASSWORD_CHARS} characters."
        raise InvalidValue(ProblemCode.INVALID_VALUE, message)
    if is_too_long(password):
        message = f"A password has at most {MAX_PASSWORD_BYTES} bytes."
        raise InvalidValue(ProblemCode.TOO_LONG, message)
    if password.strip().casefold() == email.casefold():
        message = "The password is the e-mail address. Choose another."
        raise InvalidValue(ProblemCode.INVALID_VALUE, message)


def is_too_long(password: str) -> bool:
    """Whether a password has more bytes than any that is taken."""
    return len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES


def email_or_none(text: str) -> str | None:
    """An e-mail address in its stored form; None for what can be nobody's."""
    if len(text) > 2 * MAX_EMAIL_CHARS:
        return None
    try:
        return normalize_email(text)
    except InvalidValue:
        return None
