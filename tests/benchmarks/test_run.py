"""The benchmark room works from the seed to the table, whatever the figures are."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from benchmarks.operations import operation_names
from benchmarks.run import main
from benchmarks.servers.catalogue import SERVERS

_SMALL = ["--contacts", "200", "--companies", "20", "--connections", "2"]
_QUICK = ["--rounds", "1", "--seconds", "0.2"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL can enter when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="a360-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_run_yields_a_row_per_server_and_operation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every server answers every operation as the others do, and all figures are there."""
    out = folder / "rows.json"
    main([*_SMALL, *_QUICK, "--data", str(folder / "data"), "--out", str(out)])
    assert "×A" in capsys.readouterr().out
    rows = orjson.loads(out.read_bytes())
    assert [(row["operation"], row["server"]) for row in rows] == [
        (operation, server) for operation in operation_names() for server in SERVERS
    ]
    for row in rows:
        assert min(row["rps"], row["p50_ms"], row["p99_ms"], row["bytes"]) > 0
        if sys.platform == "linux":
            # PostgreSQL may need less than a tick for so few requests, and nothing for the floor.
            assert row["cpu_ms"] > 0
            assert row["pg_cpu_ms"] >= 0
