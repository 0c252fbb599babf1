"""Commands of the product in this process, as a terminal runs them: words in, texts out."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import structlog
from typer.testing import CliRunner

from app.cli import app


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


class Terminal:
    """Runs commands with an environment, each in a thread with an event loop of its own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def run(self, *words: str, stdin: str = "") -> Ended:
        """A command, from its start to its end."""
        invoke = partial(CliRunner().invoke, app, words, input=stdin, env=self._environment)
        with logging_put_back():
            ended = await asyncio.to_thread(invoke)
        return Ended(ended.exit_code, ended.stdout, ended.stderr)


@contextmanager
def logging_put_back() -> Iterator[None]:
    """The log is afterwards as it was: whoever starts sets it up for the whole process."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        structlog.configure(**before)
        structlog.contextvars.clear_contextvars()
        root.handlers = handlers
        root.setLevel(level)
        for name in ("alembic", "procrastinate", "uvicorn"):
            logging.getLogger(name).setLevel(logging.NOTSET)
