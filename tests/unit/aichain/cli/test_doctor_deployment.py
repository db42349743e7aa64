"""GPU, key files and peers: what is wrong with them is named with what to do."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aichain.cli.doctor_deployment import (
    check_gpu,
    check_index_server,
    check_key_files,
    check_peers,
    check_ports,
    judge_gpu,
)
from aichain.cli.findings import Verdict
from aichain.fleet.telemetry import Gpu, GpuSource
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving

H200 = Gpu("NVIDIA H200", None, None, None, None, None)


@pytest.mark.parametrize(
    ("gpus", "is_wanted", "has_library", "verdict", "told"),
    [
        ((), False, False, Verdict.OK, "none is seen"),
        ((), True, True, Verdict.WARN, "none is seen"),
        ((H200,), False, False, Verdict.OK, "NVIDIA H200 (by nvml), not used"),
        ((H200,), True, False, Verdict.FAIL, "not used"),
        ((H200,), True, True, Verdict.OK, "verifies"),
    ],
)
def test_a_gpu_is_needed_by_nobody_but_who_asks_for_it(
    gpus: Any, is_wanted: bool, has_library: bool, verdict: Verdict, told: str
) -> None:
    found = judge_gpu(GpuSource.NVML, gpus, is_wanted=is_wanted, has_library=has_library)
    assert found.verdict is verdict
    assert told in found.detail
    assert bool(found.fix) == (verdict is not Verdict.OK)


def test_this_machine_is_read() -> None:
    assert check_gpu().check == "gpu"


def test_key_files_that_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for path in (tmp_path / "node.key", tmp_path / "keys" / "validator.key"):
        path.touch(mode=0o600)
    fine = check_key_files([tmp_path, tmp_path / "none"])
    assert (fine.verdict, fine.detail) == (Verdict.OK, "2, each its owner's alone")
    path.chmod(0o640)
    found = check_key_files([tmp_path])
    assert found.verdict is Verdict.FAIL
    assert str(path) in found.detail
    assert "chmod 600" in found.fix


@pytest.mark.parametrize(
    ("peers", "validators", "verdict"),
    [(0, 1, Verdict.OK), (0, 4, Verdict.WARN), (1, 2, Verdict.OK), (2, 20, Verdict.OK)],
)
def test_peers_are_counted(peers: int, validators: int, verdict: Verdict) -> None:
    node = ScriptedNode(
        {
            "aichain_status": {"peers": peers},
            "aichain_validators": {"validators": [{}] * validators},
        }
    )
    with serving(node):
        found = check_peers(node.url)
    assert found.verdict is verdict, found.detail


def test_no_node_no_peers() -> None:
    assert check_peers("http://127.0.0.1:1").detail == "no node was asked"


def test_a_server_of_the_index_that_does_not_answer_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_index_server([tmp_path]).detail == "none is set"
    file = tmp_path / "config.toml"
    file.write_text('index = "full"\nindex_url = "postgresql://u:pa55w0rd@127.0.0.1:1/d"\n')
    file.chmod(0o600)
    found = check_index_server([tmp_path])
    assert found.verdict is Verdict.WARN
    assert "127.0.0.1" in found.detail
    assert "pg_hba.conf" in found.fix
    file.chmod(0o644)
    exposed = check_index_server([tmp_path])
    assert exposed.detail == f"others may read the password in {file}"
    assert "pa55w0rd" not in found.detail + found.fix + exposed.detail + exposed.fix
    file.write_text('index_url = "postgresql://u:pa55w0rd"\n')
    assert check_index_server([tmp_path]).verdict is Verdict.FAIL
    file.write_text("")
    monkeypatch.setenv("AICHAIN_INDEX_URL", "postgresql://127.0.0.1:1/d")
    assert check_index_server([]).verdict is Verdict.WARN


def test_ports_are_those_of_the_settings(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with listening() as rpc, listening() as p2p:
        (home / "config.toml").write_text(
            f'[rpc]\nlisten = "127.0.0.1:{rpc}"\n[p2p]\nlisten = "127.0.0.1:{p2p}"\n'
        )
        found = check_ports([home])
    assert (found.verdict, found.detail) == (
        Verdict.WARN,
        f"taken: 127.0.0.1:{rpc}, 127.0.0.1:{p2p}",
    )
    assert "rpc.listen" in found.fix
    fine = check_ports([home])
    assert (fine.verdict, fine.detail) == (
        Verdict.OK,
        f"127.0.0.1:{rpc}, 127.0.0.1:{p2p} free",
    )


def test_ports_of_a_node_that_runs_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(ScriptedNode({"aichain_status": {}})) as node, listening() as p2p:
        monkeypatch.setenv("AICHAIN_RPC__LISTEN", node.url.removeprefix("http://"))
        monkeypatch.setenv("AICHAIN_P2P__LISTEN", f"127.0.0.1:{p2p}")
        own, others = check_ports([]), check_ports([tmp_path])
    assert (own.verdict, "are a node's" in own.detail) == (Verdict.OK, True)
    assert others.verdict is Verdict.WARN, "no node runs in that home"


@contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
