"""`aichain node route` and `node telemetry`: what they print, and what they refuse in two lines."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from aichain.cli.exit_codes import CommandExit
from aichain.errors import ExitCode
from tests.unit.aichain.fleet.fleets import raw

WORKER = {
    "worker_id": "mac-llm",
    "node_id": "mac",
    "type": "ollama",
    "endpoint": "http://127.0.0.1:11434",
    "priority": 90,
    "task_types": ["chat"],
}
CLOUD = WORKER | {"worker_id": "cloud", "type": "cloud_api", "priority": 10}
CLOSED = {"node_id": "mac", "role": "hq", "rpc_url": "http://127.0.0.1:1"}


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    path = tmp_path / "nodes_registry.json"
    path.write_bytes(raw({"nodes": [CLOSED]}))
    (tmp_path / "openclaw_workers.json").write_bytes(raw({"workers": [CLOUD, WORKER]}))
    return path


def route(registry: Path, *arguments: str) -> Result:
    given = ["node", "route", "--registry", str(registry), "--json", *arguments]
    return CliRunner().invoke(main, given)


def decision(registry: Path, *arguments: str) -> Any:
    done = route(registry, *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_rules_are_found_beside_the_registry(registry: Path) -> None:
    found = decision(registry, "--task", "chat", "--assume-online")
    assert (found["worker"], found["next"]) == ("mac-llm", ["cloud"])
    assert found["endpoint"] == "http://127.0.0.1:11434"


def test_a_node_that_does_not_answer_is_left_out(registry: Path) -> None:
    found = decision(registry, "--task", "chat")
    assert found["worker"] == "cloud"
    assert found["passed"] == [{"worker": "mac-llm", "reason": "node mac is offline"}]


def test_workers_that_are_busy_are_told_on_the_command_line(registry: Path) -> None:
    found = decision(registry, "--task", "chat", "--assume-online", "--busy", "mac-llm=1")
    assert found["worker"] == "cloud"


def test_one_file_may_hold_nodes_and_workers(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_bytes(raw({"nodes": [CLOSED], "workers": [WORKER]}))
    assert decision(path, "--task", "chat", "--assume-online")["worker"] == "mac-llm"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--task", "video", "--assume-online"], CommandExit.FAILED, "no worker can take a task"),
        (["--task", "chat", "--busy", "mac=1"], CommandExit.NOT_FOUND, "no worker is called 'mac'"),
        (["--task", "chat", "--busy", "mac"], CommandExit.USAGE, "is not a worker and its tasks"),
        (["--task", "chat", "--rules", "gone"], ExitCode.CONFIG, "cannot read gone"),
        ([], CommandExit.USAGE, "Missing option '--task'"),
    ],
)
def test_what_cannot_be_routed_is_said_in_two_lines(
    registry: Path, arguments: list[str], code: int, words: str
) -> None:
    done = route(registry, *arguments)
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_rule_that_is_wrong_is_named_with_its_file(registry: Path) -> None:
    rules = registry.parent / "openclaw_workers.json"
    rules.write_bytes(raw({"workers": [WORKER | {"node_id": "mak"}]}))
    done = route(registry, "--task", "chat")
    assert done.exit_code == ExitCode.CONFIG
    assert f"{rules}: workers[0].node_id: no node of the registry is called 'mak'" in done.stderr


def test_this_machine_tells_of_itself(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["node", "telemetry", "--json", "--home", str(tmp_path)])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["host"]["memory_total_bytes"] > 0
    assert told["source"] in ("nvml", "nvidia-smi", "rocm-smi", "none")
    assert isinstance(told["strains"], list)
