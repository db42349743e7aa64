"""`aichain run --network devnet` as a newcomer uses it: one process, coins, a clean end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from genesis.networks import packaged_document
from native.node_keys import peer_id_text
from tests.ports import free_port
from tests.unit.aichain.fleet.fleets import registry_of

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "aichain")
START_S = 30.0


@dataclass
class Devnet:
    """A running node and the command line next to it."""

    process: subprocess.Popen[str]
    url: str
    banner: str
    environ: dict[str, str]
    fleet: Path
    """A registry of this node alone, which is its own headquarters."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(self.environ, *arguments)

    def ask(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def run(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def surroundings(place: Path, url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AICHAIN_")}
    return kept | {
        "XDG_DATA_HOME": str(place / "data"),
        "TMPDIR": str(place),
        "AICHAIN_RPC_URL": url,
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    place = tmp_path_factory.mktemp("devnet")
    rpc, p2p = free_port(), free_port()
    environ = surroundings(place, f"http://127.0.0.1:{rpc}")
    registry = place / "fleet.json"
    founder = packaged_document("devnet").validators[0]
    member = {"rpc_url": environ["AICHAIN_RPC_URL"], "peer_id": peer_id_text(founder.peer_id)}
    registry.write_bytes(registry_of(member | {"role": "hq"}))
    fleet = {
        "AICHAIN_FLEET__HQ": environ["AICHAIN_RPC_URL"],
        "AICHAIN_FLEET__REGISTRY": str(registry),
    }
    log = place / "log"
    listen = ("--rpc-listen", f"127.0.0.1:{rpc}", "--p2p-listen", f"127.0.0.1:{p2p}")
    with log.open("w") as out:
        process = subprocess.Popen(
            [*PROGRAM, "run", "--network", "devnet", *listen],
            cwd=ROOT,
            env=environ | fleet,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        deadline = time.monotonic() + START_S
        while run(environ, "query", "block", "1").returncode != 0:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        url = environ["AICHAIN_RPC_URL"]
        yield Devnet(process, url, log.read_text(), environ, registry)
    finally:
        process.kill()
        process.wait()


def test_the_banner_says_where_everything_is(devnet: Devnet) -> None:
    assert f"RPC        {devnet.url}" in devnet.banner
    assert "removed when the node stops" in devnet.banner
    assert "account:7" in devnet.banner
    (key_file,) = [
        word for word in devnet.banner.split() if word.endswith("/accounts/account-3.key")
    ]
    shown = devnet.ask("keys", "show", key_file)
    assert shown["protected"] is False
    assert shown["address"] in devnet.banner


def test_the_node_sends_heartbeats_and_is_well(devnet: Devnet) -> None:
    deadline = time.monotonic() + START_S
    while True:
        (node,) = devnet.ask("node", "health", "--registry", str(devnet.fleet))["nodes"]
        if node["heartbeat"] is not None:
            break
        assert time.monotonic() < deadline
    assert (node["state"], node["reasons"]) == ("online", [])
    assert node["heartbeat"]["telemetry"]["host"]["memory_total_bytes"] > 0


def test_coins_move_and_the_fee_is_burned(devnet: Devnet) -> None:
    before = devnet.ask("query", "account", "account:1")
    supply = devnet.ask("query", "supply")
    sent = devnet.ask(
        *("tx", "send", "--from", "account:0", "--to", "account:1", "--amount", "1.5", "--wait")
    )
    assert sent["status"] == "final"
    after = devnet.ask("query", "account", "account:1")
    assert int(after["balance"]) - int(before["balance"]) == 15 * 10**17
    burned = int(devnet.ask("query", "supply")["burned"]) - int(supply["burned"])
    assert burned == int(sent["feeBurned"]) > 0
    view = devnet.ask("query", "tx", sent["hash"])
    assert (view["status"], view["height"]) == ("final", sent["height"])
    block = devnet.ask("query", "block", str(sent["height"]))
    assert sent["hash"] in [each["hash"] for each in block["transactions"]]


def test_a_key_of_ones_own_receives_and_spends(devnet: Devnet, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("tree\n")
    password = ("--password-file", str(tmp_path / "pw"))
    made = devnet.ask("keys", "new", "mine", *password)
    to_mine = ("--to", "mine", "--amount", "5", "--wait")
    assert devnet.ask("tx", "send", "--from", "account:2", *to_mine)["status"] == "final"
    back = ("--from", "mine", "--to", "account:2", "--amount", "1", "--wait")
    assert devnet.ask("tx", "send", *back, *password)["status"] == "final"
    account = devnet.ask("query", "account", made["address"])
    assert (account["nonce"], account["algorithm"]) == (1, "ML_DSA_65")


def test_a_validator_is_registered_and_staked(devnet: Devnet) -> None:
    sender = ("--from", "account:4", "--wait")
    peer = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
    registered = devnet.ask(
        "tx", "register-validator", "--stake", "3000", "--peer-id", peer, *sender
    )
    assert registered["status"] == "final"
    assert devnet.ask("tx", "stake", "--amount", "10", *sender)["status"] == "final"
    assert devnet.ask("tx", "unstake", "--amount", "10", *sender)["status"] == "final"
    account = devnet.ask("query", "account", "account:4")
    assert (account["staked"], account["isValidator"]) == (str(3000 * 10**18), True)
    (unbonding,) = account["unbonding"]
    assert unbonding["amount"] == str(10 * 10**18)
    early = devnet.run("tx", "withdraw", *sender)
    assert early.returncode in (5, 7)
    assert "nothing_to_withdraw" in early.stderr.lower() or "NothingToWithdraw" in early.stderr


def test_every_query_answers_people_and_programs(devnet: Devnet) -> None:
    for arguments in (
        ("status",),
        ("block", "latest"),
        ("block", "1"),
        ("account", "account:5"),
        ("account", "account:5", "--proof"),
        ("validators",),
        ("validators", "--height", "1"),
        ("supply",),
        ("peers",),
        ("mempool",),
        ("commit", "1"),
    ):
        assert devnet.ask("query", *arguments) is not None
        assert devnet.run("query", *arguments).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("query", "block", "999999"), 3),
        (("query", "tx", "0x" + "0" * 64), 3),
        (("query", "commit", "999999"), 3),
        (("query", "tx", "0x12"), 2),
        (("tx", "send", "--from", "nobody", "--to", "account:1", "--amount", "1"), 3),
        (("tx", "send", "--from", "founder:9", "--to", "account:1", "--amount", "1"), 5),
        (("tx", "send", "--from", "account:6", "--to", "account:1", "--amount", "99999999"), 5),
    ],
)
def test_errors_are_two_lines_with_a_code(
    devnet: Devnet, arguments: tuple[str, ...], code: int
) -> None:
    done = devnet.run(*arguments)
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert len(lines) <= 2
    assert "Traceback" not in done.stderr


def test_a_second_node_on_the_same_port_is_told_so(devnet: Devnet) -> None:
    done = run(devnet.environ, "run", "--network", "devnet", "--rpc-listen", devnet.url[7:])
    assert done.returncode == 31
    assert "is taken by another program" in done.stderr
    assert "--rpc-listen" in done.stderr


def test_doctor_finds_the_node(devnet: Devnet) -> None:
    done = devnet.run("doctor", "--rpc", devnet.url, "--json")
    (finding,) = [each for each in json.loads(done.stdout) if each["check"] == "node"]
    assert finding["detail"].startswith("devnet at height")


def test_mainnet_says_what_to_do(devnet: Devnet) -> None:
    done = devnet.run("run", "--network", "mainnet")
    assert done.returncode == 9
    assert "aichain genesis new" in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_when_told_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    process, url = started(tmp_path)
    environ = surroundings(tmp_path, url)
    deadline = time.monotonic() + START_S
    while run(environ, "query", "status").returncode != 0:
        assert time.monotonic() < deadline
    (home,) = tmp_path.glob("aichain-devnet-*")
    assert (home / "accounts" / "account-0.key").exists()
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    assert not home.exists()


def test_who_is_told_again_and_again_ends_no_worse(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("wb") as stderr:
        process, url = started(tmp_path, stderr)
    environ = surroundings(tmp_path, url)
    deadline = time.monotonic() + START_S
    while run(environ, "query", "status").returncode != 0:
        assert time.monotonic() < deadline
    deadline = time.monotonic() + START_S
    while process.poll() is None:  # up to its last moment
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
        assert time.monotonic() < deadline
    assert process.returncode == 0
    assert "Traceback" not in said.read_text()
    assert not list(tmp_path.glob("aichain-devnet-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("made", ["aichain-devnet-*", "aichain-devnet-*/data/signer"])
def test_told_while_it_starts_it_leaves_nothing_either(
    tmp_path: Path, number: signal.Signals, made: str
) -> None:
    process, _ = started(tmp_path)
    deadline = time.monotonic() + START_S
    while not list(tmp_path.glob(made)):
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(number)
    assert process.wait(timeout=20) == 0
    assert not list(tmp_path.glob("aichain-devnet-*"))


def test_a_devnet_that_cannot_start_leaves_nothing(tmp_path: Path, devnet: Devnet) -> None:
    environ = surroundings(tmp_path, devnet.url)
    for flag, address, code in (
        ("--rpc-listen", devnet.url[7:], 31),  # taken
        ("--p2p-listen", "0.0.0.0:3691", 10),  # its keys are public
    ):
        done = run(environ, "run", "--network", "devnet", flag, address)
        assert done.returncode == code
        assert not list(tmp_path.glob("aichain-devnet-*"))


def started(
    place: Path, stderr: int | IO[bytes] = subprocess.DEVNULL
) -> tuple[subprocess.Popen[bytes], str]:
    """A devnet whose temporary folder lies in `place`, and its URL."""
    rpc, p2p = free_port(), free_port()
    url = f"http://127.0.0.1:{rpc}"
    listen = ("--rpc-listen", f"127.0.0.1:{rpc}", "--p2p-listen", f"127.0.0.1:{p2p}")
    process = subprocess.Popen(
        [*PROGRAM, "run", "--network", "devnet", *listen],
        cwd=ROOT,
        env=surroundings(place, url),
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )
    return process, url


def test_a_python_without_assertions_runs_no_node() -> None:
    done = run({**os.environ, "PYTHONOPTIMIZE": "1"}, "run", "--network", "devnet")
    assert done.returncode == 10
    assert "without assertions" in done.stderr
    assert "PYTHONOPTIMIZE" in done.stderr


@pytest.mark.parametrize("stdout", ["/dev/full", "a pipe that nobody reads"])
def test_a_node_whose_words_go_nowhere_runs_all_the_same(tmp_path: Path, stdout: str) -> None:
    rpc, p2p = free_port(), free_port()
    environ = surroundings(tmp_path, f"http://127.0.0.1:{rpc}")
    listen = ("--rpc-listen", f"127.0.0.1:{rpc}", "--p2p-listen", f"127.0.0.1:{p2p}")
    if stdout == "/dev/full":
        out = os.open(stdout, os.O_WRONLY)
    else:
        reading, out = os.pipe()
        os.close(reading)
    process = subprocess.Popen(
        [*PROGRAM, "run", "--network", "devnet", "--log-file", "/dev/full", *listen],
        cwd=ROOT,
        env=environ,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        os.close(out)
        deadline = time.monotonic() + START_S
        while run(environ, "query", "block", "1").returncode != 0:
            assert process.poll() is None
            assert time.monotonic() < deadline
        process.terminate()
        _, said = process.communicate(timeout=START_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "cannot be shown" in said
    assert "Traceback" not in said
