"""Warming when a server starts, and from outside by `appointment360 warm`."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.asgi import create_app
from app.resources import Resources
from app.warming import QUERIES, SETTINGS, warm_when_usable, warming_at_start
from cache.breaker import BreakingStore
from cache.lease import Lease
from cache.memory import MemoryStore
from db.cache_state import CacheState
from domain.enums import Role
from domain.errors import FeatureDisabled, Unavailable
from domain.node_ids import NodeKind, encode_node_id
from tests.app.terminal import Ended, Terminal
from tests.apps import App, open_app
from tests.db.people import wait_for_a_lock
from tests.factories import make_company, make_contact
from tests.processes import command
from tests.replication import until
from tests.valkey import valkey_server

COUNTS = "{ cacheStats { hits misses totalEntries } }"

_LAST = {"cache_warmed", "cache_warming_given_up"}

pytestmark = pytest.mark.one_executor("what is kept depends on who asked before")


@pytest.fixture
async def app(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """An application with a cache, which is to be warmed."""
    async with open_app(
        database_url, tmp_path, with_cache=True, enable_cache_warming=True
    ) as opened:
        yield opened


async def counts(app: App) -> dict[str, Any]:
    """How the cache was used, and what it holds."""
    found: dict[str, Any] = (await app.client(Role.ADMIN).query(COUNTS))["cacheStats"]
    return found


async def warmed(app: App, resources: Resources) -> list[str]:
    """The lines of the log of a start that is to warm, until it has done so."""

    async def is_over() -> bool:
        return any(line["event"] in _LAST for line in logs)

    with capture_logs() as logs:
        async with warming_at_start(resources, create_app(app.resources).warmers):
            await until(is_over)
    return [
        f"{line['event']} {line.get('name', line.get('names'))}"
        for line in logs
        if line["event"].startswith("cache_")
    ]


def told_to_warm(app: App, *names: str) -> Resources:
    """The resources of a process that is to warm by these names."""
    settings = app.resources.settings.model_copy(update={"cache_warming_queries": names})
    return replace(app.resources, settings=settings)


async def test_server_that_starts_has_answers_to_what_many_ask(app: App) -> None:
    """Two names are two entries; the same queries of a frontend find them."""
    database = app.resources.database
    company_id = encode_node_id(NodeKind.COMPANY, (await make_company(database)).id)
    await make_contact(database, first_name="Ada", company_id=company_id)
    assert await warmed(app, app.resources) == [
        "cache_warmed ['contacts:popular', 'companies:active']"
    ]
    assert await counts(app) == {"hits": "0", "misses": "2", "totalEntries": "2"}
    people = await app.client().query(QUERIES["contacts:popular"])
    companies = await app.client().query(QUERIES["companies:active"])
    assert len(people["contacts"]["nodes"]) == 1
    assert companies["contactAggregate"]["nodes"][0]["keys"]["company"]["name"]
    assert await counts(app) == {"hits": "2", "misses": "2", "totalEntries": "2"}


async def test_companies_with_most_contacts_are_active(app: App) -> None:
    """The largest come first; contacts without a company are of none."""
    database = app.resources.database
    small = await make_company(database, name="Small")
    large = await make_company(database, name="Large")
    await make_contact(database, first_name="Ada")
    for company, number in ((small, 1), (large, 3)):
        for _ in range(number):
            await make_contact(
                database, first_name="Ada", company_id=encode_node_id(NodeKind.COMPANY, company.id)
            )
    answer = await app.client().query(QUERIES["companies:active"])
    assert [
        (group["count"], group["keys"]["company"]["name"])
        for group in answer["contactAggregate"]["nodes"]
    ] == [(3, "Large"), (1, "Small")]


async def test_unknown_name_does_not_stop_the_start(app: App) -> None:
    """It is one warning; the others are warmed."""
    resources = told_to_warm(app, "nobody:knows", "contacts:popular", SETTINGS)
    assert await warmed(app, resources) == [
        "cache_not_warmed nobody:knows",
        "cache_warmed ['contacts:popular', 'settings:app']",
    ]
    assert (await counts(app))["totalEntries"] == "1"


async def test_server_that_is_not_to_warm_does_not(database_url: URL, tmp_path: Path) -> None:
    """Neither by its settings nor without a cache is there anything to do."""
    for settings in (
        {"enable_cache_warming": False},
        {"enable_cache_warming": True, "enable_query_caching": False},
    ):
        async with open_app(database_url, tmp_path, with_cache=True, **settings) as app:
            tasks, warmers = asyncio.all_tasks(), create_app(app.resources).warmers
            async with warming_at_start(app.resources, warmers):
                assert asyncio.all_tasks() == tasks


async def test_cache_that_cannot_be_used_is_given_up(app: App) -> None:
    """Nobody waits for it longer than its patience lasts; nothing is asked meanwhile."""
    resources, lease = app.resources, _never_used(app)
    warmers = create_app(resources).warmers
    with pytest.raises(Unavailable, match="The cache cannot be used now"):
        await warm_when_usable(warmers, lease, ["contacts:popular"], patience_seconds=0.01)
    assert (await counts(app))["misses"] == "0"


async def test_start_waits_neither_for_the_cache_nor_for_its_queries(app: App) -> None:
    """It is a task beside the requests, and takes the turn of none that they leave behind."""
    tasks, warmers = asyncio.all_tasks(), create_app(app.resources).warmers
    async with warming_at_start(app.resources, warmers):
        assert len(asyncio.all_tasks() - tasks) == 1
        assert app.resources.background.statistics().total_tasks == 0


async def test_stop_does_not_wait_for_warming(app: App) -> None:
    """Which is about to read what somebody holds; it ends without a word, and frees its flight."""
    database = app.resources.database
    with capture_logs() as logs:
        async with database.write() as holding:
            await holding.driver.execute("LOCK TABLE contacts")
            async with warming_at_start(app.resources, create_app(app.resources).warmers):
                await wait_for_a_lock(database)
        assert await app.client().query(QUERIES["contacts:popular"])
    assert [line for line in logs if line["event"].startswith("cache_")] == []


async def test_warmer_is_not_ok_unless_its_answer_is_kept(
    database_url: URL, tmp_path: Path
) -> None:
    """Whatever kept it from that: here it finds no room."""
    async with open_app(database_url, tmp_path, with_cache=True, cache_max_bytes=1) as app:
        (result,) = await create_app(app.resources).warmers.warm(["contacts:popular"])
        assert isinstance(result.error, Unavailable)
        assert "'contacts:popular' was not kept: " in str(result.error)
        assert (await counts(app))["totalEntries"] == "0"


async def test_warmer_that_finds_its_answer_is_ok(app: App) -> None:
    """It is in the cache already."""
    warmers = create_app(app.resources).warmers
    results = [await warmers.warm(["contacts:popular"]) for _ in range(2)]
    assert [result.ok for (result,) in results] == [True, True]


async def test_what_is_made_once_is_no_entry(app: App) -> None:
    """Settings and schema are kept by the process, not by the cache."""
    (result,) = await create_app(app.resources).warmers.warm([SETTINGS])
    assert result.ok
    assert (await counts(app))["totalEntries"] == "0"


async def test_without_a_cache_there_is_nothing_to_warm(database_url: URL, tmp_path: Path) -> None:
    """Whoever asks for it is told the setting."""
    async with open_app(database_url, tmp_path) as app:
        with pytest.raises(FeatureDisabled, match="ENABLE_QUERY_CACHING is false"):
            await create_app(app.resources).warmers.warm(["contacts:popular"])


async def test_serving_process_warms_its_cache(database_url: URL, tmp_path: Path) -> None:
    """From the settings alone, with an unknown name among them that is told and passed over."""
    async with command(
        "serve",
        "--port=0",
        "--no-jobs",
        database_url=database_url,
        folder=tmp_path,
        ENABLE_CACHE_WARMING="true",
        CACHE_WARMING_QUERIES="contacts:popular, nobody:knows, companies:active",
        LOG_FORMAT="json",
    ) as server:
        explorer = await server.says("Explorer")
        assert "nobody:knows" in await server.says("cache_not_warmed")
        assert '["contacts:popular","companies:active"]' in (
            await server.says('"cache_warmed"')
        ).replace(", ", ",")
        address, token = re.findall(r"(http://\S+)/#token=(\S+)", explorer)[0]
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
            answer = await http.post(f"{address}/graphql", json={"query": COUNTS})
    assert answer.json()["data"]["cacheStats"] == {"hits": "0", "misses": "2", "totalEntries": "2"}


async def run_warm(url: URL, folder: Path, *names: str, **settings: str) -> Ended:
    """`appointment360 warm`, beside the server whose settings it has."""
    environment = {
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "DATA_DIR": str(folder / "data"),
        **settings,
    }
    return await Terminal(environment).run("warm", *names)


async def test_cache_in_memory_cannot_be_warmed_from_outside(
    database_url: URL, tmp_path: Path
) -> None:
    """The command ends at once with what to do."""
    assert await run_warm(database_url, tmp_path) == (
        1,
        "",
        "Only a shared cache can be warmed from outside: set ENABLE_REDIS_CACHE and REDIS_URL. "
        "A server warms its own with ENABLE_CACHE_WARMING.\n",
    )


async def test_shared_cache_is_warmed_from_outside(database_url: URL, tmp_path: Path) -> None:
    """A server on the same Redis finds what the command kept; what failed is told with status 1."""
    with valkey_server() as redis:
        shared = {"ENABLE_REDIS_CACHE": "true", "REDIS_URL": redis.url}
        async with open_app(
            database_url,
            tmp_path / "data",
            with_cache=True,
            enable_redis_cache=True,
            redis_url=redis.url,
        ) as app:
            status, out, err = await run_warm(
                database_url, tmp_path, "contacts:popular", "nobody:knows", **shared
            )
            assert (status, out) == (1, "ok    contacts:popular\nFAIL  nobody:knows\n")
            assert "There is no warmer 'nobody:knows'." in err
            await app.client().query(QUERIES["contacts:popular"])
            found = await counts(app)
            assert (found["hits"], found["misses"]) == ("1", "0")


def _never_used(app: App) -> Lease:
    """A lease that nobody looks after."""
    state = CacheState("nobody", app.resources.database)
    return Lease(
        state, BreakingStore(MemoryStore(max_entries=1, max_bytes=1, schema="")), is_shared=False
    )
