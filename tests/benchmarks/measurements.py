"""Measurements whose processor time is all that matters."""

from benchmarks.measure import Measurement


def measured(server: str, cpu_ms: float | None, *, operation: str = "q1") -> Measurement:
    """What a server spent on a request, and as much in PostgreSQL."""
    return Measurement(
        server=server,
        operation=operation,
        cpu_ms=cpu_ms,
        pg_cpu_ms=cpu_ms,
        rps=100,
        p50_ms=1,
        p99_ms=2,
        bytes=10,
    )
