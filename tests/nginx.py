"""nginx as the system has it, with the configuration that this project hands out."""

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.app.test_proxy import answers

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
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


@asynccontextmanager
async def nginx(folder: Path, ports: Sequence[int]) -> AsyncIterator[Front]:
    """The proxy in front of servers on this machine; only the places of things are changed."""
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
    text = CONFIGURATION.read_text()
    for name, server in zip(("api-1:8000", "api-2:8000"), ports, strict=True):
        assert f"server {name} " in text
        text = text.replace(f"server {name} ", f"server 127.0.0.1:{server} ")
    text = re.sub(r"listen 8080;", f"listen 127.0.0.1:{port};", text)
    text = text.replace(" /tmp/", f" {folder}/")
    text = text.replace("/dev/stdout", f"{folder}/access.log")
    text = text.replace("/dev/stderr", f"{folder}/error.log")
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    words = ("-p", str(folder), "-c", str(configuration), "-g", "daemon off;")
    process = await asyncio.create_subprocess_exec(NGINX, *words)
    try:
        await answers(port)
        yield Front(port, folder)
    finally:
        process.terminate()
        await process.wait()
