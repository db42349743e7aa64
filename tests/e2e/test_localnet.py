"""Four `aichain run` processes: coins move, validators die and come back, a stranger joins."""

import json
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from aichain.cli.load import LoadPlan, run_load
from aichain.errors import ExitCode
from tests.e2e.networks import Network, aichain, full_node, local_network, wait_until
from tests.ports import free_port


def test_a_transfer_from_the_command_line_is_final_on_all_four(tmp_path: Path) -> None:
    with local_network(tmp_path / "net") as network:
        network.wait_for_height(0, 2)
        rpc = network.state.node(1).rpc_url
        sent = aichain(
            "tx", "send", "--from", "account:0", "--to", "account:1", "--amount", "2.5",
            "--wait", "--json", "--rpc", rpc,
        )  # fmt: skip
        tx_hash = json.loads(sent.stdout)["hash"]
        for index in range(4):
            wait_until(partial(_is_final, network, index, tx_hash), f"final on node {index}")
        heads = {network.block_hash(index, 2) for index in range(4)}
        assert len(heads) == 1


def test_a_killed_validator_loses_nothing_that_was_final(tmp_path: Path) -> None:
    with local_network(tmp_path / "net") as network:
        network.wait_for_height(0, 2)
        stop = threading.Event()
        urls = tuple(node.rpc_url for node in network.state.nodes[:3])
        plan = LoadPlan(urls, "testnet", rate=30, senders=30, seconds=20)
        reports = []
        load = threading.Thread(target=lambda: reports.append(run_load(plan, lambda _: None, stop)))
        load.start()
        try:
            for _ in range(2):
                begun = network.height(3)
                network.wait_for_height(3, begun + 4)
                before = network.height(3)
                hashes = {height: network.block_hash(3, height) for height in range(1, before + 1)}
                network.kill(3)
                network.wait_for_height(0, before + 4)
                network.start(3)
                network.wait_for_height(3, before + 6)
                for height, block_hash in hashes.items():
                    assert network.block_hash(3, height) == block_hash
                    assert network.block_hash(0, height) == block_hash
        finally:
            stop.set()
            load.join(60)
        (report,) = reports
        assert report.final > 0
        assert report.final == report.accepted


def test_without_a_quorum_nothing_is_final_and_with_it_all_goes_on(tmp_path: Path) -> None:
    with local_network(tmp_path / "net") as network:
        network.wait_for_height(0, 3)
        network.kill(3)
        alone = network.height(0)
        network.wait_for_height(0, alone + 3)  # one of four may be missing
        network.kill(2)
        with pytest.raises(AssertionError, match="not within"):
            network.wait_for_height(0, network.height(0) + 3, timeout_s=5.0)
        stalled = network.height(0)
        network.start(2)
        network.start(3)
        network.wait_until_up()
        for index in range(4):
            network.wait_for_height(index, stalled + 4)


def test_a_fifth_node_joins_late_syncs_and_answers_alike(tmp_path: Path) -> None:
    with local_network(tmp_path / "net") as network:
        network.wait_for_height(0, 20)
        with full_node(network, tmp_path / "joiner") as joiner:
            target = network.height(0) + 2
            wait_until(
                lambda: int(joiner.call("aichain_status")["height"]) >= target, "the joiner syncs"
            )
            for height in (1, 10, 20, target):
                assert joiner.call("aichain_getBlock", height)["hash"] == (
                    network.block_hash(0, height)
                )
            assert joiner.call("aichain_status")["validatorIndex"] is None


def test_a_damaged_database_is_refused_and_a_fresh_one_syncs(tmp_path: Path) -> None:
    with local_network(tmp_path / "net") as network:
        network.wait_for_height(3, 6)
        network.kill(3)
        chain = network.state.node(3).home / "data" / "chain"
        for manifest in (chain / "state").glob("MANIFEST-*"):
            manifest.write_bytes(manifest.read_bytes()[: manifest.stat().st_size // 2])
        refused = _run_in_foreground(network.state.node(3).home, str(network.state.genesis))
        assert refused.returncode == ExitCode.STORE_CORRUPT, refused.stderr
        assert "fix:" in refused.stderr
        shutil.rmtree(chain)
        missing = _run_in_foreground(network.state.node(3).home, str(network.state.genesis))
        assert missing.returncode == ExitCode.HOME_MISSING, missing.stderr
        assert "--sync-again" in missing.stderr
        network.start(3, options=["--sync-again"])
        network.wait_until_up()
        network.wait_for_height(3, network.height(0))
        assert network.block_hash(3, 5) == network.block_hash(0, 5)


def test_sigterm_is_a_clean_end(tmp_path: Path) -> None:
    listen, p2p = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    rpc = f"http://{listen}"
    with subprocess.Popen(
        [
            sys.executable, "-m", "aichain", "run", "--network", "devnet",
            "--home", str(tmp_path / "home"), "--rpc-listen", listen, "--p2p-listen", p2p,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        try:
            wait_until(
                lambda: aichain("query", "status", "--rpc", rpc, check=False).returncode == 0,
                "it runs",
            )
            process.terminate()
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == ExitCode.OK, errors
    assert "Traceback" not in errors


def _is_final(network: Network, index: int, tx_hash: str) -> bool:
    return bool(network.call(index, "aichain_getTransaction", tx_hash)["status"] == "final")


def _run_in_foreground(home: Path, genesis: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, "-m", "aichain", "run", "--network", genesis, "--home", str(home),
            "--founder", "3", "--rpc-listen", "127.0.0.1:27890",
            "--p2p-listen", "127.0.0.1:27891",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
