"""The secret that signs tokens and cursors; in development it is made once and kept."""

import os
import secrets
from pathlib import Path
from typing import Final

from app.settings import Settings

_FILE: Final = "secret.key"


def load_secret(settings: Settings, data_folder: Path) -> bytes:
    """The secret of this server.

    Without SECRET_KEY one is made in the data folder, readable by its owner alone. Processes that
    start at the same time end up with the same one.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    data_folder.mkdir(parents=True, exist_ok=True)
    path = data_folder / _FILE
    if not path.exists():
        _create(path)
    return path.read_bytes()


def _create(path: Path) -> None:
    draft = path.with_name(f"{_FILE}.{secrets.token_hex(8)}")
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
