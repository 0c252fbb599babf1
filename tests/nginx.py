"""nginx as the system has it, before servers on this machine."""

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from tests.processes import PATIENCE_SECONDS

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="There is no nginx on this machine.")
CONFIGURATION = Path(__file__).parents[1] / "deploy" / "nginx" / "nginx.conf"


@dataclass(frozen=True)
class Front:
    """A running nginx.

    Attributes:
        port: At 127.0.0.1.
        folder: Where its logs are.
    """

    port: int
    folder: Path

    @property
    def http(self) -> str:
        """Where requests go."""
        return f"http://127.0.0.1:{self.port}"

    def servers_of(self, path: str) -> set[str]:
        """Which servers have answered at a path, by its log."""
        return {line.split()[-2] for line in self.log() if line.split()[2] == path}

    def log(self) -> list[str]:
        """A line for each request that was answered."""
        return (self.folder / "access.log").read_text().splitlines()


class Configuration(Protocol):
    """What writes a configuration for a folder and a port of this machine."""

    def __call__(self, *, folder: Path, port: int) -> str:
        """The whole text."""


@asynccontextmanager
async def nginx(folder: Path, configuration: Configuration) -> AsyncIterator[Front]:
    """The proxy, as it is configured, once it answers."""
    assert NGINX is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = folder / "nginx"
    folder.mkdir()
    # Its workers may run as somebody else.
    folder.chmod(0o777)
    for path in folder.parents:
        # As many as there are: a process of several has a folder more.
        if path.stat().st_mode & 0o005 != 0o005:
            path.chmod(0o755)
    file = folder / "nginx.conf"
    file.write_text(configuration(folder=folder, port=port))
    words = ("-p", str(folder), "-c", str(file), "-g", "daemon off;")
    process = await asyncio.create_subprocess_exec(NGINX, *words)
    try:
        await _answers(port)
        yield Front(port, folder)
    finally:
        process.terminate()
        await process.wait()


def in_front_of(*ports: int) -> Configuration:
    """The configuration that this project hands out; only the places of things are changed."""

    def write(*, folder: Path, port: int) -> str:
        text = CONFIGURATION.read_text()
        for name, server in zip(("api-1:8000", "api-2:8000"), ports, strict=True):
            assert f"server {name} " in text
            text = text.replace(f"server {name} ", f"server 127.0.0.1:{server} ")
        text = re.sub(r"listen 8080;", f"listen 127.0.0.1:{port};", text)
        text = text.replace(" /tmp/", f" {folder}/")
        text = text.replace("/dev/stdout", f"{folder}/access.log")
        return text.replace("/dev/stderr", f"{folder}/error.log")

    return write


async def _answers(port: int) -> None:
    """Wait until somebody listens."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
