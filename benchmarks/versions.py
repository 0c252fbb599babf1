"""Which versions a run measured."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers.npm import installed_version
from benchmarks.servers.entry import Server


def versions_of(servers: Sequence[Server], npm_folder: Path) -> list[str]:
    """The packages of the servers, each once with its version, in the order of the servers."""
    python = dict.fromkeys(package for server in servers for package in server.packages)
    npm = dict.fromkeys(package for server in servers for package in server.npm)
    return [
        *(f"{package} {version(package)}" for package in python),
        *(f"{package} {installed_version(npm_folder, package)}" for package in npm),
    ]
