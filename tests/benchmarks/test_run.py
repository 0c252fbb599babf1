"""The benchmark room works from the seed to the table, whatever the figures are."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from benchmarks.database import default_folder
from benchmarks.operations import operation_names
from benchmarks.peers.npm import installed_version, is_installed
from benchmarks.run import main
from benchmarks.servers.catalogue import LIMIT, SERVERS

_PEERS: Final = default_folder() / "peers"
_SMALL = ["--contacts", "200", "--companies", "20", "--connections", "2"]
_QUICK = ["--rounds", "1", "--seconds", "0.2"]


@pytest.mark.slow
def test_run_yields_a_row_per_server_and_operation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every server answers every operation as the others do, and all figures are there."""
    names = [server.name for server in SERVERS.values() if not server.npm]
    rows = _rows(folder, names)
    said = capsys.readouterr().out
    assert "×A" in said
    assert f"sqlalchemy {version('sqlalchemy')}" in said
    assert [(row["operation"], row["server"]) for row in rows] == _pairs(names)
    for row in rows:
        assert min(row["rps"], row["p50_ms"], row["p99_ms"], row["bytes"]) > 0
        if sys.platform == "linux":
            # PostgreSQL may need less than a tick for so few requests, and nothing for the floor.
            assert row["cpu_ms"] > 0
            assert row["pg_cpu_ms"] >= 0
    assert (folder / "chart.svg").read_text().count("<rect") == len(rows)


@pytest.mark.slow
@pytest.mark.skipif(
    not is_installed(_PEERS), reason="the packages of the servers under Node are not installed"
)
def test_servers_under_node_answer_as_the_others_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runner refuses to time those that do not; the versions that ran are told."""
    names = [LIMIT, *(server.name for server in SERVERS.values() if server.npm)]
    (folder / "data").mkdir()
    (folder / "data" / "peers").symlink_to(_PEERS)
    rows = _rows(folder, names)
    said = capsys.readouterr().out
    assert "×PostGraphile" in said
    assert f"postgraphile {installed_version(_PEERS, 'postgraphile')}" in said
    assert [(row["operation"], row["server"]) for row in rows] == _pairs(names)


def test_servers_under_node_are_left_out_without_npm(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says so; here nothing else was to be measured."""
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(SystemExit, match="No server is left"):
        main(["--servers", "apollo,mercurius", "--data", str(folder / "data")])
    assert capsys.readouterr().err == "Without apollo, mercurius: npm is not on PATH\n"


def _rows(folder: Path, servers: list[str]) -> list[dict[str, Any]]:
    out = folder / "rows.json"
    told = ["--data", str(folder / "data"), "--out", str(out)]
    drawn = ["--chart", str(folder / "chart.svg")]
    main([*_SMALL, *_QUICK, *told, *drawn, "--servers", ",".join(servers)])
    rows: list[dict[str, Any]] = orjson.loads(out.read_bytes())
    return rows


def _pairs(servers: list[str]) -> list[tuple[str, str]]:
    return [(operation, server) for operation in operation_names() for server in servers]
