"""A race: many clients of several servers write and read the same few records at the same time."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any
from uuid import uuid4

from tests.races.connection import Connection
from tests.races.history import Look, Records
from tests.races.judging import Judge, Verdicts
from tests.races.reads import choose_read
from tests.races.writes import Writers

_RECORDS = {"createCompany": "company", "updateCompany": "company", "createContact": "contact"}
_RETRYABLE = frozenset({"SERVICE_UNAVAILABLE", "TIMEOUT", "IDEMPOTENCY_KEY_IN_USE"})


@dataclass(frozen=True)
class Place:
    """A server of a race.

    Attributes:
        token: Of an admin.
    """

    port: int
    token: str


class RequestFailed(AssertionError):
    """A request was answered with an error where none may be."""


@dataclass
class Race:
    """What happened in a race.

    Attributes:
        clients: How many there are.
        writes_share: Which part of the operations are mutations.
        rate: Operations a second at most.
        may_fail: The database is disturbed: retryable errors are no findings.
        operations: How many were answered.
        requests: How many were sent for them, those that failed among them.
        statuses: What the cache did for those reads whose answers tell it.
        failures: The codes of errors.
        unclear: Errors that do not say what a client needs to know to try again.
        slowest_write_seconds: From sending a mutation to its answer.
    """

    places: Sequence[Place]
    clients: int = 16
    writes_share: float = 0.04
    rate: float = inf
    may_fail: bool = False
    seed: int = 0
    operations: int = 0
    requests: int = 0
    writes: int = 0
    slowest_write_seconds: float = 0.0
    verdicts: Verdicts = field(default_factory=Verdicts)
    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    unclear: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._records = Records()
        self._writers = Writers(self._records)
        self._starts = time.monotonic()
        self._began = 0
        self._answered = asyncio.Condition()

    async def run(self, until: Callable[[], bool]) -> None:
        """Race until it is time to stop; what is under way then is finished."""
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(_client(self, self._chance(at)))
                for at in range(self.clients)
            ]
            await self._writers.prepare(self._chance(self.clients), clients[0].write)
            self._starts = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(client.race(until))

    def _chance(self, number: int) -> random.Random:
        return random.Random(f"{self.seed} {number}")  # noqa: S311  # nothing secret

    async def go_on(self, operations: int) -> None:
        """Return when so many more operations were answered."""
        wanted = self.operations + operations
        async with self._answered:
            await self._answered.wait_for(lambda: self.operations >= wanted)

    @property
    def records(self) -> Records:
        """What was written, and what was told of it."""
        return self._records

    async def found_firm(self, connection: Connection) -> bool:
        """Create one more company by a connection of one's own; whether that was done."""
        name = f"probed{uuid4().hex}"
        given = {"domain": f"{name}.example.com", "name": name}
        answer = await connection.send(_mutation("createCompany"), {"input": given})
        if "errors" in answer:
            return False
        self._records.founded.append(name)
        return True

    async def until_next(self, status: str) -> None:
        """Return when the cache has done something once more."""
        before = self.statuses[status]
        async with self._answered:
            await self._answered.wait_for(lambda: self.statuses[status] > before)

    def tell(self) -> None:
        """Say what happened, which is worth reading even when all is well."""
        print(f"{self}; seed {self.seed}")  # noqa: T201  # figures for who runs it

    async def _begin(self) -> None:
        """Keep to the rate."""
        at = self._starts + self._began / self.rate
        self._began += 1
        if (wait := at - time.monotonic()) > 0:
            await asyncio.sleep(wait)

    async def _end(self) -> None:
        self.operations += 1
        async with self._answered:
            self._answered.notify_all()

    def __str__(self) -> str:
        rate = self.requests / (time.monotonic() - self._starts)
        told = f"{self.operations} operations, {self.writes} of them mutations, by {rate:.0f}"
        told = f"{told} requests/s: {self.verdicts}"
        cached = ", ".join(f"{count} {status}" for status, count in self.statuses.items())
        failed = ", ".join(f"{count} {code}" for code, count in self.failures.items())
        return (
            f"{told}; cache: {cached or 'nothing told'}; failed: {failed or 'none'}; "
            f"slowest mutation {self.slowest_write_seconds:.2f} s"
        )


class _Client:
    """Asks the servers in turn, by chance."""

    def __init__(self, race: Race, connections: list[Connection], chance: random.Random) -> None:
        self._race = race
        self._connections = connections
        self._chance = chance

    async def race(self, until: Callable[[], bool]) -> None:
        """Write and read."""
        while not until():
            await self._race._begin()
            if self._chance.random() < self._race.writes_share:
                await self._race._writers.write(self._chance, self.write)
            else:
                await self._read()
            await self._race._end()

    async def write(self, name: str, given: dict[str, Any]) -> Any:
        """The payload of a mutation that is sent until it is answered."""
        if self._race.may_fail:
            given = {**given, "idempotencyKey": str(uuid4())}
        started = time.monotonic()
        answer = await self._ask(_mutation(name), {"input": given})
        while answer is None:
            await self._race._begin()
            answer = await self._ask(_mutation(name), {"input": given})
        self._race.writes += 1
        seconds = time.monotonic() - started
        self._race.slowest_write_seconds = max(seconds, self._race.slowest_write_seconds)
        payload = answer["data"][name]
        if payload["userErrors"]:
            raise RequestFailed(f"{name}: {payload}")
        return payload

    async def _read(self) -> None:
        read = choose_read(self._race._records, self._chance)
        look = Look(self._race._records)
        answer = await self._ask(read.query, read.variables)
        if answer is not None:
            read.judge(Judge(read.name, look, self._race.verdicts), answer["data"])

    async def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The answer without errors; None when it is to be asked for again.

        Raises:
            RequestFailed: It has errors, and no such may be.
        """
        connection = self._chance.choice(self._connections)
        self._race.requests += 1
        answer = await connection.send(query, variables)
        for error in answer.get("errors", ()):
            code = error["extensions"]["code"]
            self._race.failures[code] += 1
            if not self._race.may_fail or code not in _RETRYABLE:
                raise RequestFailed(f"{variables}: {error}")
            if not _is_clear(answer, error, connection):
                self._race.unclear.append(f"{connection.status} {error}")
            return None
        for status in _statuses(answer):
            self._race.statuses[status] += 1
        return answer


@asynccontextmanager
async def _client(race: Race, chance: random.Random) -> AsyncIterator[_Client]:
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(
                Connection(place.port, place.token, asks_for_cache=chance.random() < 0.5)
            )
            for place in race.places
        ]
        yield _Client(race, connections, chance)


def _is_clear(answer: dict[str, Any], error: dict[str, Any], connection: Connection) -> bool:
    """Whether an answer says that it can be asked for again, also to those who read no JSON."""
    if error["extensions"].get("retryable") is not True:
        return False
    is_whole = "data" not in answer
    return not is_whole or (connection.status == 503 and connection.retry_after != b"")


def _statuses(answer: dict[str, Any]) -> list[str]:
    """What the cache did for an answer that tells it."""
    told = answer.get("extensions", {}).get("cache")
    return [] if told is None else [told["status"]]


def _mutation(name: str) -> str:
    kind = name[0].upper() + name[1:]
    record = f"{_RECORDS[name]} {{ id }}" if name in _RECORDS else ""
    return f"""mutation ($input: {kind}Input!) {{
        {name}(input: $input) {{ {record} userErrors {{ code message }} }} }}"""
