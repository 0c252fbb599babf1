"""`appointment360 serve --workers N`: several processes that are one server."""

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from db.transaction import Database
from tests.app.clusters import open_parent
from tests.app.seen import eventually
from tests.app.test_work import count_workers
from tests.balancing import Connection, connected, request
from tests.graph.test_http_failures import as_server
from tests.processes import Process, command
from tests.races.places import place_of
from tests.races.race import Place

CREATE = 'mutation { createContact(input: { firstName: "0" }) { contact { id } } }'
CHANGE = """mutation Change($id: ID!, $name: String!) {
  updateContact(input: { id: $id, firstName: $name }) { contact { id } }
}"""
READ = "query Read($id: ID!) { contact(id: $id) { firstName } }"


class Server:
    """A server of several processes, whose clients keep their connections."""

    def __init__(self, process: Process, place: Place, stack: AsyncExitStack) -> None:
        self.process = process
        self.pid = process.process.pid
        self._place = place
        self._stack = stack

    async def connect(self, count: int) -> list[Connection]:
        """So many kept connections, each of which has been answered."""
        made = [self._stack.enter_context(await connected(self._place.port)) for _ in range(count)]
        for connection in made:
            assert (await connection.send(request("GET", "/health/live"))).status == 200
        return made

    async def ask(self, connection: Connection, query: str, **variables: Any) -> Any:
        """The data of an operation, asked over one of them."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        bearer = f"Bearer {self._place.token}"
        answer = await connection.send(
            request("POST", "/graphql", body, authorization=bearer, content_type="application/json")
        )
        told = json.loads(answer.body)
        assert "errors" not in told, told
        return told["data"]

    async def processes(self, count: int) -> list[int]:
        """The processes that take requests, once there are so many."""
        found: list[int] = await eventually(self.serving, lambda found: len(found) == count)
        return found

    def serving(self) -> list[int]:
        """The processes that take requests."""
        return [pid for pid in children(self.pid) if listens(pid, self._place.port)]

    def connections(self, pid: int) -> int:
        """How many clients one of the processes has."""
        return len(sockets_of(pid) & sockets_at(self._place.port, state="01"))


def children(pid: int) -> list[int]:
    """The processes that one has started."""
    return [int(word) for word in read(f"/proc/{pid}/task/{pid}/children").split()]


def listens(pid: int, port: int) -> bool:
    """Whether a process waits for connections: a loop of its own looks at the socket."""
    listening = sockets_at(port, state="0A")
    numbers = {link.name for link in opened(pid) if str(target(link)) in listening}
    told = [read(f"/proc/{pid}/fdinfo/{link.name}") for link in opened(pid)]
    return any(f"tfd: {number:>8}" in words for words in told for number in numbers)


def sockets_of(pid: int) -> set[str]:
    """The sockets that a process has open."""
    return {str(target(link)) for link in opened(pid)}


def sockets_at(port: int, *, state: str) -> set[str]:
    """The sockets at a port of this machine that are in a state."""
    lines = [line.split() for line in read("/proc/net/tcp").splitlines()[1:]]
    at = f":{port:04X}"
    return {f"socket:[{line[9]}]" for line in lines if line[1].endswith(at) and line[3] == state}


def opened(pid: int) -> list[Path]:
    """What a process has open."""
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []


def target(link: Path) -> Path | None:
    """What a link leads to; None when it has gone."""
    try:
        return link.readlink()
    except OSError:
        return None


def read(path: str) -> str:
    """The text of a file, which may have gone."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody waits for any more does not."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


@asynccontextmanager
async def serving(
    workers: int, database_url: URL, folder: Path, **settings: str
) -> AsyncIterator[Server]:
    """A server of so many processes, once the first takes requests."""
    async with (
        AsyncExitStack() as stack,
        command(
            "serve",
            "--port=0",
            f"--workers={workers}",
            database_url=database_url,
            folder=folder,
            **settings,
        ) as process,
    ):
        yield Server(process, await place_of(process), stack)


async def test_processes_are_one_server(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """They share clients, show each change at once without Redis, and stand in for each other."""
    async with serving(3, database_url, tmp_path) as server:
        first, *others = await server.processes(3)
        clients = await server.connect(24)
        shares = [server.connections(pid) for pid in (first, *others)]
        assert sum(shares) == 24
        assert min(shares) > 2
        assert await count_workers(database) == 1

        created = (await server.ask(clients[0], CREATE))["createContact"]["contact"]["id"]
        for number in range(24):
            name = str(number)
            await server.ask(clients[number], CHANGE, id=created, name=name)
            # Twice, so that the second would be answered by what the first has left behind.
            for client in clients[::5] * 2:
                seen = await server.ask(client, READ, id=created)
                assert seen["contact"]["firstName"] == name

        os.kill(others[0], signal.SIGKILL)
        await server.process.says("process_ended")
        for client in await server.connect(6):
            await server.ask(client, READ, id=created)
        replaced = await server.processes(3)
        assert others[0] not in replaced
        assert {first, others[1]} < set(replaced)

        server.process.signal(signal.SIGTERM)
        assert await server.process.ends() == 0
    said = "\n".join(server.process.said)
    assert [said.count(word) for word in ("is ready", "share_no_redis", "cache_off")] == [1, 1, 0]
    assert not any(is_alive(pid) for pid in replaced)


async def test_nothing_is_left_of_a_server_that_was_killed(database_url: URL) -> None:
    """Nor does PostgreSQL, which comes along, end with the process that started it."""
    with open_parent() as parent:
        pid_file = parent / "data" / "pg18" / "data" / "postmaster.pid"
        async with serving(2, database_url, parent, DATABASE_URL="") as server:
            first, second = await server.processes(2)
            postmaster = int(read(str(pid_file)).split()[0])
            os.kill(first, signal.SIGKILL)
            await eventually(lambda: is_alive(first), lambda alive: not alive)
            third = next(pid for pid in await server.processes(2) if pid != second)
            assert int(read(str(pid_file)).split()[0]) == postmaster
            server.process.signal(signal.SIGKILL)
            await eventually(
                lambda: [pid for pid in (second, third, postmaster) if is_alive(pid)],
                lambda alive: not alive,
            )


async def test_processes_die_while_the_database_is_away(
    database_url: URL, server_url: URL, tmp_path: Path
) -> None:
    """Others stand in for them, who say that they are not ready, and are once it is back."""
    name = database_url.database
    async with serving(2, database_url, tmp_path) as server:
        before = await server.processes(2)
        await as_server(
            server_url,
            f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        await eventually(server.serving, lambda found: len(set(found) - set(before)) == 2)
        (client,) = await server.connect(1)
        ready = request("GET", "/health/ready")
        assert (await client.send(ready)).status == 503
        await as_server(server_url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert (await client.send(ready)).status == 200
        await server.ask(client, CREATE)
        server.process.signal(signal.SIGTERM)
        assert await server.process.ends() == 0
    assert sum("process_ended" in line for line in server.process.said) == 2
