"""Every metric that the dashboard and the alert rules name is one that a real node has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.nodes import cluster, until
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

MONITORING = Path(__file__).parents[2] / "localnet" / "monitoring"
DASHBOARD = MONITORING / "dashboard.json"
ALERTS = MONITORING / "alerts.yml"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
NAME = re.compile(r"\b(?:aichain|process)_[a-z_]+")
SELECTED = re.compile(r"\b((?:aichain|process)_[a-z_]+)\{([^}]*)\}")
LABEL = re.compile(r"([a-z_]+)\s*=~?\s*\"")
OF_PROMETHEUS = {"instance", "job"}


def dashboard_expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def rules() -> list[Any]:
    return [
        rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    ]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """/metrics of a validator that has made a few blocks."""

    async def story() -> str:
        root = tmp_path_factory.mktemp("metrics")
        async with cluster(root, 1, machine=virtual_machine()) as net:
            node = await net.start(0)
            await until(lambda: node.height >= 4, 60)
            return node.rpc.backend.metrics_text().decode()

    return run_virtual(story, seed=3)


@pytest.fixture(scope="module")
def names(shown: str) -> set[str]:
    families = text_string_to_metric_families(shown)
    return {each.name + suffix for each in families for suffix in SUFFIXES.get(each.type, ("",))}


def test_the_dashboard_names_metrics_that_exist(names: set[str]) -> None:
    found = {name for expr in dashboard_expressions() for name in NAME.findall(expr)}
    assert len(found) > 25
    assert found - names == set()


def test_alert_rules_name_metrics_that_exist(names: set[str]) -> None:
    found = {name for rule in rules() for name in NAME.findall(rule["expr"])}
    assert len(found) > 10
    assert found - names == set()


def test_a_running_node_says_where_it_stands(shown: str) -> None:
    values = {
        sample.name + str(sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(shown)
        for sample in family.samples
    }
    assert values["aichain_height[]"] >= 4
    assert values["aichain_voting[]"] == 1
    assert values["aichain_block_views_count[]"] >= 4
    assert 0 < values["aichain_disk_bytes['free']"] < values["aichain_disk_bytes['total']"]
    assert values["aichain_network_total['bans']"] == 0
    assert values["aichain_trouble['clock']"] == 0


def test_labels_are_those_of_the_metric(shown: str) -> None:
    """A label that a metric has not selects nothing, and nobody is told."""
    known: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(shown):
        for sample in family.samples:
            known.setdefault(sample.name, set()).update(sample.labels)
    used = [*dashboard_expressions(), *(rule["expr"] for rule in rules())]
    for expr in used:
        for name, selector in SELECTED.findall(expr):
            labels = set(LABEL.findall(selector)) - OF_PROMETHEUS
            assert labels <= known.get(name, labels), expr


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert {"summary", "fix"} <= set(rule["annotations"]), rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_panels_have_places_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_promtool_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    subprocess.run([promtool, "check", "rules", str(ALERTS)], check=True)
