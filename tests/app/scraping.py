"""Scrapes for tests: what Prometheus would read, and how much of it is there."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

PREFIX = "appointment360_"
_PARTS = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Scrape:
    """The text of a scrape, and what it says."""

    text: str

    @property
    def families(self) -> list[str]:
        """The names of all families in their order, as the text has them."""
        heads = [line.split() for line in self.text.splitlines() if line.startswith("# TYPE ")]
        return [name for _, _, name, _ in heads]

    @property
    def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """The samples by their names, each with its labels."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels, among others."""
        found = self.samples.get(PREFIX + name, [])
        return sum(value for of, value in found if labels.items() <= of.items())

    def labels(self, name: str, label: str) -> set[str]:
        """The values of a label."""
        return {of[label] for of, _ in self.samples.get(PREFIX + name, [])}

    def assert_in_order(self) -> None:
        """Whether each family stands in one place, behind its own lines of help and type."""
        names = [_family(line, self.families) for line in self.text.splitlines()]
        assert [name for name, _ in groupby(names)] == self.families


def _family(line: str, families: list[str]) -> str:
    if line.startswith("#"):
        return line.split()[2]
    name = line.partition("{")[0].partition(" ")[0]
    if name in families:
        return name
    (stem,) = (name.removesuffix(part) for part in _PARTS if name.endswith(part))
    assert stem in families
    return stem


async def scrape(http: httpx.AsyncClient, **headers: Any) -> Scrape:
    """What Prometheus is told."""
    answer = await http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    return Scrape(answer.text)
