"""The secret that signs tokens and cursors; in development it is made once and kept."""

import os
import re
import secrets
from itertools import pairwise
from pathlib import Path
from typing import Final

from app.settings import Settings, SettingsError

KEY: Final = "secret.key"
"""The file with the one that was made, in the data folder."""

_LEAST_CHARACTERS: Final = 8
_MAKE_ONE: Final = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
_ADVICE: Final = {
    "secret_key": _MAKE_ONE,
    "secret_key_previous": "Leave it out: who is logged in by it has to log in again.",
    "ops_token": _MAKE_ONE,
}

# By chance none of them is in one of a million random secrets.
_WORDS: Final = re.compile(
    "changeme|changethis|replaceme|yoursecret|mysecret|supersecret|topsecret|notasecret|secretkey"
    "|password|passphrase|placeholder|insecure|example|development|appointment|generateone"
)
_BETWEEN_WORDS: Final = re.compile("[^a-z]+")


def refuse_weak_secrets(settings: Settings) -> None:
    """Have production not start with a secret that others could guess.

    Raises:
        SettingsError: One of them is weak; it is named, and not shown.
    """
    if not settings.is_production:
        return
    for name, advice in _ADVICE.items():
        secret = getattr(settings, name)
        if secret is not None and (reason := weakness(secret.get_secret_value())):
            raise SettingsError(f"{name.upper()}: can be guessed, for it {reason}. {advice}")


def weakness(secret: str) -> str | None:
    """Why a secret is one that others try first; None when it looks like a random one."""
    if _WORDS.search(_BETWEEN_WORDS.sub("", secret.lower())):
        return "has a word of examples in it"
    if len(set(secret)) < _LEAST_CHARACTERS:
        return f"has fewer than {_LEAST_CHARACTERS} different characters"
    if any(secret.startswith(secret[period:]) for period in range(1, len(secret) // 2 + 1)):
        return "repeats itself"
    if _steps(secret) * 2 > len(secret):
        return "goes through the alphabet"
    return None


def _steps(secret: str) -> int:
    """How many of its characters are the one before or its neighbour: `abc`, `321`, `aaa`."""
    codes = secret.encode()
    return sum(abs(code - before) <= 1 for before, code in pairwise(codes))


def load_secret(settings: Settings, folder: Path) -> bytes:
    """The secret of this server.

    Without SECRET_KEY one is made in the data folder, readable by its owner alone. Processes that
    start at the same time end up with the same one.
    """
    if (secret := find_secret(settings, folder)) is not None:
        return secret
    folder.mkdir(parents=True, exist_ok=True)
    _create(folder / KEY)
    return (folder / KEY).read_bytes()


def find_secret(settings: Settings, folder: Path) -> bytes | None:
    """The secret of the server; None when it has none yet, or is on another machine."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    kept = folder / KEY
    return kept.read_bytes() if kept.exists() else None


def previous_secret(settings: Settings) -> bytes | None:
    """The one before it, whose tokens are still taken; None when there is none."""
    previous = settings.secret_key_previous
    return None if previous is None else previous.get_secret_value().encode()


def _create(path: Path) -> None:
    draft = path.with_name(f"{KEY}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        # A link fails when the name is taken, so the first process wins and none overwrites.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
