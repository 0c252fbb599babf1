"""What all commands do alike at a terminal: settings, words on stderr, and how they end.

Exit status 0 is success, 1 is work that failed, 2 is wrong use.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer

from app.embedded.binaries import EmbeddedServerError
from app.log import configure_logging
from app.secret import refuse_weak_secrets
from app.settings import Settings, SettingsError, load_settings
from domain.errors import AppError
from graph.stored_documents import StoredDocumentsError

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What work gives; what a user or operator can mend ends the process with its words."""
    try:
        return asyncio.run(work)
    except (AppError, EmbeddedServerError, OSError, StoredDocumentsError) as error:
        fail(getattr(error, "message", None) or str(error))


def settings_of_process(**given: object) -> Settings:
    """The settings, with the log set up by them; those given come before the environment."""
    try:
        settings = load_settings(**given)
        refuse_weak_secrets(settings)
    except SettingsError as error:
        wrong_use(str(error))
    configure_logging(settings)
    return settings


def say(message: str) -> None:
    """Tell the person at the terminal; what a command answers goes elsewhere."""
    typer.echo(message, err=True)


def fail(message: str) -> NoReturn:
    """End: the work failed."""
    say(message)
    raise SystemExit(1)


def wrong_use(message: str) -> NoReturn:
    """End: the command was not used as it can be."""
    say(message)
    raise SystemExit(2)
