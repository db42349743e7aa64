"""Two of four validators lose their vote logs: the chain stands, says why, and has a way out."""

import json
import shutil
from pathlib import Path
from typing import Any

from aichain.cli.exit_codes import CommandExit
from tests.e2e.networks import Network, aichain, local_network, wait_until

LOST = (2, 3)


def status(network: Network) -> dict[str, Any]:
    folder = str(network.state.directory)
    value: dict[str, Any] = json.loads(
        aichain("localnet", "status", "--dir", folder, "--json").stdout
    )
    return value


def voting(network: Network, index: int) -> str:
    return str(network.call(index, "aichain_status")["voting"])


def is_stuck_on_probation(network: Network) -> bool:
    found = status(network)
    return found["stands"] and "on probation" in found["cause"]


def test_a_chain_that_lost_two_vote_logs_goes_on_when_they_are_vouched_for(tmp_path: Path) -> None:
    with local_network(tmp_path / "net") as network:
        folder = ("--dir", str(network.state.directory))
        network.wait_for_height(0, 3)
        for index in LOST:
            network.kill(index)
        for index in LOST:
            shutil.rmtree(network.state.node(index).home / "data" / "signer")
            network.start(index)
        network.wait_until_up()
        wait_until(lambda: is_stuck_on_probation(network), "it stands and says why")
        stood = network.height(0)
        assert [voting(network, index) for index in range(4)] == ["yes"] * 2 + ["probation"] * 2
        shown = aichain("localnet", "status", *folder).stdout
        assert "STANDING" in shown
        fix = f"localnet start 2 --vouch-for-vote-log {' '.join(folder)}"
        assert fix in shown
        assert network.height(0) == stood

        aichain("localnet", "kill", "2", *folder)
        aichain(*fix.split())
        for index in range(4):
            network.wait_for_height(index, stood + 4)
        assert voting(network, 2) == "yes"
        assert not status(network)["stands"]
        hashes = {network.block_hash(index, stood + 2) for index in range(4)}
        assert len(hashes) == 1, "one chain"

        aichain("localnet", "kill", "2", *folder)
        again = aichain(*fix.split(), check=False)
        assert again.returncode == CommandExit.LOCALNET
        assert "its vote log is not new" in again.stderr
        assert "without --vouch-for-vote-log" in again.stderr
