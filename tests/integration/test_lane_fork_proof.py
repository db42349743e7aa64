"""Two of four run twice, on a chain of two lanes: the homes prove who signed two checkpoints."""

import shutil
from pathlib import Path

import pytest

from aichain.cli.exit_codes import CommandExit
from aichain.errors import ExitCode
from aichain.node.assemble import node_identity
from genesis.document import render_document
from genesis.networks import founder_key
from tests.integration.lane_nodes import lane_cluster, lanes_of
from tests.integration.nodes import until
from tests.integration.test_fork_proof import TWINS, Homes
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    root = tmp_path_factory.mktemp("fork")

    async def program() -> None:
        async with lane_cluster(root, 4, machine=virtual_machine()) as net:
            (root / "genesis.toml").write_text(render_document(net.document))
            nodes = [await net.start(index, chain_is_new=True) for index in range(4)]
            await until(lambda: all(node.height >= 4 for node in nodes))
            for index in TWINS:
                await nodes[index].stop()
                shutil.copytree(root / f"node{index}", root / f"node{index + 2}")
            far = [
                await net.start(at, founder=False, key=founder_key("testnet", at - 2))
                for at in (4, 5)
            ]
            side = [node_identity(each.node.config).peer_id for each in (nodes[1], *far)]
            net.hub.partition(side)
            near = [await net.start(index) for index in TWINS]
            here, there = (nodes[0], *near), (nodes[1], *far)
            number = max(lanes_of(each).number for each in (nodes[0], nodes[1])) + 3
            await until(
                lambda: all(lanes_of(each).number >= number for each in (*here, *there)), 600
            )

    run_virtual(program, seed=5)
    return Homes(root)


def test_both_homes_together_name_everybody(homes: Homes, tmp_path: Path) -> None:
    out = tmp_path / "fork.proof"
    found = homes.read("find", homes[0], homes[1], "--network", homes.network, "--out", str(out))
    assert found["forkCheckpoint"] > 0
    assert found["convictedPercent"] == 50
    assert [each["validator"] for each in found["convicted"]] == list(TWINS)
    assert len({each["checkpoint"] for each in found["sides"]}) == 2
    assert homes.read("verify", str(out), "--network", homes.network) == found


def test_operators_can_send_each_other_what_they_hold(homes: Homes, tmp_path: Path) -> None:
    found = homes.read("find", homes[0], homes[1], "--network", homes.network)
    at = "--checkpoint", str(found["forkCheckpoint"])
    files = [str(tmp_path / name) for name in ("left", "right")]
    for index, file in enumerate(files):
        done = homes.run("export", homes[index], "--network", homes.network, "--out", file, *at)
        assert done.returncode == 0, done.stderr
    sent = homes.read("find", *files, "--network", homes.network)
    assert sent["sides"] == found["sides"]
    assert [each["validator"] for each in sent["convicted"]] == list(TWINS)


def test_one_side_alone_is_no_fork(homes: Homes) -> None:
    done = homes.run("find", homes[0], homes[2], "--network", homes.network)
    assert done.returncode == CommandExit.NO_FORK
    far = "--checkpoint", "1000000"
    done = homes.run("find", homes[0], homes[1], "--network", homes.network, *far)
    assert done.returncode == ExitCode.CONFIG
    assert "Traceback" not in done.stderr
