"""A local network from the command line: four processes, faults, load, and a clean end."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aichain.cli import main
from aichain.cli.client import RpcClient
from aichain.cli.run_plan import is_taken
from aichain.config import Endpoint
from p2p.regions import Region, region_of, round_trip_ms

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "aichain", "localnet")


def free_base_port() -> int:
    """Room for four nodes that nothing else on this machine listens in."""
    for base in range(25_690, 32_000, 100):
        ports = [base + 10 * node + listener for node in range(4) for listener in (0, 1)]
        if not any(is_taken(Endpoint("127.0.0.1", port)) for port in ports):
            return base
    raise AssertionError("no free ports")


BASE_PORT = free_base_port()
WAIT_S = 30.0


def run(*arguments: object, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AICHAIN_")}
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def until(condition: Callable[[], bool], wait_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four validators in the background; one that survives the tests is killed at the end."""
    folder = tmp_path_factory.mktemp("localnet") / "net"
    done = run("up", "--detach", "--dir", folder, "--base-port", BASE_PORT)
    assert done.returncode == 0, done.stderr
    assert "Runs in the background" in done.stdout
    assert "account:0" in done.stdout
    yield folder
    run("down", "--dir", folder)


def status(net: Path) -> dict[str, Any]:
    """In this process: tests ask again and again until something is so."""
    unset = {name: None for name in os.environ if name.startswith("AICHAIN_")}
    given = ["localnet", "status", "--dir", str(net), "--json"]
    done = CliRunner().invoke(main, given, env=unset)
    assert done.exit_code == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def node(net: Path, index: int) -> dict[str, Any]:
    found: dict[str, Any] = status(net)["nodes"][index]
    return found


def height(net: Path) -> int:
    return max(each["height"] or 0 for each in status(net)["nodes"])


def is_level(net: Path, index: int) -> bool:
    """In one answer: between two of them the chain goes on."""
    heights = [each["height"] or 0 for each in status(net)["nodes"]]
    return heights[index] >= max(heights) - 1


def grows(net: Path) -> None:
    before = height(net)
    until(lambda: height(net) >= before + 3)


def test_four_validators_agree_and_sign(net: Path) -> None:
    until(lambda: height(net) >= 4)
    done = run("status", "--dir", net, "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert [each["voting"] for each in value["nodes"]] == ["yes"] * 4  # nobody is on probation
    assert [each["alive"] for each in value["nodes"]] == [True] * 4
    assert [each["peers"] for each in value["nodes"]] == [3] * 4
    assert sum(each["signedPercent"] for each in value["nodes"]) >= 4 * 69 - 1
    assert value["network"] == "testnet"
    assert 0 < value["finalityMs"] < 2000


def test_a_killed_validator_is_missed_and_comes_back(net: Path) -> None:
    assert run("kill", 3, "--dir", net).returncode == 0
    assert not node(net, 3)["alive"]
    assert run("kill", 3, "--dir", net).returncode == 40
    grows(net)
    assert run("start", 3, "--dir", net).returncode == 0
    assert run("start", 3, "--dir", net).returncode == 40
    until(lambda: is_level(net, 3))
    until(lambda: node(net, 3)["signedPercent"] > 0)


def test_a_cut_network_waits_and_goes_on_as_one_chain(net: Path) -> None:
    assert run("partition", "0,1", "--dir", net).returncode == 0
    assert status(net)["partition"] == [0, 1]
    time.sleep(1)
    before = height(net)
    time.sleep(3)
    assert height(net) <= before + 1
    assert run("heal", "--dir", net).returncode == 0
    assert status(net)["partition"] == []
    grows(net)
    until(lambda: len({each["height"] for each in status(net)["nodes"]} - {None}) <= 2)


def test_a_cut_right_after_a_start_is_whole(net: Path) -> None:
    assert run("kill", 3, "--dir", net).returncode == 0
    starting = subprocess.Popen([*PROGRAM, "start", "3", "--dir", net], stdout=subprocess.PIPE)
    until(lambda: bool(node(net, 3)["alive"]))
    cut = run("partition", "0,3", "--dir", net)
    assert cut.returncode == 0, cut.stderr
    starting.communicate(timeout=WAIT_S)
    assert status(net)["partition"] == [0, 3]
    time.sleep(1)
    before = height(net)
    until(lambda: bool(status(net)["stands"]))
    assert "cut in two" in status(net)["cause"]
    assert height(net) == before
    assert run("heal", "--dir", net).returncode == 0
    grows(net)
    assert not status(net)["stands"]


def test_commands_at_the_same_time_lose_no_node(net: Path) -> None:
    """Each writes the file whole; the last one must not write what it read before the others."""
    for verb in ("kill", "start"):
        pair = [
            subprocess.Popen(
                [*PROGRAM, verb, str(index), "--dir", net], cwd=ROOT, stdout=subprocess.DEVNULL
            )
            for index in (0, 1, 2)
        ]
        assert [process.wait(timeout=WAIT_S) for process in pair] == [0, 0, 0]
        expected = [verb == "start"] * 3
        assert [each["alive"] for each in status(net)["nodes"][:3]] == expected
    grows(net)


def test_regions_are_as_far_apart_as_the_table_says_also_after_a_restart(net: Path) -> None:
    done = run("regions", "on", "--dir", net)
    assert "0 Virginia, 1 Oregon, 2 Ireland, 3 Frankfurt" in done.stdout, done.stderr
    assert status(net)["regions"]
    assert [each["region"] for each in status(net)["nodes"]][3] == "Frankfurt"
    grows(net)
    for on in (True, False):
        if not on:
            assert "side by side" in run("regions", "off", "--dir", net).stdout
        assert run("kill", 3, "--dir", net).returncode == 0
        assert run("start", 3, "--dir", net).returncode == 0
        until(lambda: len(round_trips_ms(net, 3)) == 3)
        took = round_trips_ms(net, 3)
        far = [took_ms >= round_trip_ms(Region.FRANKFURT, at) for at, took_ms in took.items()]
        assert all(far) if on else not all(far), took
    assert not status(net)["regions"]
    grows(net)


def round_trips_ms(net: Path, index: int) -> dict[Region, int]:
    """What a node measured to each of the others, as soon as it has."""
    nodes = status(net)["nodes"]
    founders = [each["p2p"].rpartition("/")[2] for each in nodes]
    with RpcClient(nodes[index]["rpc"]) as client:
        peers = client.call("aichain_peers")
    return {
        region_of(founders.index(peer["peerId"])): peer["rttMs"] for peer in peers if peer["rttMs"]
    }


def test_transfers_under_load_become_final(net: Path) -> None:
    done = run("load", 20, "--for", 5, "--senders", 10, "--dir", net, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["accepted"] >= 80
    assert report["notFinal"] == 0
    assert report["refused"] == {}
    assert report["submitToFinalMs"]["p50"] < 3000


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("kill", 9), "there is no node 9"),
        (("partition", "0,x"), "is not a list of nodes"),
        (("up",), "runs in"),
    ],
)
def test_misuse_is_two_lines(net: Path, arguments: tuple[object, ...], cause: str) -> None:
    done = run(*arguments, "--dir", net)
    assert done.returncode in (2, 40)
    assert cause in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_second_network_on_the_same_ports_is_told_so(net: Path, tmp_path: Path) -> None:
    done = run("up", "--dir", tmp_path / "other", "--base-port", BASE_PORT)
    assert done.returncode == 31
    assert str(BASE_PORT) in done.stderr


def test_down_ends_everything_and_up_goes_on_from_there(net: Path) -> None:
    before = height(net)
    assert "stopped 4 nodes" in run("down", "--dir", net).stdout
    for port in range(BASE_PORT, BASE_PORT + 40, 10):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert run("status", "--dir", net).returncode == 40
    assert "nothing runs" in run("down", "--dir", net).stdout
    done = run("up", "--dir", net, "--base-port", BASE_PORT, "--for", 3)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("height ")]
    assert int(lines[0].split()[1]) >= before
    assert "stopping" in done.stdout


def test_a_folder_keeps_its_shape_unless_it_is_made_fresh(net: Path) -> None:
    done = run("up", "--dir", net, "--validators", 2, "--base-port", BASE_PORT)
    assert done.returncode == 40
    assert "--fresh" in done.stderr
    fresh = ("--fresh", "--validators", 1, "--network", "testnet", "--for", 1)
    done = run("up", "--dir", net, "--base-port", BASE_PORT, *fresh)
    assert done.returncode == 0, done.stderr
    assert "1 validators" in done.stdout
