"""Transactions for mempool tests: everything the pool looks at, and no real signature."""

from dataclasses import dataclass

from aichain.pending import HeadView, SenderAccount
from genesis.units import Address
from native.hashing import Hash32, blake3_256
from native.signatures import Algorithm
from vm.transactions import SignedTransaction, Transaction, Transfer, VerifiedTransaction

HEAD = HeadView(height=100, timestamp_ms=1_000_000, base_fee=10)
RICH = SenderAccount(nonce=0, balance=10**24)


@dataclass(frozen=True)
class Terms:
    """What a test may want to differ."""

    nonce: int = 0
    tip: int = 1_000
    fee_max: int = 10**9
    amount: int = 1
    valid_until: int = 5_000
    size_bytes: int = 3_500
    witness: bytes = b""


def address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


def make_transaction(sender: int, terms: Terms) -> VerifiedTransaction:
    """The same sender and terms give the same id; another witness gives another raw hash only."""
    transaction = Transaction(
        network_id=36999,
        sender=address(sender),
        nonce=terms.nonce,
        fee_max=terms.fee_max,
        tip=terms.tip,
        valid_until=terms.valid_until,
        body=Transfer(address(99_999), terms.amount),
    )
    tx_id = transaction.id
    raw = (tx_id + terms.witness).ljust(terms.size_bytes, b"\x01")
    signed = SignedTransaction(
        transaction, Algorithm.ML_DSA_65, b"", raw, Hash32(tx_id), blake3_256(raw)
    )
    return VerifiedTransaction(signed)
