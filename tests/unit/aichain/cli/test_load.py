"""The load generator against a scripted chain: counts, order, and what it does when refused."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.load import Load, LoadPlan, LoadReport, run_load
from aichain.cli.load_senders import FUNDS, IN_FLIGHT_MAX, Prepared, Sender, make_senders
from genesis.units import Address, format_address, parse_address
from tests.unit.aichain.cli.scripted_node import Refusal, ScriptedNode, serving
from vm.transactions import SignedTransaction, Transaction, Transfer, decode_transaction

Refuse: TypeAlias = Callable[[int, Transaction], Refusal | None]


class Chain:
    """Takes transactions as a node does, nonce by nonce, and makes a block whenever asked."""

    def __init__(self, refuse: Refuse = lambda count, transaction: None) -> None:
        self.lock = threading.Lock()
        self.refuse = refuse
        self.nonces: Counter[Address] = Counter()
        self.balances: defaultdict[Address, int] = defaultdict(int)
        self.revealed: set[Address] = set()
        self.pool: list[tuple[str, SignedTransaction]] = []
        self.blocks: list[list[str]] = [[]]
        self.finals: dict[str, int] = {}
        self.offered = 0
        self.node = ScriptedNode(
            {
                "aichain_status": self.status,
                "aichain_getAccount": self.account,
                "aichain_getBlock": self.block,
                "aichain_getTransaction": self.transaction,
                "aichain_sendTransaction": self.send,
            }
        )

    def status(self) -> dict[str, Any]:
        with self.lock:
            self.blocks.append([tx_hash for tx_hash, _ in self.pool])
            for tx_hash, signed in self.pool:
                self.finals[tx_hash] = len(self.blocks) - 1
                body = signed.transaction.body
                assert isinstance(body, Transfer)
                self.balances[body.to] += body.amount
                self.revealed.add(signed.transaction.sender)
            self.pool.clear()
            return {"network": "testnet", "chainId": 36964, "height": len(self.blocks) - 1}

    def account(self, address: str) -> dict[str, Any]:
        raw = parse_address(address)
        revealed = "ML_DSA_65" if raw in self.revealed else None
        return {
            "balance": str(self.balances[raw]),
            "pendingNonce": self.nonces[raw],
            "algorithm": revealed,
        }

    def block(self, height: int) -> dict[str, Any]:
        hashes = [{"kind": "transfer", "hash": tx_hash} for tx_hash in self.blocks[height]]
        now_ms = time.time_ns() // 1_000_000
        return {"height": height, "finalizedAtMs": now_ms, "transactions": hashes}

    def transaction(self, tx_hash: str) -> dict[str, Any]:
        self.status()
        return {"status": "final"} if tx_hash in self.finals else {"status": "pending"}

    def send(self, raw: str) -> str | Refusal:
        signed = decode_transaction(bytes.fromhex(raw[2:]))
        transaction = signed.transaction
        with self.lock:
            self.offered += 1
            refusal = self.refuse(self.offered, transaction)
            if refusal:
                return refusal
            if transaction.nonce != self.nonces[transaction.sender]:
                return Refusal(-32003, "NonceMismatch", "nonce_mismatch")
            if transaction.sender not in self.revealed and not signed.public_key:
                return Refusal(-32003, "KeyNotRevealed", "key_not_revealed")
            self.nonces[transaction.sender] += 1
            self.pool.append(("0x" + signed.id.hex(), signed))
            return "0x" + signed.id.hex()


def load(chain: Chain, **plan: Any) -> LoadReport:
    with serving(chain.node) as node:
        given: dict[str, Any] = {
            "urls": (node.url,),
            "network": "testnet",
            "rate": 80,
            "senders": 4,
        }
        return run_load(LoadPlan(**given | {"seconds": 0.5} | plan), say=lambda _: None)


def test_everything_accepted_becomes_final_once() -> None:
    chain = Chain()
    report = load(chain)
    assert 20 <= report.accepted <= 41
    assert report.final == report.accepted
    assert len(report.latencies_ms) == report.final
    assert report.refused == {}
    median, worst = report.latency_ms(50), report.latency_ms(99)
    assert median is not None
    assert worst is not None
    assert 0 <= median <= worst < 1000


def test_senders_are_funded_and_revealed_first() -> None:
    chain = Chain()
    load(chain)
    for sender in make_senders(4):
        assert sender.address in chain.revealed
        assert chain.balances[sender.address] >= FUNDS


def test_funded_senders_are_not_funded_again() -> None:
    chain = Chain()
    for sender in make_senders(4):
        chain.balances[sender.address] = FUNDS
        chain.revealed.add(sender.address)
    load(chain)
    assert all(chain.nonces[each.address] for each in make_senders(4))
    assert sum(chain.nonces.values()) == chain.offered


def test_what_a_full_pool_refuses_is_sent_again_in_order() -> None:
    full = Refusal(-32003, "MempoolFull", "mempool_full")
    chain = Chain(refuse=lambda count, _: full if count > 12 and count % 3 == 0 else None)
    report = load(chain)
    assert report.refused["mempool_full"] > 0
    assert report.refused["nonce_mismatch"] < report.accepted
    assert report.final == report.accepted > 10


def test_a_sender_whose_nonce_is_wrong_asks_again() -> None:
    senders = make_senders(4)
    chain = Chain()

    def spend_elsewhere(count: int, transaction: Transaction) -> None:
        if count == 20:
            chain.nonces[senders[0].address] += 1

    chain.refuse = spend_elsewhere
    report = load(chain)
    assert 0 < report.refused["nonce_mismatch"] < 40
    assert report.final == report.accepted > 10


def test_a_network_without_public_accounts_is_told_so() -> None:
    poor = Refusal(-32003, "SenderUnknown", "sender_unknown")
    with pytest.raises(CommandError) as caught:
        load(Chain(refuse=lambda *_: poor))
    assert caught.value.exit_code == CommandExit.REFUSED


def test_no_node_is_an_error() -> None:
    with pytest.raises(CommandError):
        Load(LoadPlan(urls=(), network="testnet", rate=1))


def test_a_sender_with_enough_in_flight_is_held_back() -> None:
    load_ = Load(LoadPlan(urls=("http://127.0.0.1:1",), network="testnet", rate=1, senders=1))
    (sender,) = load_.senders
    sender.in_flight.update({str(number): 0 for number in range(IN_FLIGHT_MAX)})
    batch: list[tuple[Sender, Prepared]] = []
    load_._next(sender, batch)
    assert (batch, load_.report.held_back) == ([], 1)


def test_signing_ahead_happens_before_the_clock_starts() -> None:
    chain = Chain()
    with serving(chain.node) as node:
        plan = LoadPlan((node.url,), "testnet", rate=10, senders=4, seconds=0.2, sign_ahead=40)
        load_ = Load(plan)
        load_.prepare()
    assert [len(sender.ready) for sender in load_.senders] == [10] * 4
    nonces = [transfer.nonce for transfer in load_.senders[0].ready]
    assert nonces == list(range(nonces[0], nonces[0] + 10))


def test_the_same_seed_gives_the_same_senders() -> None:
    assert [each.address for each in make_senders(3)] == [each.address for each in make_senders(3)]
    assert make_senders(1)[0].address != make_senders(1, b"other")[0].address
    senders = make_senders(3)
    assert [each.recipient for each in senders] == [
        senders[(index + 1) % 3].address for index in range(3)
    ]
    assert format_address(senders[0].address).startswith("0x")


def test_the_report_counts_rates_over_the_time_they_took() -> None:
    report = LoadReport(started_ms=1_000, ended_ms=3_000, accepted=30, final=20)
    report.last_final_ms = 5_000
    report.latencies_ms = [30, 10, 20]
    value = report.as_json()
    assert (value["acceptedPerSecond"], value["finalPerSecond"], value["notFinal"]) == (15, 5, 10)
    assert value["submitToFinalMs"] == {"p50": 20, "p90": 30, "p99": 30, "max": 30}
    assert LoadReport().as_json()["submitToFinalMs"]["p50"] is None
