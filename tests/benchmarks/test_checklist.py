"""The benchmark of the checklist asks an application that answers, and tells every line."""

from pathlib import Path

import pytest

from benchmarks.checklist import PARTS, main
from benchmarks.exchange import exchange


@pytest.mark.slow
def test_run_tells_every_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each part says something; what is exact is as it has to be."""
    main(["--contacts", "300", "--companies", "30", "--rounds", "1", "--data", str(folder / "d")])
    told = capsys.readouterr().out.splitlines()

    assert len(told) > len(PARTS)
    assert "file of a page                  200: " in "\n".join(told)
    assert [line.split()[-1] for line in told if line.startswith("statements of")] == list("112")
    assert any(line.startswith("stored of them") and " 0 bytes" in line for line in told)


async def test_bytes_that_are_not_asked_for_are_not_counted() -> None:
    """An application that refuses after one piece has taken that one."""

    async def refuse(_scope: object, receive: object, send: object) -> None:
        assert callable(receive)
        assert callable(send)
        await receive()
        await send({"type": "http.response.start", "status": 413, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b"no", "more_body": False})

    answer = await exchange(refuse, "POST", "/here?why=not", pieces=[b"12345"] * 4)
    assert (answer.status, answer.body, answer.taken_bytes) == (413, b"no", 5)
    assert answer.headers == {"x": "y"}
