"""Two of four run twice, one copy on each side: the homes that are left prove who it was."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from aichain.cli.exit_codes import CommandExit
from aichain.errors import ExitCode
from aichain.node.assemble import node_identity
from genesis.document import render_document
from genesis.networks import founder_key
from genesis.units import address_of_key, format_address
from tests.integration.nodes import cluster, until

TWINS = (2, 3)
COMMAND = [sys.executable, "-m", "aichain", "fork-proof"]


@dataclass(frozen=True)
class Homes:
    """What is left of a fork of a local network of four, after everybody has stopped."""

    root: Path

    def __getitem__(self, index: int) -> str:
        return str(self.root / f"node{index}")

    @property
    def network(self) -> str:
        return str(self.root / "genesis.toml")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], capture_output=True, text=True, timeout=120, cwd=self.root
        )

    def read(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    root = tmp_path_factory.mktemp("fork")

    async def story() -> None:
        async with cluster(root, 4) as net:
            (root / "genesis.toml").write_text(render_document(net.document))
            nodes = [await net.start(index) for index in range(4)]
            await until(lambda: all(node.height >= 2 for node in nodes))
            for index in TWINS:
                await nodes[index].stop()
                copy = root / f"node{index + 2}"
                shutil.copytree(root / f"node{index}", copy)
            far = [
                await net.start(at, founder=False, key=founder_key("testnet", at - 2))
                for at in (4, 5)
            ]
            side = [node_identity(each.node.config).peer_id for each in (nodes[1], *far)]
            net.hub.partition(side)
            near = [await net.start(index) for index in TWINS]
            here, there = (nodes[0], *near), (nodes[1], *far)
            forked = max(nodes[0].height, nodes[1].height) + 3
            await until(lambda: all(each.height >= forked for each in (*here, *there)), 60)

    trio.run(story)
    return Homes(root)


def test_both_homes_together_name_everybody(homes: Homes, tmp_path: Path) -> None:
    out = tmp_path / "fork.proof"
    found = homes.read("find", homes[0], homes[1], "--network", homes.network, "--out", str(out))
    assert found["convictedPercent"] == 50
    assert [each["validator"] for each in found["convicted"]] == list(TWINS)
    addresses = [
        format_address(address_of_key(founder_key("testnet", at).public_key)) for at in TWINS
    ]
    assert [each["address"] for each in found["convicted"]] == addresses
    verified = homes.read("verify", str(out), "--network", homes.network)
    assert verified == found


def test_operators_can_send_each_other_what_they_hold(homes: Homes, tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("left", "right")]
    for index, file in enumerate(files):
        done = homes.run("export", homes[index], "--network", homes.network, "--out", file)
        assert done.returncode == 0, done.stderr
    found = homes.read("find", *files, "--network", homes.network)
    assert [each["validator"] for each in found["convicted"]] == list(TWINS)
    mixed = homes.read("find", files[0], homes[1], "--network", homes.network)
    assert mixed["convictedPercent"] == found["convictedPercent"] == 50
    assert homes.run("find", *files).returncode == CommandExit.USAGE
    assert homes.run("find", *files, "--network", "testnet").returncode == CommandExit.OTHER_NETWORK


def test_one_side_alone_is_no_fork(homes: Homes) -> None:
    done = homes.run("find", homes[0], homes[2], "--network", homes.network)
    assert done.returncode == CommandExit.NO_FORK
    assert len(done.stderr.splitlines()) == 2
    assert homes.run("find", homes[0]).returncode == CommandExit.USAGE
    done = homes.run("find", homes[0], homes[0], "--network", homes.network)
    assert done.returncode == ExitCode.HOME_LOCKED


def test_a_proof_of_another_chain_or_of_nothing_is_refused(homes: Homes, tmp_path: Path) -> None:
    out = tmp_path / "fork.proof"
    homes.read("find", homes[0], homes[1], "--network", homes.network, "--out", str(out))
    done = homes.run("verify", str(out), "--network", "testnet")
    assert done.returncode == CommandExit.OTHER_NETWORK
    raw = bytearray(out.read_bytes())
    raw[-1] ^= 1  # of the last signature
    out.write_bytes(raw)
    done = homes.run("verify", str(out), "--network", homes.network)
    assert done.returncode == CommandExit.FORK_UNPROVEN
    out.write_bytes(b"no proof")
    done = homes.run("verify", str(out), "--network", homes.network)
    assert done.returncode == CommandExit.FORK_UNPROVEN
    assert len(done.stderr.splitlines()) == 2
