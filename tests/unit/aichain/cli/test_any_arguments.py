"""Whatever stands on the command line: a result, or a cause, a fix and a documented exit code."""

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from aichain import keystore
from aichain.cli import COMMANDS, main
from aichain.cli.exit_codes import EXIT_CODES
from native.signatures import SigningKey
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving
from tests.unit.aichain.cli.whole_answers import whole

LEFT_OUT = ("run", "localnet", "doctor", "bench", "wallet")
"""They start nodes, look at the machine, measure it, or are another command's name."""
TEXTS = (
    *("", " ", "-", "--", "x", "0", "-1", "1.5", "nan", "inf", "9" * 30, "9" * 5_000, "1e400"),
    *("0x", "0x12", "0x" + "00" * 20, "0x" + "11" * 20, "0x" + "ab" * 32, "\udcff\udcfe"),
    *("account:0", "account:x", "account:" + "9" * 5_000, "founder:0", "\u00e4" * 65),
    *("x" * 300, "x" * 5_000, ".", "/dev/null", "/dev/full", "/proc/self/mem", "a\tb", "\x1b[31m"),
    *("devnet", "testnet", "mainnet", "latest", "44", "%s", "{0}", "12D3Koo", "Qm" + "a" * 44),
)
ENDLESS = ("watch",)
"""Options of commands that then go on until a signal comes."""
NAMES = ("empty", "junk", "folder", "loop", "good.key", "large", "gone/x")


HASH = "0x" + "ab" * 32
ANSWERS: dict[str, Any] = {
    "aichain_status": {
        "network": "testnet",
        "chainId": 36964,
        "height": 40,
        "baseFee": "1",
        "accountCreationFee": "1",
        "nodeId": "12D3KooWFuAU8PqmN2WcBfJnwnRVvKvX78CeDwxtpkPLKBqkHBkc",
    },
    "aichain_getAccount": {"exists": True},
    "aichain_getAccountHistory": {},
    "aichain_getRewards": {},
    "aichain_validators": {"registered": []},
    "aichain_supply": {},
    "aichain_consensusState": {"lanes": 1},
    "aichain_committee": {},
    "aichain_evidence": {},
    "aichain_validatorUptime": {},
    "aichain_getBlock": {},
    "aichain_getTransaction": {},
    "aichain_getProof": {},
    "aichain_peers": [],
    "aichain_mempool": {},
    "aichain_commit": None,
    "aichain_sendTransaction": HASH,
    "eth_getLogs": [],
}


def leaves() -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name in COMMANDS:
        command = COMMANDS[name].load()
        if name in LEFT_OUT:
            continue
        found |= leaves_of((name,), command)
    return found


def leaves_of(
    path: tuple[str, ...], command: click.Command
) -> dict[tuple[str, ...], click.Command]:
    if not isinstance(command, click.Group):
        return {path: command}
    found: dict[tuple[str, ...], click.Command] = {}
    for name, child in command.commands.items():
        found |= leaves_of((*path, name), child)
    return found


LEAVES = leaves()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keystore, "ARGON2_MEMORY_KIB", 64)
    monkeypatch.setattr("aichain.cli.bodies.DEFAULT_ONION_LENGTH", 8)
    monkeypatch.setattr("aichain.cli.genesis.DEFAULT_ONION_LENGTH", 8)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    Path("empty").touch()
    Path("junk").write_bytes(bytes(range(256)))
    Path("large").write_bytes(bytes(9 << 20))
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    (tmp_path / "aichain/keys").mkdir(parents=True)
    os.mkfifo(tmp_path / "aichain/keys/fifo.key")
    keystore.save_key(Path("good.key"), SigningKey.from_seed(bytes(32)), passphrase=None)
    return tmp_path


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode()) as node:
        node.answers |= {method: whole(method, answer) for method, answer in ANSWERS.items()}
        yield node


def arguments(command: click.Command, chance: random.Random) -> list[str]:
    """Most parameters, each with something; what has to be there mostly is."""
    given: list[str] = []
    for parameter in command.params:
        if parameter.name in ENDLESS or chance.random() < (0.1 if parameter.required else 0.6):
            continue
        value = chance.choice((*TEXTS, *NAMES, "5", "good.key"))
        if isinstance(parameter, click.Argument):
            given.append(value)
        elif isinstance(parameter, click.Option):
            flag = chance.choice(parameter.opts)
            given += [flag] if parameter.is_flag else [flag, value]
    return given


@pytest.mark.parametrize("path", sorted(LEAVES), ids=" ".join)
def test_no_arguments_end_in_a_traceback(
    path: tuple[str, ...], place: Path, node: ScriptedNode
) -> None:
    chance = random.Random(" ".join(path))
    environ = {"XDG_DATA_HOME": str(place), "AICHAIN_RPC_URL": node.url}
    environ["AICHAIN_PASSWORD_FILE"] = str(place / "work/good.key")
    for _ in range(15):
        given = [*path, *arguments(LEAVES[path], chance)]
        require_told(CliRunner(env=environ).invoke(main, given, input=""), given)


def require_told(done: Result, given: list[Any]) -> None:
    assert done.exception is None or isinstance(done.exception, SystemExit), (given, done.exc_info)
    assert done.exit_code in EXIT_CODES, given
    if done.exit_code:
        assert re.search(r"\Aerror: .+\nfix:   .+\n\Z", done.stderr, re.MULTILINE), (given, done)
        assert all(line.isprintable() for line in done.stderr.splitlines()), (given, done.stderr)
