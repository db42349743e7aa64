"""Transactions before they are signed: where the sender stands, what it will cost, how long it is
good for. Pure: what a node said is a value here."""

from dataclasses import dataclass
from typing import Final

from genesis.units import Address
from native.signatures import Algorithm
from vm.bodies import Body, Transfer
from vm.transactions import Transaction, envelope_weight

VALID_BLOCKS: Final = 1_200
"""Ten minutes: a transaction that is stuck for longer should be forgotten."""
FEE_ROOM: Final = 16
"""How far the base fee may rise before a waiting transaction no longer pays for itself."""
HEAVIEST: Final = Algorithm.ML_DSA_87


@dataclass(frozen=True, slots=True)
class Sender:
    """Where an account stands on its chain: all that a transaction of it has to know."""

    address: Address
    network: str
    network_id: int
    height: int
    """The last final one."""
    base_fee: int
    """Of a unit of weight, in 10^-18 AI."""
    creation_fee: int
    """What a transfer to an address without an account burns besides."""
    nonce: int
    """The next free one, pending transactions counted."""
    algorithm: Algorithm | None
    """Of the key that it has shown; None before its first transaction, which has to show it."""

    @property
    def must_reveal(self) -> bool:
        return self.algorithm is None


@dataclass(frozen=True, slots=True)
class FeeEstimate:
    """What a transaction would burn in the next block, in 10^-18 AI."""

    weight: int
    base_fee: int
    creation_fee: int
    """Burned besides where a transfer opens an account; zero for other transactions."""

    @property
    def fee(self) -> int:
        return self.weight * self.base_fee

    @property
    def fee_max(self) -> int:
        """What to allow, so that it stays good while the price rises."""
        return self.creation_fee + FEE_ROOM * self.fee


def draft(
    sender: Sender,
    body: Body,
    *,
    fee_max: int | None = None,
    tip: int = 0,
    valid_blocks: int = VALID_BLOCKS,
    algorithm: Algorithm | None = None,
) -> Transaction:
    """The sender's next transaction; InvalidTransaction where its fields break a rule.

    Without `fee_max` it is `estimate(...).fee_max`. `tip` is the proposer's, `algorithm` that of
    the key which will sign, where the account has not shown it.
    """
    unpriced = Transaction(
        network_id=sender.network_id,
        sender=sender.address,
        nonce=sender.nonce,
        fee_max=0 if fee_max is None else fee_max,
        tip=tip,
        valid_until=sender.height + valid_blocks,
        body=body,
    )
    if fee_max is not None:
        return unpriced
    return draft(
        sender,
        body,
        fee_max=_estimate(sender, unpriced, algorithm).fee_max,
        tip=tip,
        valid_blocks=valid_blocks,
    )


def estimate(sender: Sender, body: Body, algorithm: Algorithm | None = None) -> FeeEstimate:
    """What the sender's next transaction with this body costs; of an unknown key the dearest."""
    return _estimate(sender, draft(sender, body, fee_max=0), algorithm)


def _estimate(sender: Sender, transaction: Transaction, algorithm: Algorithm | None) -> FeeEstimate:
    signs = sender.algorithm or algorithm or HEAVIEST
    opens = isinstance(transaction.body, Transfer)
    return FeeEstimate(
        weight=envelope_weight(transaction, signs, reveal=sender.must_reveal),
        base_fee=sender.base_fee,
        creation_fee=sender.creation_fee if opens else 0,
    )
