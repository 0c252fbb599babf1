"""`make bench-subscriptions`: the memory that idle subscriptions take in a server process.

A server with an empty database of its own; the resident memory is read before and after so many
sockets wait for changes of contacts. One socket is opened and closed before, so that what is made
once does not count.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

_COMMAND: Final = Path(sys.executable).with_name("appointment360")
_PROTOCOL: Final = Subprotocol("graphql-transport-ws")
_FOLLOW: Final = "subscription { contactChanged { kind ids } }"
_PAGE_BYTES: Final = 4096
_MEBIBYTE: Final = 2**20
_SETTLE_SECONDS: Final = 2.0


@dataclass(frozen=True)
class _Served:
    process: subprocess.Popen[str]
    host: str
    token: str

    def resident_mib(self) -> float:
        """The memory of the server process."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * _PAGE_BYTES / _MEBIBYTE


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.subscriptions", description=__doc__)
    parser.add_argument("--sockets", type=int, default=200, help="how many (%(default)s)")
    wanted = parser.parse_args(arguments)
    with _serving() as served:
        before, after = asyncio.run(_measure(served, wanted.sockets))
    print(
        f"{wanted.sockets} idle subscriptions: {before:.1f} MiB before, {after:.1f} MiB after, "
        f"{after - before:+.1f} MiB"
    )


@contextmanager
def _serving() -> Iterator[_Served]:
    with TemporaryDirectory(prefix="a360-subscriptions-") as folder:
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            [_COMMAND, "serve", "--port=0"],
            env={**os.environ, "DATA_DIR": f"{folder}/data"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield _Served(process, *_welcome(process))
        finally:
            process.terminate()
            process.wait(30)


def _welcome(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Where the server answers, and the token it gives."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://(\S+?)/#token=(\S+)", line):
            return found[1], found[2]
    raise SystemExit("The server did not start.")


async def _measure(served: _Served, sockets: int) -> tuple[float, float]:
    async with _following(served):
        pass
    await asyncio.sleep(_SETTLE_SECONDS)
    before = served.resident_mib()
    async with AsyncExitStack() as stack:
        for _ in range(sockets):
            await stack.enter_async_context(_following(served))
        await asyncio.sleep(_SETTLE_SECONDS)
        return before, served.resident_mib()


@asynccontextmanager
async def _following(served: _Served) -> AsyncIterator[None]:
    """A socket that waits for changes, after its first event."""
    address = f"ws://{served.host}/graphql"
    async with connect(address, subprotocols=[_PROTOCOL], compression=None) as socket:
        token = {"Authorization": f"Bearer {served.token}"}
        for message in (
            {"type": "connection_init", "payload": token},
            {"type": "subscribe", "id": "1", "payload": {"query": _FOLLOW}},
        ):
            await socket.send(json.dumps(message))
            await socket.recv()
        yield


if __name__ == "__main__":
    main()
