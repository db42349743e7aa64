"""Files that other programs read: options in them are ones that there are, paths lead to files."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from aichain.cli.run import run

ROOT = Path(__file__).parents[3]
LOCALNET = ROOT / "localnet"
COMPOSE = LOCALNET / "containers" / "compose.yml"
DOCKERFILE = LOCALNET / "containers" / "Dockerfile"
UNIT = LOCALNET / "systemd" / "aichain@.service"
MANIFESTS = sorted((LOCALNET / "kubernetes").glob("*.yml"))


def documents() -> Iterator[Any]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


def containers() -> Iterator[Any]:
    for each in documents():
        pod = each["spec"].get("template", {}).get("spec", {})
        yield from pod.get("containers", [])


def commands() -> list[list[str]]:
    compose = yaml.safe_load(COMPOSE.read_text())["services"]
    found = [each["command"] for each in compose.values() if each["image"] == "aichain"]
    found += [each["args"] for each in containers()]
    line = next(line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart="))
    found.append(line.split()[1:])
    last = DOCKERFILE.read_text().splitlines()[-1]
    found.append(re.findall(r'"([^"]+)"', last))
    return found


def test_each_node_is_started_with_options_that_there_are() -> None:
    found = commands()
    assert len(found) == 4 + 5 + 1 + 1
    for command in found:
        assert command[0] == "run", command
        context = run.make_context("run", list(command[1:]))
        assert isinstance(context, click.Context)


def test_founders_have_a_home_and_ports_of_their_own() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())["services"]
    nodes = [each for each in compose.values() if each["image"] == "aichain"]
    for told in (nodes, [each for each in containers() if each["name"] != "node"]):
        founders = [re.search(r"founder[=,\s']+(\d)", str(each)) for each in told]
        assert [match[1] for match in founders if match] == ["0", "1", "2", "3"]
    urls = [each["environment"]["AICHAIN_RPC_URL"] for each in nodes]
    assert urls == [f"http://127.0.0.1:{3690 + 10 * index}" for index in range(4)]
    scraped = yaml.safe_load((LOCALNET / "monitoring" / "prometheus.yml").read_text())
    [targets] = scraped["scrape_configs"][0]["static_configs"]
    assert targets["targets"] == [url.removeprefix("http://") for url in urls]


def test_what_is_mounted_and_copied_exists() -> None:
    for each in yaml.safe_load(COMPOSE.read_text())["services"].values():
        for volume in each["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (COMPOSE.parent / source).is_file(), source
    copied = [
        name
        for line in DOCKERFILE.read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    assert {"aichain", "native"} <= set(copied)
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text()
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}\n" in ignored, "the build would not see it"


def test_nobody_runs_as_root_or_with_more_than_it_needs() -> None:
    text = DOCKERFILE.read_text()
    assert text.rindex("\nUSER 3690") > text.rindex("\nRUN ")
    pods = [each["spec"]["template"]["spec"] for each in documents() if "template" in each["spec"]]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
        for each in pod["containers"]:
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            volumes = {volume["name"] for volume in pod["volumes"]} | {"data"}
            assert {mount["name"] for mount in each["volumeMounts"]} <= volumes


def test_services_and_policies_select_pods_that_there_are() -> None:
    found = list(documents())
    pods = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in found
        if "template" in each["spec"]
    ]
    for each in found:
        spec = each["spec"]
        for selector in (spec.get("selector", {}), spec.get("podSelector", {})):
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= labels.items() for labels in pods), each["kind"]


def test_kubernetes_takes_the_manifests() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="it is not installed")
    for each in documents():
        validator.validate(each, validator.latest_version(), strict=True)


def test_systemd_takes_the_unit() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [analyze, "verify", str(UNIT)], capture_output=True, text=True, check=False
    )
    told = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    if any("Failed to" in line for line in told):
        pytest.skip(f"systemd-analyze cannot work here: {told[0]}")
    assert told == []
