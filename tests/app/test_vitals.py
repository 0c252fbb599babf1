"""Samples of a process: what each second was, told of one process and of several."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

from app.latencies import Latencies, added_up, percentile
from app.observing import Observers, RequestRun
from app.vitals import KEPT_SAMPLES, OWN_ROUTE, Sample, Sources, Vitals
from app.vitals_json import sample_json, together
from cache.statistics import Counts, Status
from domain.beside import beside
from domain.pool import PoolSnapshot
from graph.observing import OperationRun
from tests.graph.sockets import until

MOMENT = 1_800_000_000


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = float(MOMENT)

    def __call__(self) -> float:
        return self.now


def sources(
    pool: Callable[[], PoolSnapshot] = lambda: PoolSnapshot(size=4, max_overflow=2),
    *,
    cache: Counts | None = None,
) -> Sources:
    """What a process reads of itself."""
    return Sources(pool=pool, cache=cache, streams=lambda: 7)


def request(status: int = 200, *codes: str, operation: OperationRun | None = None) -> RequestRun:
    """A request that was answered so."""
    return RequestRun(
        id="x",
        method="POST",
        route="/graphql",
        status=status,
        seconds=0.01,
        sent_bytes=1,
        operation=operation,
        codes=codes if operation is None else operation.codes,
    )


def operation(*codes: str, seconds: float = 0.01) -> OperationRun:
    """An operation with these errors."""
    return OperationRun(
        kind="query", name=None, sha256="", fields=(), user=None, seconds=seconds, codes=codes
    )


def next_sample(vitals: Vitals, clock: Clock) -> Sample:
    """The sample of the second that ends now."""
    clock.now += 1
    vitals.take_if_due()
    return vitals.latest()[-1]


def test_requests_are_counted_once_and_by_whose_mistake_it_was() -> None:
    """An error of an operation is not counted with its request again; a client's is no fault."""
    clock = Clock()
    vitals = Vitals(sources(), clock=clock)
    refused, failed = operation("BAD_USER_INPUT"), operation("TIMEOUT")
    for told in (refused, failed, operation(), operation("CANCELLED")):
        vitals.heard_operation(told)
    for run in (
        request(operation=operation()),
        request(400, operation=refused),
        request(504, operation=failed),
        request(500),
        request(404),
        request(200, "GRAPHQL_VALIDATION_FAILED"),
        request(0, "CANCELLED"),
    ):
        vitals.heard_request(run)
    sample = next_sample(vitals, clock)
    assert (sample.requests, sample.operations) == (7, 4)
    assert (sample.refused, sample.failed) == (3, 2)
    after = next_sample(vitals, clock)
    assert (after.requests, after.operations, after.refused, after.failed) == (0, 0, 0, 0)


def test_page_does_not_count_what_it_asks_itself() -> None:
    """A server that nobody uses looks unused while somebody looks."""
    clock = Clock()
    vitals = Vitals(sources(), clock=clock)
    vitals.heard_request(
        RequestRun(id="x", method="GET", route=OWN_ROUTE, status=200, seconds=1.0, sent_bytes=1)
    )
    assert next_sample(vitals, clock).requests == 0


def test_percentiles_are_right_to_a_tenth() -> None:
    """Of any durations that operations have, from less than a millisecond to a minute."""
    chance = random.Random(360)  # noqa: S311  # no secret
    seconds = [10 ** chance.uniform(-3.5, 1.7) for _ in range(5_000)]
    latencies = Latencies()
    for each in seconds:
        latencies.add(each)
    counted, ordered = latencies.take(), sorted(seconds)
    for share in (0.5, 0.95, 0.99):
        exact = ordered[round(share * len(ordered)) - 1]
        found = percentile(counted, share)
        assert found is not None
        assert abs(found / exact - 1) < 0.1
    assert percentile(latencies.take(), 0.5) is None


def test_latencies_take_little_room_whatever_comes() -> None:
    """A hundred thousand of all lengths, absurd ones among them, are a few hundred numbers."""
    chance = random.Random(360)  # noqa: S311  # no secret
    latencies = Latencies()
    for _ in range(100_000):
        latencies.add(10 ** chance.uniform(-9, 9))
    assert len(latencies.take()) < 200


def test_cache_is_counted_by_the_second() -> None:
    """What was asked since the sample before, with each outcome."""
    clock, counts = Clock(), Counts()
    counts.add("before", Status.HIT)
    vitals = Vitals(sources(cache=counts), clock=clock)
    for status in (Status.HIT, Status.HIT, Status.MISS, Status.BYPASS):
        counts.add("pages", status)
    sample = next_sample(vitals, clock)
    assert (sample.hits, sample.misses, sample.bypasses) == (2, 1, 1)
    sample = next_sample(vitals, clock)
    assert (sample.hits, sample.misses, sample.bypasses) == (0, 0, 0)


def test_pool_is_told_at_its_fullest() -> None:
    """A moment within the second counts, though nobody waits any more at its end."""
    clock = Clock()
    now = PoolSnapshot(size=4, max_overflow=2)
    vitals = Vitals(sources(lambda: now), clock=clock)
    now = PoolSnapshot(
        size=4, max_overflow=2, checked_out=6, waiting=3, waits=1, wait_max_seconds=0.25
    )
    vitals.heard_lag(0.02)
    now = PoolSnapshot(size=4, max_overflow=2, checked_out=1, waits=1, wait_max_seconds=0.25)
    sample = next_sample(vitals, clock)
    assert (sample.pool_in_use, sample.pool_waiting) == (6, 3)
    assert (sample.pool_size, sample.pool_most, sample.pool_wait_seconds) == (4, 6, 0.25)
    assert sample.lag_seconds == 0.02
    sample = next_sample(vitals, clock)
    assert (sample.pool_in_use, sample.pool_waiting, sample.lag_seconds) == (1, 0, 0.0)


def test_five_minutes_are_kept_and_no_more() -> None:
    """A process that runs for weeks holds as many samples as one of five minutes."""
    clock = Clock()
    vitals = Vitals(sources(), clock=clock)
    for _ in range(KEPT_SAMPLES + 40):
        next_sample(vitals, clock)
    kept = vitals.latest()
    assert len(kept) == KEPT_SAMPLES
    assert kept[-1].at - kept[0].at == KEPT_SAMPLES - 1
    assert [sample.at for sample in vitals.latest(since=kept[-3].at)] == [
        kept[-2].at,
        kept[-1].at,
    ]


def test_clock_that_goes_back_makes_no_second_twice() -> None:
    """Samples stay in their order, whatever somebody does to the clock."""
    clock = Clock()
    vitals = Vitals(sources(), clock=clock)
    next_sample(vitals, clock)
    clock.now -= 30
    for _ in range(40):
        next_sample(vitals, clock)
    moments = [sample.at for sample in vitals.latest()]
    assert moments == sorted(set(moments))
    assert moments[-1] > moments[0]


async def test_process_is_sampled_by_itself() -> None:
    """With its lag when something holds the event loop up, its memory and its work."""
    observers, vitals = Observers(), Vitals(sources())
    vitals.hear(observers)
    async with beside(vitals.watch()):
        observers.request(request())
        observers.operation(operation())
        await asyncio.sleep(0.2)
        time.sleep(0.4)  # noqa: ASYNC251  # this is what holds it up
        await until(lambda: len(vitals.latest()) >= 3)
    samples = vitals.latest()
    assert sum(sample.requests for sample in samples) == 1
    assert sum(sample.operations for sample in samples) == 1
    assert max(sample.lag_seconds for sample in samples) > 0.2
    assert all(sample.memory_bytes is None or sample.memory_bytes > 2**20 for sample in samples)
    assert max(sample.cpu_cores for sample in samples) > 0
    assert {sample.streams for sample in samples} == {7}


def sample(at: int, **facts: Any) -> Sample:
    """A sample of a second in which else nothing was."""
    quiet: dict[str, Any] = {
        "seconds": 1.0,
        "requests": 0,
        "operations": 0,
        "refused": 0,
        "failed": 0,
        "latencies": [],
        "hits": 0,
        "misses": 0,
        "bypasses": 0,
        "pool_in_use": 0,
        "pool_waiting": 0,
        "pool_size": 4,
        "pool_most": 6,
        "pool_wait_seconds": 0.0,
        "lag_seconds": 0.0,
        "cpu_cores": 0.0,
        "memory_bytes": 1000,
        "streams": 0,
    }
    return Sample(at=at, **(quiet | facts))


def test_processes_make_one_together() -> None:
    """Numbers are added up, the worst is the worst, and percentiles are those of all operations."""
    quick, slow = Latencies(), Latencies()
    for _ in range(99):
        quick.add(0.001)
    slow.add(1.0)
    of_quick, of_slow = quick.take(), slow.take()
    one = sample(MOMENT, requests=5, latencies=of_quick, lag_seconds=0.3, cpu_cores=0.5)
    other = sample(
        MOMENT, requests=7, latencies=of_slow, lag_seconds=0.1, cpu_cores=0.25, memory_bytes=None
    )
    alone = sample(MOMENT - 1, requests=3)
    before, both = together([[alone, one], [other]])
    assert before == alone
    assert (both.requests, both.pool_size, both.pool_most) == (12, 8, 12)
    assert (both.lag_seconds, both.cpu_cores, both.memory_bytes) == (0.3, 0.75, 1000)
    assert both.latencies == added_up([of_slow, of_quick])
    shown = sample_json(both)
    assert 0.9 < shown["p95Ms"] < 1.1
    assert 0.9 < shown["p99Ms"] < 1.1
    of_all = added_up([of_quick, of_slow, of_slow])
    assert 900 < 1000 * (percentile(of_all, 0.99) or 0) < 1100


def test_process_that_is_a_moment_late_is_waited_for() -> None:
    """A second is told once all have told of it; of one that is silent for longer nobody waits."""
    prompt = [sample(MOMENT + second, requests=1) for second in range(10)]
    late = [sample(MOMENT + second, requests=1) for second in range(8)]
    both = together([prompt, late])
    assert [each.requests for each in both] == [2] * 8
    alone = together([prompt, late[:4], []])
    assert [each.requests for each in alone] == [2] * 4 + [1] * 6
    assert together([[], []]) == []
