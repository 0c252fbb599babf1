"""The words of who uses the server: clients, new users, what they log in with."""

from dataclasses import dataclass
from typing import Final

from domain.enums import Role

MAX_PASSWORD_BYTES: Final = 1024
MIN_PASSWORD_CHARS: Final = 12
MAX_NAME_CHARS: Final = 200
MAX_CLIENT_CHARS: Final = 200


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

    email: str
    role: Role
    name: str | None = None
    password: str | None = None
