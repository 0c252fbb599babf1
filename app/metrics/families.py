"""Families of metrics as Prometheus knows them, from plain numbers."""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from app.metrics.tallies import BOUNDS, Durations

PREFIX: Final = "appointment360_"

Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]

_ENDS: Final = (*(str(bound) for bound in BOUNDS), "+Inf")
_NONE: Final[Labels] = ()


def counter(name: str, words: str, values: Values, *, labels: Labels = _NONE) -> Metric:
    """What only grows; its name is told with `_total` at its end."""
    family = CounterMetricFamily(PREFIX + name, words, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def gauge(name: str, words: str, values: Values, *, labels: Labels = _NONE) -> Metric:
    """What is so now."""
    family = GaugeMetricFamily(PREFIX + name, words, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def histogram(
    name: str, words: str, durations: Mapping[Labels, Durations], *, labels: Labels = _NONE
) -> Metric:
    """How long things took."""
    family = HistogramMetricFamily(PREFIX + name, words, labels=labels)
    for of, each in durations.items():
        buckets = [*zip(_ENDS, map(float, accumulate(each.counts)), strict=True)]
        family.add_metric(of, buckets, each.seconds)
    return family


def alone(value: float) -> Values:
    """The one value of a family without labels."""
    return [(_NONE, value)]


def by_one(values: Mapping[str, float]) -> Values:
    """Values by their one label."""
    return [((label,), value) for label, value in values.items()]
