"""Public keys that the chain has: no block shows them again, so they are left out on the way in.

Neither the id nor the signature covers the key, so whoever passes a transaction on could add it,
and its sender would pay for 1,952 bytes more; or give everybody another copy, and no block could
be put together from a list of ids.
"""

from collections.abc import Iterable

from genesis.units import Address
from vm.draft import Draft
from vm.records import public_key_key
from vm.state import State
from vm.transactions import SignedTransaction, without_key


def without_spare_key(state: State, signed: SignedTransaction) -> SignedTransaction:
    """A transaction as the next block may hold it, unless another one in it shows the key first."""
    if not _may_be_charged_for(signed):
        return signed
    return _fitting(signed, state.get(public_key_key(signed.transaction.sender)))


def as_charged(draft: Draft, signed: SignedTransaction) -> SignedTransaction:
    """A transaction as it may stand here in the block of this draft."""
    if not _may_be_charged_for(signed):
        return signed
    return _fitting(signed, draft.record(public_key_key(signed.transaction.sender)))


def as_built(
    parent: State, transactions: Iterable[SignedTransaction]
) -> tuple[SignedTransaction, ...]:
    """The transactions of a valid child of `parent`, each with the witness that it has there."""
    shown: dict[Address, bytes] = {}
    body: list[SignedTransaction] = []
    for signed in transactions:
        if _may_be_charged_for(signed):
            sender = signed.transaction.sender
            known = shown.get(sender) or parent.get(public_key_key(sender))
            shown.setdefault(sender, signed.public_key)
            body.append(_fitting(signed, known))
        else:
            body.append(signed)
    return tuple(body)


def _may_be_charged_for(signed: SignedTransaction) -> bool:
    """System transactions cost nobody anything, and none of them reveals a key."""
    return bool(signed.public_key) and not signed.transaction.is_system


def _fitting(signed: SignedTransaction, known: bytes | None) -> SignedTransaction:
    """Another key of the same address is left where it is: under the known one it is no witness."""
    return without_key(signed) if signed.public_key == known else signed
