"""Dashboard, alerts and papers name what a scrape has, all of it and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from app.metrics.tallies import MAX_NAMES
from db.transaction import Database
from tests.app.scraping import PREFIX, Scrape, scrape
from tests.apps import App, OpenSharedApp
from tests.factories import make_contact
from tests.graph.answers import as_body

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "docs" / "monitoring.md"
DASHBOARD = ROOT / "deploy" / "grafana" / "appointment360.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yaml"
TOKEN = "operators-know-this-and-nobody-else"

_METRIC = re.compile(rf"\b{PREFIX}\w+")
_LABELS = re.compile(rf"\b({PREFIX}\w+)\{{([^}}]*)\}}")
_INCREASE = re.compile(rf'increase\(({PREFIX}\w+)\{{(\w+)="(\w+)"\}}')
_ROW = re.compile(rf"^\| `({PREFIX}\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
_WANTED_PANELS = (
    *("Requests", "Errors", "Latency of operations", "Operations by name", "Cost", "Hit ratio"),
    *("Connections", "Jobs", "Exports", "Records of imports", "Event loop lag", "Memory"),
)


@pytest.fixture(scope="module")
async def told(open_shared_app: OpenSharedApp) -> Scrape:
    """A scrape of a server that has answered something."""
    async with open_shared_app("dashboards", with_cache=True, ops_token=SecretStr(TOKEN)) as app:
        await _use(app, app.resources.database)
        return await scrape(app.http, Authorization=f"Bearer {TOKEN}")


async def _use(app: App, database: Database) -> None:
    await make_contact(database)
    await app.post(as_body("query People { contacts { nodes { id } } }"))
    await app.post(as_body("{ nothing }"))


def names_of(told: Scrape) -> set[str]:
    """Everything that can be asked for: a histogram by its parts."""
    parts = ("", "_bucket", "_sum", "_count")
    return {f"{family}{part}" for family in told.families for part in parts}


def panels() -> list[dict[str, Any]]:
    """Of the dashboard."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """All that Prometheus is asked."""
    yield from (target["expr"] for panel in panels() for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def test_what_is_asked_for_is_there(told: Scrape) -> None:
    """A metric that is renamed would leave a panel empty, and an alert silent."""
    asked = {name for each in expressions() for name in _METRIC.findall(each)}
    assert asked <= names_of(told)
    assert len(asked) > 50


def test_labels_that_are_asked_for_are_there(told: Scrape) -> None:
    """Each selector names labels that the family has."""
    labels = {family: set(re.findall("`(.*?)`", text)) for family, _, text in _papers()}
    for expression in expressions():
        for name, selectors in _LABELS.findall(expression):
            family = re.sub("_(bucket|sum|count)$", "", name)
            named = set(re.findall(r"(\w+)[=!]", selectors)) - {"instance", "process"}
            assert named <= labels[family], (expression, named)
    assert told.families


def test_dashboard_shows_every_family(told: Scrape) -> None:
    """With a title for each panel, in places of their own."""
    shown = panels()
    asked = {
        name
        for panel in shown
        for target in panel.get("targets", ())
        for name in _METRIC.findall(target["expr"])
    }
    stems = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    dull = {"process_virtual_memory_bytes", "process_start_time_seconds"}
    assert set(told.families) - stems == {PREFIX + name for name in dull}
    assert len({panel["id"] for panel in shown}) == len(shown)
    assert {*_WANTED_PANELS} <= {panel["title"] for panel in shown}
    cells = [
        (x, y)
        for panel in shown
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len({*cells})
    assert max(x for x, _ in cells) == 23


def test_alerts_say_what_to_do(told: Scrape) -> None:
    """Each has a name, how urgent it is, what has happened, and where to look; papers have all."""
    assert told.families
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+m", rule.get("for", "1m"))
    names = [rule["alert"] for rule in rules()]
    assert names == re.findall(r"^\| `(Appointment360\w+)` \|", PAPER.read_text(), re.MULTILINE)


def test_alerts_ask_for_the_increase_of_what_is_there_from_the_beginning(told: Scrape) -> None:
    """A number that is first told as 1 has not increased, and the first mistake would be missed."""
    asked = {each for rule in rules() for each in _INCREASE.findall(rule["expr"])}
    assert len(asked) >= 3
    for name, label, value in asked:
        assert told.labels(name.removeprefix(PREFIX), label) >= {value}, (name, value)
        assert told.total(name.removeprefix(PREFIX), **{label: value}) == 0


def test_example_of_prometheus_is_one() -> None:
    """It reads the alerts that stand beside it, under the name that these ask for."""
    example = yaml.safe_load(PROMETHEUS.read_text())
    assert example["rule_files"] == [ALERTS.name]
    (job,) = example["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("appointment360", "/metrics")
    assert all(
        'job="appointment360"' in each for each in re.findall(r"\bup\{[^}]*\}", ALERTS.read_text())
    )


def test_paper_has_every_family_and_no_other(told: Scrape) -> None:
    """With its kind, and the labels that its samples have."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", told.text, re.MULTILINE))
    papers = _papers()
    assert sorted((family, kind) for family, kind, _ in papers) == sorted(kinds.items())
    seen = {
        re.sub("_(bucket|sum|count)$", "", name): set(labels) - {"process", "le"}
        for name, samples in told.samples.items()
        for labels, _ in samples
    }
    for family, _, text in papers:
        labels = set(re.findall("`(.*?)`", text))
        assert seen.get(family, labels) == labels, family
    words = {100: "hundred"}
    assert f"the first {words[MAX_NAMES]} others" in PAPER.read_text()


def _papers() -> list[tuple[str, str, str]]:
    """The families of the paper, with their kinds and labels."""
    return _ROW.findall(PAPER.read_text())
