"""How the connections to PostgreSQL do, in all processes at the address: told without one."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from math import isfinite
from typing import Any, Final

import orjson

from app.resources import Resources
from domain.names import spelled
from domain.pool import PoolHealth, PoolSnapshot, PoolStatus, assess, worst

_QUESTION: Final = "pool"


def pool_health(resources: Resources) -> Callable[[], Awaitable[tuple[dict[str, object], int]]]:
    """Tells it, with 503 when the pool of one process is critical."""

    async def answer() -> bytes:
        return orjson.dumps(_of_process(resources))

    resources.siblings.answer(_QUESTION, answer)

    async def tell() -> tuple[dict[str, object], int]:
        answers = await resources.siblings.ask(_QUESTION)
        processes = {number: orjson.loads(answer) for number, answer in answers.items()}
        status = worst(PoolStatus(told["status"]) for told in processes.values())
        told = {
            **processes[resources.siblings.number],
            "status": status,
            "processes": [{"process": number, **told} for number, told in processes.items()],
        }
        return told, 503 if status is PoolStatus.CRITICAL else 200

    return tell


def _of_process(resources: Resources) -> dict[str, object]:
    wait, replica = resources.settings.pool_critical_wait, resources.replica
    found = assess(resources.database.pool_statistics.snapshot(), critical_wait_seconds=wait)
    told = _shown(found)
    if replica is None:
        return told | {"replica": None}
    there = assess(replica.pool_statistics.snapshot(), critical_wait_seconds=wait)
    lag_seconds = replica.lag_seconds()
    more = {
        "problem": replica.problem,
        # Nobody knows it before the first look at both servers.
        "lagSeconds": round(lag_seconds, 3) if isfinite(lag_seconds) else None,
    }
    return told | {"replica": more | _shown(there)}


def _shown(found: PoolHealth) -> dict[str, Any]:
    return {
        "status": found.status,
        "pool": _pool(found.pool),
        "advice": {"size": found.advice.size, "words": found.advice.words},
    }


def _pool(pool: PoolSnapshot) -> dict[str, float]:
    shown = {spelled(name): round(value, 6) for name, value in asdict(pool).items()}
    return {"utilizationPercent": round(100 * pool.utilization, 1), **shown}
