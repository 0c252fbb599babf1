"""What is counted between two scrapes: under bounded names, by ranges, of several processes."""

import asyncio

import pytest
from sqlalchemy.engine import URL

from app.metrics.jobs import JobCounts
from app.metrics.merging import merged
from app.metrics.tallies import BOUNDS, MAX_NAMES, Durations, Names, Tallies, outcome_of
from app.metrics.traffic import traffic
from app.observing import RequestRun
from db.engine import open_engine
from db.probe import DatabaseProbe
from db.transaction import Database, StatementRun
from domain.errors import DatabaseUnavailable
from domain.jobs import JobHealth
from graph.observing import MAX_NAME_CHARS, OperationRun
from jobs.running import JobRun
from tests.apps import STRANGER

# The parts.


def test_texts_of_processes_become_one() -> None:
    """Each family once, with the samples of all; what only one has is there too."""
    first = '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1 # {"} 1.0\n'
    second = (
        "# HELP b B.\n# TYPE b gauge\nb 2.0\n"
        '# HELP a_total A.\n# TYPE a_total counter\na_total{x="2"} 3.0\n'
    )
    assert merged({0: first, 3: second}) == (
        "# HELP a_total A.\n# TYPE a_total counter\n"
        'a_total{process="0",x="1 # {"} 1.0\na_total{process="3",x="2"} 3.0\n'
        '# HELP b B.\n# TYPE b gauge\nb{process="3"} 2.0\n'
    )
    assert merged({}) == ""


def test_names_are_bounded() -> None:
    """Stored ones are always told apart, of others the first hundred; the rest are one."""
    names = Names({"Stored"})
    assert names.label(None) == ""
    first = [names.label(f"N{number}") for number in range(MAX_NAMES)]
    assert first == [f"N{number}" for number in range(MAX_NAMES)]
    assert names.label("Late") == names.label("Later") == "other"
    assert (names.label("N7"), names.label("Stored")) == ("N7", "Stored")


def test_strangers_fill_no_places_for_names() -> None:
    """Theirs are told apart only when they are known without them."""
    names = Names({"Stored"})
    theirs = [names.label(f"S{number}", is_strangers=True) for number in range(MAX_NAMES)]
    assert set(theirs) == {"other"}
    assert names.label("Stored", is_strangers=True) == "Stored"
    assert names.label("Of a user") == "Of a user"
    tallies = Tallies(slow_seconds=1.0)
    for user in (None, STRANGER):
        tallies.operation(
            OperationRun(kind="query", name="Mine", sha256="", fields=(), user=user, seconds=0.1)
        )
    assert list(tallies.operations) == [("other", "query", "ok"), ("Mine", "query", "ok")]


def test_long_stored_name_is_told_apart() -> None:
    """By what is told of it."""
    names = Names({"N" * 2 * MAX_NAME_CHARS})
    told = "N" * MAX_NAME_CHARS
    assert names.label(told, is_strangers=True) == told


def test_durations_are_counted_by_ranges() -> None:
    """A bound belongs to its range; what is longer than all is in the last."""
    durations = Durations()
    for seconds in (0.0, BOUNDS[0], BOUNDS[1], BOUNDS[-1] + 1):
        durations.add(seconds)
    assert (durations.counts[0], durations.counts[1], durations.counts[-1]) == (2, 1, 1)
    assert (durations.count, durations.seconds) == (4, sum((0.0, *BOUNDS[:2], BOUNDS[-1] + 1)))


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        ((), "ok"),
        (("NOT_FOUND",), "rejected"),
        (("NOT_FOUND", "TIMEOUT"), "failed"),
        (("INTERNAL_SERVER_ERROR",), "failed"),
        (("RATE_LIMITED",), "limited"),
        (("CANCELLED",), "cancelled"),
        (("FEATURE_DISABLED",), "rejected"),
    ],
)
def test_outcome_says_whose_turn_it_is(codes: tuple[str, ...], outcome: str) -> None:
    """The server's, the client's, or nobody's."""
    assert outcome_of(codes) == outcome


def test_statements_and_jobs_are_added_up() -> None:
    """Failures by their kinds; what a job has taken back makes no counter go down."""
    tallies = Tallies(slow_seconds=1.0)
    for run in (
        StatementRun("SELECT", (), 0.1, 3),
        StatementRun("SELECT", (), 2.0, 4),
        StatementRun("SELECT", (), 0.1, None),
        StatementRun("SELECT", (), 0.1, None, cut_off=True),
    ):
        tallies.statement(run)
    assert (tallies.statements.count, tallies.rows, tallies.slow) == (4, 7, 2)
    assert tallies.failed == {"error": 1, "cut_off": 1}
    for created in (5, -3):
        tallies.job(
            JobRun(kind="IMPORT", outcome="failed", seconds=1.0, counters={"created": created})
        )
    assert tallies.jobs["IMPORT", "failed"].count == 2
    assert tallies.job_counters["IMPORT", "created"] == 5


async def test_jobs_are_left_out_while_postgresql_does_not_answer(server_url: URL) -> None:
    """The families stay, without samples, and nobody waits for long."""
    async with open_engine(server_url.set(query={}, host="127.0.0.1", port=1)) as engine:
        jobs = JobCounts(DatabaseProbe(Database(engine)).ask)
        async with asyncio.timeout(5):
            await jobs.refresh()
        families = list(jobs.read())
    assert [family.name.removeprefix("appointment360_") for family in families] == [
        "jobs",
        "jobs_oldest_waiting_seconds",
        "job_workers",
    ]
    assert not any(family.samples for family in families)


class Jobs:
    """Answers how jobs do, or that PostgreSQL does not; counts who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_silent = False

    async def ask(self, _question: object) -> JobHealth:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_silent:
            raise DatabaseUnavailable("It is silent.")
        return JobHealth(kinds=(), workers=1)


async def test_jobs_are_asked_for_once_by_all_and_seldom_while_nobody_answers() -> None:
    """Scrapes at the same time share an answer; a silent PostgreSQL is left alone for a while."""
    at, told = 0.0, Jobs()
    jobs = JobCounts(told.ask, clock=lambda: at)
    await asyncio.gather(*(jobs.refresh() for _ in range(5)))
    assert told.asked == 1
    at, told.is_silent = 10.0, True
    await asyncio.gather(*(jobs.refresh() for _ in range(5)))
    at = 14.9
    await jobs.refresh()
    assert told.asked == 2
    assert not any(family.samples for family in jobs.read())
    at, told.is_silent = 15.1, False
    await jobs.refresh()
    assert told.asked == 3
    assert any(family.samples for family in jobs.read())


def test_copy_of_tallies_stays_as_it_is() -> None:
    """Another thread reads it while the event loop goes on counting."""
    tallies = Tallies(slow_seconds=1.0)
    run = RequestRun(id="", method="GET", route="/", status=200, seconds=1, sent_bytes=1)
    tallies.request(run)
    tallies.statement(StatementRun("SELECT", (), 0.1, 3))
    copied = tallies.copy()
    before = text_of(copied)
    tallies.request(run)
    tallies.statement(StatementRun("SELECT", (), 0.1, 3))
    assert text_of(copied) == before != text_of(tallies)


def text_of(tallies: Tallies) -> str:
    """What is told of tallies."""
    return str([family.samples for family in traffic(tallies)])
