"""What can become of a transaction that was sent. A failed one is final, too."""

from dataclasses import dataclass
from typing import TypeAlias

from aichain.rpc.results.transactions import Receipt, TransactionStatus


@dataclass(frozen=True, slots=True)
class Final:
    """It is in a final block, and did what it asked for."""

    hash: str
    height: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Failed:
    """It is in a final block, was charged, and had no other effect: `error` is the broken rule."""

    hash: str
    height: int
    receipt: Receipt
    error: str


@dataclass(frozen=True, slots=True)
class Expired:
    """No block took it up to `valid_until`, and none can any more: nothing was charged."""

    hash: str
    valid_until: int
    height: int
    """How far the chain was when that was found."""


Outcome: TypeAlias = Final | Failed | Expired


def outcome_of(status: TransactionStatus) -> Final | Failed | None:
    """None while it is not final."""
    receipt, height = status.receipt, status.height
    if receipt is None or height is None:
        return None
    match status.status:
        case "final":
            return Final(status.hash, height, receipt)
        case "failed":
            return Failed(status.hash, height, receipt, receipt.error or "")
        case _:
            return None
