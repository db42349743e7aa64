"""`aichain light tx`: where a transaction stands and what came of it, and a code for every lie."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from aichain.cli.exit_codes import CommandExit
from native.hashing import Hash32, derive_hash
from native.merkle import merkle_root, prove_leaf
from tests.builders_light import BLOCK_MS, GENESIS_MS, LightChain
from tests.unit.aichain.cli.light_liars import Lies, ServedChain
from vm.blocks import Header
from vm.receipts import Receipt, encode_receipt

PLACE = 5
"""The height of the block that holds the transactions."""
IDS = [derive_hash("aichain/test/ids", bytes([number])) for number in range(5)]
RECEIPTS = [
    encode_receipt(Receipt(tx_id, number != 3, "" if number != 3 else "not_jailed", 70, 9, ()))
    for number, tx_id in enumerate(IDS)
]


class PaidChain(LightChain):
    """Its block 5 holds five transactions, of which the fourth failed."""

    def _next(self) -> Header:
        header = super()._next()
        if header.height == PLACE:
            return replace(header, tx_root=merkle_root(IDS))
        if header.height == PLACE + 1:
            return replace(header, parent_receipts_root=merkle_root(RECEIPTS))
        return header


class PaidServer(ServedChain):
    def getTransactionProof(self, tx_id: str) -> Any:  # noqa: N802 the method's name
        raw = Hash32(bytes.fromhex(tx_id[2:]))
        return shown(IDS.index(raw)) if raw in IDS else None


def shown(index: int) -> dict[str, Any]:
    return {
        "hash": "0x" + IDS[index].hex(),
        "height": PLACE,
        "index": index,
        "count": len(IDS),
        "siblings": ["0x" + each.hex() for each in prove_leaf(IDS, index).siblings],
        "receipt": "0x" + RECEIPTS[index].hex(),
        "receiptSiblings": ["0x" + each.hex() for each in prove_leaf(RECEIPTS, index).siblings],
    }


class Clock:
    def now_ms(self) -> int:
        return GENESIS_MS + 40 * BLOCK_MS


Ask = Callable[..., Result]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask for a transaction of a chain that is so high, with a server that lies so."""

    def run(tx_id: Hash32, *, head: int = 9, lies: Lies | None = None) -> Result:
        chain = PaidChain.of(head)
        monkeypatch.setattr("aichain.cli.light.RpcClient", lambda _url: PaidServer(chain, lies))
        monkeypatch.setattr("aichain.cli.light.SystemClock", Clock)
        trust = f"2:0x{chain.headers[2].id.hex()}"
        given = ("--home", str(tmp_path), "--trust", trust, "--json")
        return CliRunner().invoke(main, ["light", *given, "tx", "0x" + tx_id.hex()])

    return run


@pytest.mark.parametrize("index", range(len(IDS)))
@pytest.mark.parametrize("head", [PLACE + 1, 9])
def test_a_transaction_is_shown_with_its_place_and_outcome(ask: Ask, index: int, head: int) -> None:
    done = ask(IDS[index], head=head)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["height"], found["index"]) == (PLACE, index)
    assert (found["ok"], found["error"]) == ((False, "not_jailed") if index == 3 else (True, None))
    assert (found["feeBurned"], found["tip"]) == ("70", "9")


def test_of_the_last_block_the_place_is_proved_and_the_outcome_not_yet(ask: Ask) -> None:
    found = json.loads(ask(IDS[1], head=PLACE).stdout)
    assert (found["height"], found["index"], found["ok"]) == (PLACE, 1, None)


def test_what_the_server_does_not_have_is_no_proof_that_there_is_none(ask: Ask) -> None:
    done = ask(derive_hash("aichain/test/ids", b"other"))
    assert done.exit_code == CommandExit.NOT_FOUND
    assert "no proof" in done.stderr


@pytest.mark.parametrize(
    "lie",
    [
        {"index": 2},
        {"count": 6},
        {"height": 4},
        {"siblings": []},
        {"receipt": shown(2)["receipt"]},
        {"receiptSiblings": shown(2)["receiptSiblings"]},
        shown(2),
        {"index": -1},
        {"count": True},
        {"siblings": ["0x00"]},
        {"siblings": ["0x" + "00" * 32] * 99},
        {"receipt": "0x" + "00" * 5_000},
        {"receipt": None},
    ],
)
def test_no_lie_about_a_transaction_is_believed(ask: Ask, lie: dict[str, Any]) -> None:
    done = ask(IDS[1], lies={"aichain_getTransactionProof": lambda answer: answer | lie})
    assert done.exit_code == CommandExit.NOT_PROVEN, done.output
