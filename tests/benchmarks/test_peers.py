"""The peers are whole and pinned, so that a run can be repeated by others."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
from graphql import parse

from benchmarks import peers
from benchmarks.operations import load_operation, operation_names
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.npm import CannotInstall, install, is_installed
from benchmarks.servers.catalogue import SERVERS
from benchmarks.servers.entry import Server

_FOLDER: Final = Path(peers.__file__).parent
_UNDER_NODE: Final = [server for server in PEERS if server.npm]


def _manifest(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((_FOLDER / name).read_bytes())
    return read


def test_names_are_unique() -> None:
    """No peer takes the place of another server."""
    assert len({server.name for server in PEERS}) == len(PEERS)
    assert {server.name for server in PEERS} < SERVERS.keys()


@pytest.mark.parametrize("server", _UNDER_NODE, ids=lambda server: server.name)
def test_what_runs_under_node_is_there_and_declared(server: Server) -> None:
    """A file to run, and versions for the header."""
    assert (_FOLDER / server.name / "server.mjs").is_file()
    assert set(server.npm) <= _manifest("package.json")["dependencies"].keys()


@pytest.mark.parametrize("operation", operation_names())
@pytest.mark.parametrize("server", PEERS, ids=lambda server: server.name)
def test_requests_are_documents_with_a_contact_of_their_own(server: Server, operation: str) -> None:
    """Also where a peer has documents of its own."""
    wanted = load_operation(operation)
    bodies = [json.loads(server.ask(wanted, contact).body) for contact in (7, 8)]
    parse(bodies[0]["query"])
    assert (bodies[0] != bodies[1]) == wanted.rotates


def test_packages_are_pinned_without_addresses() -> None:
    """Exact versions and checksums; where they come from is npm's setting."""
    wanted = _manifest("package.json")["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", pinned) for pinned in wanted.values())
    lock = _manifest("package-lock.json")["packages"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("integrity" in package for name, package in lock.items() if name)
    assert not any("resolved" in package for package in lock.values())


def test_without_npm_nothing_can_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder does not pass for an installation."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotInstall, match="npm is not on PATH"):
        install(tmp_path / "peers", progress=print)
    assert not is_installed(tmp_path / "peers")


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH")
def test_a_failure_of_npm_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens where the packages are looked for."""
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(CannotInstall, match=r"^npm failed: .*127\.0\.0\.1:1.*$") as failed:
        install(tmp_path / "peers", progress=print)
    assert "\n" not in str(failed.value)
    assert not is_installed(tmp_path / "peers")
