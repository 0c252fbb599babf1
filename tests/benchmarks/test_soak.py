"""The soak run samples a real server under load, and tells growth from noise."""

import sys
from pathlib import Path

import pytest

from benchmarks.soak import growth_mib, main


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_run_tells_the_memory_and_its_growth(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server answers for a while, and its resident memory is told."""
    scale = ["--contacts", "200", "--companies", "20", "--connections", "2"]
    main([*scale, "--seconds", "2", "--data", str(folder / "data")])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("q1 on appointment360: ")
    assert said[1].endswith(" MiB")
    assert said[-1].startswith("growth after second ")


def test_growth_is_counted_from_where_memory_has_settled() -> None:
    """What is taken before is not growth, and one odd sample does not decide."""
    settled = [(float(at), 90.0) for at in range(20)]
    flat = [(float(at), 120.0) for at in range(20, 60)]
    assert growth_mib(settled + flat) == 0
    assert growth_mib([*settled, *flat[:-1], (60.0, 400.0)]) == 0
    rising = [(float(at), 100.0 + at) for at in range(20, 60)]
    assert growth_mib(settled + rising) == 35


def test_growth_needs_samples_after_that() -> None:
    """A run that is too short is no proof."""
    with pytest.raises(ValueError, match="no sample"):
        growth_mib([(0.0, 1.0)])
