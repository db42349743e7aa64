"""`aichain doctor`: every line is OK, WARN or FAIL, and what is not OK says how to mend it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain.cli import doctor, main
from aichain.cli.kernel_clock import KernelClock, read_kernel_clock
from native import backends, batch
from native.cpu import OpenSSLEngine
from native.panel import Panel
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving
from tests.unit.native.liars import Liar, refuses_all

Invoke: TypeAlias = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path) -> Invoke:
    kept = {name: None for name in os.environ if name.startswith("AICHAIN_")}
    runner = CliRunner(env=kept | {"XDG_DATA_HOME": str(tmp_path)})
    address = ("--rpc", "http://127.0.0.1:1")
    return lambda *arguments, **env: runner.invoke(
        main, ["doctor", *address, *arguments], env=env or None
    )


def findings(done: Result) -> dict[str, Any]:
    return {each["check"]: each for each in json.loads(done.stdout)}


def test_a_machine_that_runs_these_tests_is_fit(invoke: Invoke) -> None:
    done = invoke("--json")
    found = findings(done)
    assert done.exit_code == 0
    assert {"python", "libraries", "disk", "fsync", "signatures", "clock", "ports"} <= set(found)
    for each in found.values():
        assert each["verdict"] in ("OK", "WARN")
        assert bool(each["fix"]) == (each["verdict"] == "WARN")


def test_people_get_one_line_a_check(invoke: Invoke) -> None:
    lines = [line for line in invoke().output.splitlines() if not line.startswith(" ")]
    assert all(line.split()[0] in ("OK", "WARN") for line in lines)


@pytest.mark.parametrize(
    ("check", "limit", "value", "verdict"),
    [
        ("disk", "DISK_FAIL_BYTES", 2**62, "FAIL"),
        ("disk", "DISK_WARN_BYTES", 2**62, "WARN"),
        ("fsync", "FSYNC_FAIL_MS", 0, "FAIL"),
        ("fsync", "FSYNC_WARN_MS", 0, "WARN"),
        ("memory", "MEMORY_WARN_BYTES", 2**62, "WARN"),
        ("open files", "FILES_WARN", 2**62, "WARN"),
        ("signatures", "VERIFY_WARN_US", 0, "WARN"),
    ],
)
def test_a_machine_beyond_a_limit_is_pointed_at(
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    check: str,
    limit: str,
    value: int,
    verdict: str,
) -> None:
    monkeypatch.setattr(doctor, limit, value)
    found = findings(invoke("--json"))[check]
    assert found["verdict"] == verdict
    assert found["fix"]


@pytest.mark.parametrize("answer", [True, False])
def test_an_engine_that_says_the_same_of_every_signature_fails(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    monkeypatch.setattr(doctor, "verify_many", lambda items: [answer] * len(items))
    done = invoke("--json")
    assert findings(done)["signatures"]["verdict"] == "FAIL"
    assert done.exit_code == 41


def test_who_has_no_kernels_is_told_what_they_need(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "kernels", None)
    found = findings(invoke("--json"))["signatures"]
    assert (found["verdict"], "without a C++ compiler" in found["detail"]) == ("WARN", True)
    assert "g++" in found["fix"]


def test_an_engine_in_quarantine_is_pointed_at_here_and_in_a_node(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = Liar(refuses_all)
    liar.lies = True
    panel = Panel(OpenSSLEngine(1), liar)
    for module in (backends, batch):
        monkeypatch.setattr(module, "select_panel", lambda: panel)
    trouble = str(panel.faults[0])
    with serving(ScriptedNode({"aichain_status": {"engineTrouble": trouble}})) as node:
        found = findings(invoke("--json", "--rpc", node.url))
    assert (found["node"]["verdict"], found["node"]["detail"]) == ("WARN", trouble)
    assert found["signatures"]["verdict"] == "WARN"
    assert "liar is in quarantine" in found["signatures"]["detail"]


def test_a_broken_setting_fails_with_its_fix(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[rpc]\nlisten = "nowhere"\n')
    done = invoke("--home", str(tmp_path), "--json")
    assert done.exit_code == 41
    assert findings(done)["settings"]["verdict"] == "FAIL"
    assert "rpc.listen" in findings(done)["settings"]["fix"]
    assert "settings" in done.stderr


def test_without_a_home_the_settings_of_every_home_are_checked(
    invoke: Invoke, tmp_path: Path
) -> None:
    runner = CliRunner(env={"XDG_DATA_HOME": str(tmp_path)})
    for network in ("testnet", "devnet"):
        assert runner.invoke(main, ["init", "--network", network]).exit_code == 0
    found = findings(invoke("--json"))["settings"]
    assert found["verdict"] == "OK"
    config = tmp_path / "aichain" / "testnet" / "config.toml"
    assert str(config) in found["detail"]
    config.write_text('[rpc]\nlisten = "nowhere"\n')
    done = invoke("--json")
    assert done.exit_code == 41
    assert "rpc.listen" in findings(done)["settings"]["fix"]


@pytest.mark.parametrize(
    ("clock", "verdict"),
    [
        (KernelClock(is_synchronized=True, max_error_ms=30.0), "OK"),
        (KernelClock(is_synchronized=True, max_error_ms=900.0), "WARN"),
        (KernelClock(is_synchronized=False, max_error_ms=16_000.0), "WARN"),
        (None, "WARN"),
    ],
)
def test_a_clock_that_nobody_keeps_is_pointed_at(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, clock: KernelClock | None, verdict: str
) -> None:
    monkeypatch.setattr(doctor, "read_kernel_clock", lambda: clock)
    found = findings(invoke("--json"))["clock"]
    assert found["verdict"] == verdict
    assert bool(found["fix"]) == (verdict == "WARN")


def test_the_kernels_own_record_is_read() -> None:
    clock = read_kernel_clock()
    assert clock is None or 0 <= clock.max_error_ms <= 16_000, "the kernel stops counting at 16 s"


def test_a_node_whose_clock_disagrees_with_the_others_fails(invoke: Invoke) -> None:
    answers = {"aichain_status": {"clockTrouble": "the clock is behind; fix: set it"}}
    with serving(ScriptedNode(answers)) as node:
        done = invoke("--json", "--rpc", node.url)
    assert done.exit_code == 41
    found = findings(done)["node"]
    assert (found["verdict"], found["detail"]) == ("FAIL", "the clock is behind")
    assert found["fix"] == "set it"


def test_a_home_on_which_nothing_can_be_written_fails_and_the_rest_is_said(
    invoke: Invoke,
) -> None:
    done = invoke("--home", "/proc/x", "--json")
    found = findings(done)
    assert done.exit_code == 41
    assert found["fsync"]["verdict"] == "FAIL"
    assert found["fsync"]["fix"]
    assert "node" in found


def test_a_fix_is_not_said_twice(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[rpc]\nlisten = "nowhere"\n')
    done = invoke("--home", str(tmp_path))
    fix = next(line for line in done.stdout.splitlines() if "fix: correct rpc.listen" in line)
    assert fix.strip().removeprefix("fix: ") not in done.stderr


def test_an_address_that_is_none_is_not_a_node_that_sleeps(invoke: Invoke) -> None:
    found = findings(invoke("--json", "--rpc", "x:y"))
    assert found["node"]["verdict"] == "FAIL"
    assert "http://" in found["node"]["fix"]


def test_what_answers_and_is_no_node_is_pointed_at(invoke: Invoke) -> None:
    with serving(ScriptedNode(raw=b"hello")) as other:
        found = findings(invoke("--json", "--rpc", other.url))
    assert found["node"]["verdict"] == "WARN"
    assert "--rpc" in found["node"]["fix"]


def test_a_misspelt_variable_fails(invoke: Invoke) -> None:
    done = invoke("--json", AICHAIN_RPC__LISTN="x")
    assert done.exit_code == 41
    assert "AICHAIN_RPC__LISTEN" in findings(done)["settings"]["fix"]
