"""`make bench-checklist`: what good habits save, where no other benchmark has told it already.

Everything happens in this process, so bytes, rows and statements are exact. Milliseconds are of the
processor and of this process alone unless a line says otherwise; ways are measured in turn, and
the medians of the rounds are told.
"""

import argparse
import asyncio
import logging
import os
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import asyncpg
import orjson
import structlog
from pydantic import SecretStr, TypeAdapter
from starlette.types import ASGIApp

from app.asgi import create_app
from app.monitoring import slow_statement_log
from app.pages import EXPLORER, load_page_file, version_of
from app.resources import Resources, open_resources
from app.settings import Settings
from benchmarks.database import VIEWER_UUID, Scale, default_folder, open_database
from benchmarks.exchange import Answer, exchange
from benchmarks.operations import load_operation, operation_names
from benchmarks.progress import say
from db.transaction import StatementRun
from domain.enums import Role
from jobs.parallel import process_in_parallel_async

_FEW: Final = "firstName title"
_MANY: Final = (
    f"{_FEW} id lastName fullName headline seniority email emailStatus emailDomain createdAt"
    " updatedAt"
)
_ROWS: Final = (
    "SELECT id, first_name, last_name, title, seniority, email, email_status, city, region,"
    " country, created_at, updated_at FROM contacts ORDER BY id LIMIT $1"
)
_LIVE: Final = "WHERE deleted_at IS NULL"
_NEWEST: Final = "ORDER BY created_at DESC, id DESC"
_WAIT_SECONDS: Final = 0.02
_WAITS: Final = 20
_PICTURE: Final = b"\x89PNG\r\n\x1a\n" + bytes(2**16 - 8)
_PICTURES: Final = 640
_CALLED: Final = f"kind {b64encode(b'contacts').decode()},filename {b64encode(b'p.csv').decode()}"

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class ContactRow:
    """The columns of `_ROWS`, as a model would name them."""

    id: int
    first_name: str | None
    last_name: str | None
    title: str | None
    seniority: str | None
    email: str | None
    email_status: str | None
    city: str | None
    region: str | None
    country: str | None
    created_at: datetime
    updated_at: datetime


class Measuring:
    """The application on a filled database, an admin who asks it, and PostgreSQL without it.

    Args:
        rounds: How often each way is measured, after once that is not counted.
    """

    def __init__(self, resources: Resources, connection: asyncpg.Connection, rounds: int) -> None:
        self.resources = resources
        self.connection = connection
        self._app: ASGIApp = create_app(resources)
        self._rounds = rounds
        token = resources.tokens.issue(UUID(VIEWER_UUID), Role.ADMIN, ttl_seconds=3600)
        self._authorization = {"Authorization": f"Bearer {token}"}

    async def ask(self, document: str, variables: Mapping[str, Any] | None = None) -> bytes:
        """The answer to an operation, which no error is in."""
        body = orjson.dumps({"query": document, "variables": variables})
        answer = await self.send("POST", "/graphql", [body], content_type="application/json")
        assert answer.status == 200, answer.body
        assert b'"errors"' not in answer.body, answer.body
        return answer.body

    async def send(
        self, method: str, target: str, pieces: Iterable[bytes] = (), **more: str
    ) -> Answer:
        """The answer to a request with these headers, the admin's unless it is for a file."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        if not target.startswith(EXPLORER.assets_path):
            headers |= self._authorization
        return await exchange(self._app, method, target, headers=headers, pieces=pieces)

    async def spent_ms(
        self, *ways: Work, clock: Callable[[], float] = time.process_time
    ) -> list[float]:
        """The median milliseconds of each way, all measured in each round."""
        for way in ways:
            await way()
        rounds = [[await _spent(way, clock) for way in ways] for _ in range(self._rounds)]
        return [median(spent) for spent in zip(*rounds, strict=True)]


async def _spent(way: Work, clock: Callable[[], float]) -> float:
    started = clock()
    await way()
    return (clock() - started) * 1000


async def tell_documents(measuring: Measuring) -> None:
    """A text that is read, checked and planned for the first time, and one that is known."""
    q1, numbers = load_operation("q1"), count()

    async def new() -> object:
        return await measuring.ask(f"{q1.document}#{next(numbers)}", q1.variables)

    async def known() -> object:
        return await measuring.ask(q1.document, q1.variables)

    tell("document", "{:.2f} ms new, {:.2f} ms known", *await measuring.spent_ms(new, known))


async def tell_not_modified(measuring: Measuring) -> None:
    """An answer that the client has already, and a file of a page."""
    q1 = load_operation("q1")
    variables = quote(orjson.dumps(q1.variables))
    page = f"/graphql?query={quote(q1.document)}&variables={variables}"
    version = version_of(load_page_file(name) for name in EXPLORER.assets)
    file = f"{EXPLORER.assets_path}{version}/{EXPLORER.entry}"
    for name, target in (("page of contacts", page), ("file of a page", file)):
        whole = await measuring.send("GET", target, accept="*/*")
        again = await measuring.send(
            "GET", target, accept="*/*", if_none_match=whole.headers["etag"]
        )
        told = whole.status, len(whole.body), again.status, len(again.body)
        tell(name, "{}: {} bytes; {}: {} bytes; {}", *told, whole.headers["cache-control"])


async def tell_page_sizes(measuring: Measuring) -> None:
    """Pages of the size that is usual, of the most, and of what is asked for beyond."""
    for first in (None, 1000, 100_000):
        document = f"{{ contacts{f'(first: {first})' if first else ''} {{ nodes {{ {_MANY} }} }} }}"
        answer = await measuring.ask(document)
        rows = len(orjson.loads(answer)["data"]["contacts"]["nodes"])
        tell(f"first: {first}", "{} rows, {} bytes", rows, len(answer))


async def tell_fields(measuring: Measuring) -> None:
    """A hundred contacts with two fields and with twelve: bytes and milliseconds."""
    few, many = (f"{{ contacts {{ nodes {{ {names} }} }} }}" for names in (_FEW, _MANY))
    ways = [partial(measuring.ask, few), partial(measuring.ask, many)]
    spent = await measuring.spent_ms(*ways)
    tell("2 and 12 fields, bytes", "{}, {}", *[len(await way()) for way in ways])
    tell("2 and 12 fields", "{:.2f} ms, {:.2f} ms", *spent)


async def tell_columns(measuring: Measuring) -> None:
    """The statement of those two fields beside whole rows: columns, bytes of values, time."""
    (run,) = await _runs_of(measuring, f"{{ contacts {{ nodes {{ {_FEW} }} }} }}")
    rows = f"SELECT * FROM contacts {_LIVE} {_NEWEST} LIMIT 101"
    fetch = measuring.connection.fetch
    ways = [partial(fetch, run.sql, *run.arguments), partial(fetch, rows)]
    found = [await way() for way in ways]
    tell("columns of a row", "{}, {} of whole rows", *[len(each[0]) for each in found])
    kept = [sum(len(str(value)) for row in each for value in row.values()) for each in found]
    tell("characters of 101 rows", "{}, {} of whole rows", *kept)
    spent = await measuring.spent_ms(*ways)
    tell("fetching them", "{:.2f} ms, {:.2f} ms of whole rows", *spent)


async def tell_statements(measuring: Measuring) -> None:
    """How many statements the operations of the benchmark cost."""
    newest = orjson.loads(await measuring.ask("{ contacts(first: 1) { nodes { id } } }"))
    contact_id = newest["data"]["contacts"]["nodes"][0]["id"]
    for name in operation_names():
        operation = load_operation(name)
        runs = await _runs_of(measuring, operation.document, operation.variables_for(contact_id))
        tell(f"statements of {name}", "{}", len(runs))


async def _runs_of(
    measuring: Measuring, document: str, variables: Mapping[str, Any] | None = None
) -> list[StatementRun]:
    """The statements that read for an operation; when its user was active last is written aside."""
    runs = list[StatementRun]()
    observers = measuring.resources.database.observers
    observers.append(runs.append)
    await measuring.ask(document, variables)
    observers.remove(runs.append)
    return [run for run in runs if "last_active" not in run.sql]


async def tell_deep_page(measuring: Measuring) -> None:
    """The last page by its cursor, and by OFFSET to the same place: how much PostgreSQL reads."""
    ask = measuring.connection
    skipped = (await ask.fetchval(f"SELECT count(*) FROM contacts {_LIVE}") - 1) // 100 * 100
    names = "SELECT id, created_at FROM contacts"
    at = await ask.fetchrow(f"{names} {_LIVE} {_NEWEST} LIMIT 1 OFFSET {skipped - 1}")
    place = f"('{at['created_at'].isoformat()}'::timestamptz, {at['id']}::bigint)"
    by_cursor = f"{names} {_LIVE} AND (created_at, id) < {place} {_NEWEST} LIMIT 100"
    by_offset = f"{names} {_LIVE} {_NEWEST} LIMIT 100 OFFSET {skipped}"
    assert await ask.fetch(by_cursor) == await ask.fetch(by_offset)
    blocks = [await _blocks(ask, statement) for statement in (by_cursor, by_offset)]
    tell(f"page {skipped // 100 + 1}", "{} blocks by cursor, {} by OFFSET", *blocks)
    passed = await measuring.spent_ms(
        partial(ask.fetch, by_cursor), partial(ask.fetch, by_offset), clock=time.perf_counter
    )
    tell("that passed", "{:.1f} ms by cursor, {:.1f} ms by OFFSET", *passed)


async def _blocks(connection: asyncpg.Connection, statement: str) -> int:
    """The blocks of tables and indexes that a statement looks at, 8 KiB each."""
    explained = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
    plan = orjson.loads(explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def tell_groups(measuring: Measuring) -> None:
    """Contacts by country: counted by PostgreSQL, and here from all rows."""
    document = "{ contactAggregate(groupBy: [COUNTRY]) { nodes { keys { country } count } } }"
    everybody = f"SELECT country FROM contacts {_LIVE}"

    async def here() -> Counter[str]:
        return Counter(row["country"] for row in await measuring.connection.fetch(everybody))

    ways: list[Work] = [lambda: measuring.ask(document), here]
    rows = (await here()).total()
    groups = len(orjson.loads(await measuring.ask(document))["data"]["contactAggregate"]["nodes"])
    passed = await measuring.spent_ms(*ways, clock=time.perf_counter)
    tell("rows to count groups of", "{} by PostgreSQL, {} here", groups, rows)
    tell("that passed", "{:.0f} ms by PostgreSQL, {:.0f} ms here", *passed)
    spent = await measuring.spent_ms(*ways)
    tell("of this process", "{:.1f} ms by PostgreSQL, {:.1f} ms here", *spent)


async def tell_waiting(measuring: Measuring) -> None:
    """Twenty statements that wait 20 ms each, ten at once and one after another."""
    database = measuring.resources.database

    async def wait(_number: int) -> None:
        async with database.read() as session:
            await session.driver.execute(f"SELECT pg_sleep({_WAIT_SECONDS})")

    ways: list[Work] = [
        lambda most=most: process_in_parallel_async(range(_WAITS), wait, most)  # type: ignore[misc]  # bound now
        for most in (10, 1)
    ]
    passed = await measuring.spent_ms(*ways, clock=time.perf_counter)
    tell(f"{_WAITS} waits", "{:.0f} ms ten at once, {:.0f} ms one after another", *passed)


async def tell_refusals(measuring: Measuring) -> None:
    """How much is asked for of files that are refused: too large, and a picture called CSV."""
    resources, pictures = measuring.resources, [_PICTURE] * _PICTURES
    too_large = str(resources.uploads.settings.max_import_bytes + 2**21)
    tus = {"tus_resumable": "1.0.0", "upload_length": too_large, "upload_metadata": _CALLED}
    plain = {"content_type": "text/csv"}
    route, size = "/api/v1/contacts/import/?filename=people.csv", len(_PICTURE) * _PICTURES
    answers = {
        "too large, resumable": await measuring.send("POST", "/api/v1/uploads", pictures, **tus),
        "too large, its client waits": await measuring.send(
            "POST", route, pictures, content_length=too_large, expect="100-continue", **plain
        ),
        "picture called CSV": await measuring.send("POST", route, pictures, **plain),
    }
    for name, answer in answers.items():
        tell(name, "{} after {} bytes of {}", answer.status, answer.taken_bytes, size)
    files = [file for file in resources.data_folder.rglob("uploads/**/*") if file.is_file()]
    tell("stored of them", "{} bytes", sum(file.stat().st_size for file in files))


async def tell_writers(measuring: Measuring) -> None:
    """JSON of 10 000 contacts of twelve columns: written by orjson, and by a TypeAdapter."""
    rows = await measuring.connection.fetch(_ROWS, 10_000)
    adapter = TypeAdapter(list[ContactRow])
    models = adapter.validate_python([dict(row) for row in rows])
    assert [field.name for field in fields(ContactRow)] == list(rows[0].keys())

    async def by_orjson() -> bytes:
        return orjson.dumps([dict(row) for row in rows])

    async def by_adapter() -> bytes:
        return adapter.dump_json(adapter.validate_python([dict(row) for row in rows]))

    async def by_adapter_alone() -> bytes:
        return adapter.dump_json(models)

    assert len(orjson.loads(await by_orjson())) == len(orjson.loads(await by_adapter()))
    spent = await measuring.spent_ms(by_orjson, by_adapter, by_adapter_alone)
    words = "{:.1f} ms orjson, {:.1f} ms checked and written by an adapter, {:.1f} ms only written"
    tell(f"{len(rows)} contacts", words, *spent)


async def tell_monitoring(measuring: Measuring) -> None:
    """What looking at a statement costs that is not slow."""
    observe, run = slow_statement_log(1.0), StatementRun("SELECT 1", (), 0.001, 1)
    slow = measuring.resources.slow_statements.observe
    times = 100_000

    async def look() -> None:
        for _ in range(times):
            observe(run)
            slow(run)

    (spent,) = await measuring.spent_ms(look)
    tell("a look at a statement", "{:.2f} µs", spent * 1000 / times)


def tell(what: str, words: str, *figures: object) -> None:
    """A line, as soon as it is known."""
    print(f"{what:32}{words.format(*figures)}", flush=True)


PARTS: Final = (
    tell_documents,
    tell_not_modified,
    tell_page_sizes,
    tell_deep_page,
    tell_columns,
    tell_fields,
    tell_statements,
    tell_groups,
    tell_waiting,
    tell_refusals,
    tell_writers,
    tell_monitoring,
)


async def measure(url: str, rounds: int) -> None:
    """Every line."""
    with TemporaryDirectory(prefix="a360-checklist-") as folder:
        settings = Settings(database_url=SecretStr(url), data_dir=Path(folder), log_level="error")
        connection = await asyncpg.connect(url)
        try:
            async with open_resources(settings) as resources:
                measuring = Measuring(resources, connection, rounds)
                for tell_part in PARTS:
                    await tell_part(measuring)
        finally:
            await connection.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checklist", description=__doc__)
    add, scale = parser.add_argument, Scale()
    add("--rounds", type=int, default=20, help="how often each is measured (%(default)s)")
    add("--data", type=Path, default=default_folder(), help="keeps the database (%(default)s)")
    add("--contacts", type=int, default=scale.contacts, help="rows (%(default)s)")
    add("--companies", type=int, default=scale.companies, help="rows (%(default)s)")
    wanted = parser.parse_args(arguments)
    scale = Scale(contacts=wanted.contacts, companies=wanted.companies)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with open_database(wanted.data, scale, progress=say) as database:
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        asyncio.run(measure(database.url, wanted.rounds))


if __name__ == "__main__":
    main()
