"""Server processes at one address: whoever is asked tells of all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.siblings import Place, Siblings, open_siblings
from tests.streaming.spooling import names

COUNT = 3
WORDS = b"much to tell"


@pytest.fixture
async def siblings(tmp_path: Path) -> AsyncIterator[list[Siblings]]:
    """Three processes that are asked for their numbers."""
    async with AsyncExitStack() as stack:
        places = [Place(number, tmp_path) for number in range(COUNT)]
        opened = [await stack.enter_async_context(open_siblings(place)) for place in places]
        for one in opened:
            one.answer("number", telling(str(one.number).encode()))
        yield opened


def telling(words: bytes) -> "Telling":
    """Answers by these words."""
    return Telling(words)


class Telling:
    """An answer that is ready when it is asked for."""

    def __init__(self, words: bytes) -> None:
        self._words = words

    async def __call__(self) -> bytes:
        return self._words


class Silent:
    """An answer that never comes."""

    async def __call__(self) -> bytes:
        await asyncio.Event().wait()
        return b""


async def test_each_tells_of_all(siblings: list[Siblings]) -> None:
    """Whichever of them is asked, by the numbers of those who answer, in order."""
    for one in siblings:
        answers = await one.ask("number")
        assert list(answers.items()) == [(0, b"0"), (1, b"1"), (2, b"2")]


async def test_who_is_alone_answers_for_itself() -> None:
    """With one process there is nobody else to ask, and no socket."""
    async with open_siblings(None) as alone:
        alone.answer("number", telling(b"0"))
        assert await alone.ask("number") == {0: b"0"}


async def test_long_answer_comes_whole(siblings: list[Siblings]) -> None:
    """However much there is to tell."""
    words = b"much to tell " * 100_000
    for one in siblings:
        one.answer("metrics", telling(words))
    assert await siblings[0].ask("metrics") == dict.fromkeys(range(COUNT), words)


async def test_silent_one_is_left_out(siblings: list[Siblings]) -> None:
    """Whoever hangs, does not know the question or has been killed holds up nobody for long."""
    siblings[1].answer("number", Silent())
    async with asyncio.timeout(5):
        assert await siblings[0].ask("number") == {0: b"0", 2: b"2"}
    siblings[0].answer("other", telling(b"known here"))
    assert await siblings[0].ask("other") == {0: b"known here"}


async def test_socket_of_one_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    """Until then the others go on without it; whoever ends in order leaves nothing behind."""
    async with open_siblings(Place(0, tmp_path)) as one:
        one.answer("number", telling(b"0"))
        async with open_siblings(Place(1, tmp_path)) as killed:
            killed.answer("number", telling(b"killed"))
            # The name stays where it was; what answered behind it is gone.
            (tmp_path / "1.sock").rename(tmp_path / "left")
        (tmp_path / "left").rename(tmp_path / "1.sock")
        assert await one.ask("number") == {0: b"0"}
        async with open_siblings(Place(1, tmp_path)) as follower:
            follower.answer("number", telling(b"1"))
            assert await one.ask("number") == {0: b"0", 1: b"1"}
    assert names(tmp_path) == []


@pytest.mark.parametrize("kept", [0, 1, len(WORDS) - 1, len(WORDS)])
async def test_answer_that_is_cut_off_is_left_out(tmp_path: Path, kept: int) -> None:
    """A process that ends while it tells has told nothing, however much of it has come."""
    (apart := tmp_path / "apart").mkdir()
    lost = len(WORDS) - kept

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ends before the last bytes of what another process answers."""
        source, question = await asyncio.open_unix_connection(apart / "1.sock")
        question.write(await reader.read(100))
        told = await source.read()
        writer.write(told[: len(told) - lost])
        writer.close()
        question.close()

    async with (
        open_siblings(Place(0, tmp_path)) as one,
        open_siblings(Place(1, apart)) as other,
        await asyncio.start_unix_server(pass_on, tmp_path / "1.sock"),
    ):
        one.answer("words", telling(WORDS))
        other.answer("words", telling(WORDS))
        whole = {1: WORDS} if not lost else {}
        assert await one.ask("words") == {0: WORDS} | whole
