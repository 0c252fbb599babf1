"""Samples and slow statements as the page of operators is told of them, several as one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from app.latencies import added_up, percentile
from app.slow_statements import SlowStatement
from app.vitals import Sample
from domain.analysis import PlanWarning

Json = Mapping[str, Any]

_SUMMED: Final = (
    "requests",
    "operations",
    "refused",
    "failed",
    "hits",
    "misses",
    "bypasses",
    "pool_in_use",
    "pool_waiting",
    "pool_size",
    "pool_most",
    "cpu_cores",
    "streams",
)
_WORST: Final = ("seconds", "pool_wait_seconds", "lag_seconds")
_LATE_SECONDS: Final = 2
_PERCENTILES: Final = {"p50Ms": 0.5, "p95Ms": 0.95, "p99Ms": 0.99}


def together(of_each: Sequence[Sequence[Sample]]) -> list[Sample]:
    """One sample a second of all processes, until the last second that each has told of.

    One that has been silent for longer is not waited for.
    """
    newest = [samples[-1].at for samples in of_each if samples]
    until = min((at for at in newest if at >= max(newest) - _LATE_SECONDS), default=0)
    by_second: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in chain.from_iterable(of_each):
        if sample.at <= until:
            by_second[sample.at].append(sample)
    return [_as_one(at, of_second) for at, of_second in sorted(by_second.items())]


def sample_json(sample: Sample) -> Json:
    """A sample with its percentiles."""
    return {
        "at": sample.at,
        "seconds": round(sample.seconds, 3),
        "requests": sample.requests,
        "operations": sample.operations,
        "refused": sample.refused,
        "failed": sample.failed,
        **{
            name: _milliseconds(percentile(sample.latencies, share))
            for name, share in _PERCENTILES.items()
        },
        "hits": sample.hits,
        "misses": sample.misses,
        "bypasses": sample.bypasses,
        "poolInUse": sample.pool_in_use,
        "poolWaiting": sample.pool_waiting,
        "poolSize": sample.pool_size,
        "poolMost": sample.pool_most,
        "poolWaitMs": _milliseconds(sample.pool_wait_seconds),
        "lagMs": _milliseconds(sample.lag_seconds),
        "cpuCores": round(sample.cpu_cores, 3),
        "memoryBytes": sample.memory_bytes,
        "streams": sample.streams,
    }


def statement_json(slow: SlowStatement, *, process: int) -> Json:
    """A slow statement, without any value that it ran with."""
    warnings = None if slow.warnings is None else [_warning_json(each) for each in slow.warnings]
    return {
        "process": process,
        "id": slow.id,
        "sql": slow.sql,
        "count": slow.count,
        "cutOff": slow.cut_off,
        "maxSeconds": round(slow.max_seconds, 4),
        "lastSeconds": round(slow.last_seconds, 4),
        "rows": slow.rows,
        "operation": slow.operation,
        "path": slow.path,
        "lastAt": slow.last_at,
        "changedAt": slow.changed_at,
        "isExplained": slow.is_explained,
        "warnings": warnings,
    }


def _as_one(at: int, samples: Sequence[Sample]) -> Sample:
    sums: dict[str, Any] = {
        name: sum(getattr(sample, name) for sample in samples) for name in _SUMMED
    }
    worst: dict[str, Any] = {
        name: max(getattr(sample, name) for sample in samples) for name in _WORST
    }
    known = [sample.memory_bytes for sample in samples if sample.memory_bytes is not None]
    return Sample(
        at=at,
        latencies=added_up(sample.latencies for sample in samples),
        memory_bytes=sum(known) if known else None,
        **sums,
        **worst,
    )


def _warning_json(warning: PlanWarning) -> Json:
    return {
        "code": warning.code.value,
        "about": warning.code.doc,
        "relation": warning.relation,
        "message": warning.message,
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
