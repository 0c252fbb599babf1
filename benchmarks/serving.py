"""Server processes for benchmarks: started as a user would, found by what they say, ended."""

import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_COMMAND: Final = Path(sys.executable).with_name("appointment360")


@dataclass(frozen=True)
class Served:
    """A server that answers, and a token for it."""

    process: subprocess.Popen[str]
    host: str
    port: int
    token: str

    def connect(self, *, block_bytes: int = 2**13) -> http.client.HTTPConnection:
        """A connection that sends a body in blocks of this size."""
        return http.client.HTTPConnection(self.host, self.port, timeout=600, blocksize=block_bytes)


@contextmanager
def serving(*options: str, **environment: str) -> Iterator[Served]:
    """A server at a free port until the end of the block."""
    with subprocess.Popen(
        [_COMMAND, "serve", "--port=0", *options],
        env={**os.environ, "LOG_LEVEL": "warning", **environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield _served(process)
        finally:
            process.terminate()
            process.wait(60)


def _served(process: subprocess.Popen[str]) -> Served:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://(\S+?):(\d+)/#token=(\S+)", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return Served(process, found[1], int(found[2]), found[3])
    raise SystemExit("The server did not start.")
