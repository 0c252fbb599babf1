"""`GET /ops/vitals`: what the page of operators shows, second by second."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.health_jobs import jobs_health
from app.health_ready import readiness
from app.operators import RequireOperator
from app.resources import Resources
from app.vitals import OWN_ROUTE, Sample
from app.vitals_json import Json, sample_json, statement_json, together
from domain.errors import InvalidInput
from streaming.caching import cache_response
from streaming.routing import rest_routes

_ALL: Final = "vitals"
_RECENT: Final = "vitals-recent"
"""Is asked for those who have asked before, so that little is told each second."""

_RECENT_SECONDS: Final = 10.0
_KEPT_SECONDS: Final = 2.0
_UNAVAILABLE: Final = "unavailable"
_OK: Final = 200


@dataclass(frozen=True, kw_only=True)
class ProcessVitals:
    """What one process tells.

    Attributes:
        slow: Its slow statements, as they are shown.
    """

    number: int
    pid: int
    started_at: float
    is_draining: bool
    samples: Sequence[Sample]
    slow: Sequence[Json]


def vitals_routes(resources: Resources, require_operator: RequireOperator) -> list[Route]:
    """The route, and this process's answers to the others."""
    siblings, vitals = resources.siblings, resources.vitals
    siblings.answer(_ALL, partial(_answer, resources, float("inf")))
    siblings.answer(_RECENT, partial(_answer, resources, _RECENT_SECONDS))
    state = _StateOfAll(resources)

    @cache_response(max_age=None)
    async def tell(request: Request) -> Response:
        await require_operator(request)
        since, now = _since(request), vitals.now()
        question = _RECENT if since > now - _RECENT_SECONDS else _ALL
        answers, of_all = await asyncio.gather(siblings.ask(question), state.read())
        processes = [_read(answer, since) for answer in answers.values()]
        samples = together([process.samples for process in processes])
        told = {
            "now": now,
            "health": of_all.health,
            "jobs": of_all.jobs,
            "processes": [_process_json(process) for process in processes],
            "together": [sample_json(sample) for sample in samples],
            "slowStatements": [each for process in processes for each in process.slow],
        }
        return Response(orjson.dumps(told), media_type="application/json")

    return rest_routes((OWN_ROUTE, tell, ["GET"]))


async def _answer(resources: Resources, seconds: float) -> bytes:
    since, number = resources.vitals.now() - seconds, resources.siblings.number
    own = ProcessVitals(
        number=number,
        pid=os.getpid(),
        started_at=resources.vitals.started_at,
        is_draining=resources.stop_clock.is_draining,
        samples=resources.vitals.latest(since=since),
        slow=[
            statement_json(slow, process=number)
            for slow in resources.slow_statements.latest(since=since)
        ],
    )
    return orjson.dumps(own)


def _read(answer: bytes, since: float) -> ProcessVitals:
    told = orjson.loads(answer)
    samples = [Sample(**sample) for sample in told.pop("samples")]
    slow = told.pop("slow")
    return ProcessVitals(
        **told,
        samples=[sample for sample in samples if sample.at > since],
        slow=[each for each in slow if each["changedAt"] > since],
    )


def _process_json(process: ProcessVitals) -> Json:
    return {
        "number": process.number,
        "pid": process.pid,
        "startedAt": process.started_at,
        "isDraining": process.is_draining,
        "samples": [sample_json(sample) for sample in process.samples],
    }


def _since(request: Request) -> float:
    text = request.query_params.get("since", "0")
    with suppress(ValueError):
        if isfinite(since := float(text)):
            return since
    raise InvalidInput(
        "`since` takes seconds since 1970: `at` of the newest sample you have, or nothing."
    )


@dataclass(frozen=True, kw_only=True)
class _State:
    """What is true of all processes.

    Attributes:
        health: As `/health/ready` tells it.
        jobs: As `/health/jobs` tells it; None when PostgreSQL does not answer.
    """

    health: Json
    jobs: Json | None


class _StateOfAll:
    """Reads it from PostgreSQL while somebody looks, at most once in two seconds."""

    def __init__(self, resources: Resources) -> None:
        self._readiness, self._jobs = readiness(resources), jobs_health(resources)
        self._read_at = float("-inf")
        self._reading: asyncio.Task[_State] | None = None

    async def read(self) -> _State:
        """What was read last, or is read now; it takes a second at most."""
        now = time.monotonic()
        if self._reading is None or now - self._read_at >= _KEPT_SECONDS:
            self._read_at = now
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> _State:
        health, _ = await self._readiness()
        if health["status"] == _UNAVAILABLE:
            return _State(health=health, jobs=None)
        jobs, status = await self._jobs()
        return _State(health=health, jobs=jobs if status == _OK else None)
