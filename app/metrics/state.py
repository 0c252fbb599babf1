"""How the parts of a process do when asked: what is counted elsewhere is only read here."""

import gc
import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from prometheus_client.core import Metric

from app.metrics.families import alone, by_one, counter, gauge
from app.resources import Resources
from cache.events import CacheInvalidated
from graph.admission import Admission
from graph.event_stream import OpenStreams
from graph.execution.engine import Executor

_PRODUCT: Final = "appointment360"
_LAG_SECONDS: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What answers GraphQL in a process."""

    executor: Executor
    admission: Admission
    streams: OpenStreams


class State:
    """Reads the parts of a process."""

    def __init__(self, resources: Resources, engine: Engine) -> None:
        self._resources = resources
        self._engine = engine
        self._invalidations: Counter[str] = Counter({"change": 0, "pattern": 0})
        if resources.caching.cache is not None:
            resources.caching.cache.events.subscribe(self._invalidated)

    def read(self) -> Iterator[Metric]:
        """The families of everything that has a state."""
        yield from self._execution()
        yield from self._connections()
        yield from self._cache()
        yield from self._pool()
        yield from self._tasks()
        yield from self._files()
        yield from self._replica()
        yield from self._process()

    def _invalidated(self, event: CacheInvalidated) -> None:
        self._invalidations["change" if event.pattern is None else "pattern"] += 1

    def _execution(self) -> Iterator[Metric]:
        tiers: Counter[str] = Counter()
        for way, count in self._engine.executor.counts.items():
            tiers[way.tier] += count
        yield counter(
            "executions",
            "Operations by how they were executed.",
            by_one(tiers),
            labels=("tier",),
        )
        admission = self._engine.admission
        yield gauge(
            "operations_inside", "Operations that are executed now.", alone(admission.inside)
        )
        yield gauge(
            "operations_waiting", "Operations that wait for that.", alone(admission.waiting)
        )

    def _connections(self) -> Iterator[Metric]:
        under_way = self._resources.observers.under_way
        yield gauge(
            "requests_under_way", "Requests that are being answered.", alone(under_way.requests)
        )
        yield gauge("websockets_open", "WebSockets that are open.", alone(under_way.sockets))
        yield gauge(
            "event_streams_open",
            "Answers that are streams of events and go on.",
            alone(self._engine.streams.count),
        )
        yield gauge(
            "subscriptions_open",
            "Subscriptions that wait for events, however they are carried.",
            alone(self._resources.feeds.seats.taken),
        )

    def _cache(self) -> Iterator[Metric]:
        caching = self._resources.caching
        counts = {} if caching.cache is None else caching.cache.counts.by_kind()
        yield counter(
            "cache_questions",
            "How often the cache was asked, and what it knew.",
            [
                ((kind, status.lower()), count)
                for kind, statuses in counts.items()
                for status, count in statuses.items()
            ],
            labels=("kind", "status"),
        )
        yield counter(
            "cache_invalidations",
            "How often kept answers were let go of.",
            by_one(self._invalidations),
            labels=("cause",),
        )
        is_usable = [] if caching.lease is None else alone(caching.lease.era() is not None)
        yield gauge("cache_up", "Whether the cache that is wanted can be used now.", is_usable)

    def _pool(self) -> Iterator[Metric]:
        pool = self._resources.database.pool_statistics.snapshot()
        yield gauge(
            "pool_connections",
            "Connections to PostgreSQL.",
            by_one({"in_use": pool.checked_out, "idle": pool.idle, "overflow": pool.overflow}),
            labels=("state",),
        )
        yield gauge("pool_size", "Connections that the pool keeps.", alone(pool.size))
        yield gauge("pool_most", "Connections that there can be.", alone(pool.most))
        yield gauge("pool_waiting", "Who waits for a connection now.", alone(pool.waiting))
        yield counter(
            "pool_events",
            "What became of connections.",
            by_one(
                {
                    "checkout": pool.checkouts,
                    "checkin": pool.checkins,
                    "timeout": pool.timeouts,
                    "invalidated": pool.invalidated,
                    "leaked": pool.leaked,
                }
            ),
            labels=("event",),
        )
        yield gauge(
            "pool_wait_average_seconds",
            "How long those waited for a connection who had to, in the last minute.",
            alone(pool.wait_average_seconds),
        )
        yield gauge(
            "pool_wait_max_seconds",
            "How long the last of them did.",
            alone(pool.wait_max_seconds),
        )
        yield gauge(
            "pool_longest_held_seconds",
            "How long the connection has been in use that was taken first.",
            alone(pool.longest_held_seconds),
        )

    def _tasks(self) -> Iterator[Metric]:
        told = self._resources.background.statistics().by_function
        yield gauge(
            "background_tasks",
            "Background tasks that wait or run.",
            [
                ((name, state), count)
                for name, each in told.items()
                for state, count in (("queued", each.queued_tasks), ("active", each.active_tasks))
            ],
            labels=("function", "state"),
        )
        yield counter(
            "background_tasks_ended",
            "Background tasks that are over.",
            [
                ((name, outcome), count)
                for name, each in told.items()
                for outcome, count in (
                    ("completed", each.completed_tasks),
                    ("failed", each.failed_tasks),
                )
            ],
            labels=("function", "outcome"),
        )

    def _files(self) -> Iterator[Metric]:
        exports = self._resources.exporter.spools.statistics
        yield counter(
            "exports",
            "Exports that are over.",
            by_one({"finished": exports.finished, "failed": exports.failed}),
            labels=("outcome",),
        )
        growing = exports.begun - exports.finished - exports.failed
        yield gauge("exports_growing", "Exports that are being written.", alone(growing))
        yield counter("export_rows", "Rows of finished exports.", alone(exports.rows))
        yield counter("export_bytes", "Bytes of finished exports.", alone(exports.bytes))
        uploads = self._resources.uploads
        yield counter(
            "uploads",
            "Files that users sent.",
            by_one({"begun": uploads.statistics.begun, "finished": uploads.statistics.finished}),
            labels=("event",),
        )
        yield counter("upload_bytes", "Bytes of files that came.", alone(uploads.statistics.bytes))
        yield gauge("uploads_writing", "Files that are written to now.", alone(uploads.writing))

    def _replica(self) -> Iterator[Metric]:
        replica = self._resources.replica
        lag = [] if replica is None else alone(replica.lag_seconds())
        yield gauge("replica_lag_seconds", "How far the replica is behind, at most.", lag)
        in_use = [] if replica is None else alone(replica.problem is None)
        yield gauge("replica_in_use", "Whether queries are read there.", in_use)

    def _process(self) -> Iterator[Metric]:
        resources = self._resources
        late = resources.vitals.latest(since=resources.vitals.now() - _LAG_SECONDS)
        yield gauge(
            "event_loop_lag_seconds",
            f"By how much the event loop was late at most in the last {_LAG_SECONDS:g} s.",
            alone(max((sample.lag_seconds for sample in late), default=0.0)),
        )
        yield counter(
            "gc_collections",
            "How often the garbage collector ran, by generation.",
            [((str(at),), each["collections"]) for at, each in enumerate(gc.get_stats())],
            labels=("generation",),
        )
        yield gauge(
            "draining",
            "Whether requests should go elsewhere.",
            alone(resources.stop_clock.is_draining),
        )
        yield gauge(
            "build_info",
            "What runs.",
            [((version(_PRODUCT), platform.python_version()), 1)],
            labels=("version", "python"),
        )
