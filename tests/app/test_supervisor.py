"""Processes that die, cannot come up or do not end, and what becomes of the others."""

import asyncio
import errno
import itertools
import os
import signal
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from app.shares import Shares
from app.supervisor import Child, ProcessesFailed, supervise
from tests.app.seen import eventually
from tests.processes import FORKED, command

# The process that watches, without a server.


def _watch(
    serve: Callable[[Child], int], settings: dict[str, Any], folder: Path, told: Pipe
) -> None:
    tempfile.tempdir = str(folder)
    if settings.pop("cannot_fork", False):
        _fail_to_fork_after(1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        supervise(2, serve, on_stop=lambda: None, **settings)
    except ProcessesFailed as error:
        told.send(str(error))
    else:
        told.send("")


def _fail_to_fork_after(count: int) -> None:
    """Have the system refuse one new process after so many."""
    fork, asked = os.fork, itertools.count()

    def refuse_one() -> int:
        if next(asked) == count:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    os.fork = refuse_one


async def watched(
    serve: Callable[[Child], int], folder: Path, *numbers: int, **settings: Any
) -> str:
    """What is said of processes in the end, when these signals come once both are ready."""
    receiving, sending = FORKED.Pipe(duplex=False)
    process = FORKED.Process(target=_watch, args=(serve, settings, folder, sending))
    process.start()
    assert process.pid is not None
    if numbers:
        await eventually(lambda: list(folder.glob("*/here-*")), lambda found: len(found) == 2)
    for number in numbers:
        os.kill(process.pid, number)
        await asyncio.sleep(0.6)
    await asyncio.to_thread(process.join, 20)
    assert process.exitcode == 0
    told: str = receiving.recv()
    return told


def _say_ready(child: Child) -> None:
    (child.place.folder / f"here-{child.place.number}").touch()
    os.write(child.ready, b".")


def _until_told(child: Child) -> int:
    _say_ready(child)
    while True:
        signal.pause()


def _crashing_for_a_while(child: Child) -> int:
    lives = child.place.folder.parent / "lives"
    if child.place.number:
        with lives.open("a") as file:
            file.write(".")
        if lives.stat().st_size <= 5:
            return 3
    return _until_told(child)


def _noting_the_signal(child: Child) -> int:
    if child.place.number:
        return 3
    told = child.place.folder.parent / "told"
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: told.write_text(str(number)))
    _say_ready(child)
    while not told.exists():
        signal.pause()
    return 0


def _note_end(folder: Path, number: int) -> None:
    (folder / f"ended-{number}").touch()


def _in_no_hurry(child: Child) -> int:
    told = []
    signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
    _say_ready(child)
    while not told:
        signal.pause()
    # Until the second signal, which is passed on as Ctrl-C.
    signal.pause()
    return 1


def _deaf(child: Child) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    return _until_told(child)


async def test_process_that_dies_again_and_again_is_given_up(tmp_path: Path) -> None:
    """The others are told to stop, and the last words say which one and how it ended."""
    told = await watched(_noting_the_signal, tmp_path)
    assert told.startswith("Process 1 has ended 5 times within 5 s of its start,")
    assert "status 3" in told
    # They have requests to answer.
    assert (tmp_path / "told").read_text() == str(int(signal.SIGTERM))


async def test_process_that_cannot_come_up_takes_down_nobody(tmp_path: Path) -> None:
    """Once another one has run for a while it is tried again until it can; each end is told."""
    told = await watched(
        _crashing_for_a_while,
        tmp_path,
        signal.SIGTERM,
        early_seconds=0.5,
        on_end=partial(_note_end, tmp_path),
    )
    assert told == ""
    assert (tmp_path / "lives").stat().st_size == 6
    assert [(tmp_path / f"ended-{number}").exists() for number in range(2)] == [True, True]


async def test_process_that_the_system_refuses_is_started_later(tmp_path: Path) -> None:
    """There may be too many of them for a moment; those that are there go on."""
    assert await watched(_until_told, tmp_path, signal.SIGTERM, cannot_fork=True) == ""


async def test_second_signal_is_passed_on_as_a_hurry(tmp_path: Path) -> None:
    """What comes twice in a moment is passed on once; all end in order."""
    assert await watched(_until_told, tmp_path, signal.SIGTERM) == ""
    assert await watched(_in_no_hurry, tmp_path, signal.SIGTERM, signal.SIGTERM) == ""


async def test_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """Nobody waits for it for ever."""
    began = time.monotonic()
    told = await watched(_deaf, tmp_path, signal.SIGTERM, patience_seconds=1.0)
    assert told == "2 processes did not end as they should."
    assert time.monotonic() - began < 20


def test_next_connection_is_for_who_has_few() -> None:
    """Who has hardly more than the others may take it too; who takes none does not count."""
    shares = Shares(3)
    shares.tell(0, 20)
    shares.tell(1, 17)
    assert [shares.is_turn_of(number) for number in range(2)] == [True, True]
    shares.tell(0, 21)
    assert [shares.is_turn_of(number) for number in range(2)] == [False, True]
    shares.tell(2, 0)
    assert [shares.is_turn_of(number) for number in range(3)] == [False, False, True]
    shares.leave(2)
    assert [shares.is_turn_of(number) for number in range(2)] == [False, True]


@pytest.mark.parametrize("count", ["0", "65", "many"])
async def test_number_of_processes_is_bounded(
    database_url: URL, tmp_path: Path, count: str
) -> None:
    """What cannot be is refused in words, with the status of a wrong use."""
    async with command(
        "serve", f"--workers={count}", database_url=database_url, folder=tmp_path
    ) as process:
        assert await process.ends() == 2
    assert "orkers" in "".join(process.said) or "WORKERS" in "".join(process.said)
