"""Which signatures a transaction or a block stands on; somebody else checks them."""

from collections.abc import Container, Sequence

from genesis.units import address_of_key, format_address
from native.errors import InvalidSignature
from native.signatures import SignatureItem, algorithm_of
from vm.blocks import Block
from vm.errors import KeyAlgorithmMismatch, KeyNotRevealed, PossessionUnproved
from vm.records import public_key_key
from vm.state import StateReader
from vm.transactions import (
    POSSESSION_CONTEXT,
    TRANSACTION_CONTEXT,
    RegisterValidator,
    SignedTransaction,
    possession_message,
)


def transaction_witnesses(
    keys: StateReader, signed: SignedTransaction
) -> tuple[SignatureItem, ...]:
    """The signatures of one transaction; the sender's key comes with it or from the state."""
    sender = signed.transaction.sender
    public_key = signed.public_key or keys.get(public_key_key(sender))
    if public_key is None:
        raise KeyNotRevealed(sender)
    return _items(signed, public_key)


def require_verified(signed: SignedTransaction, verdicts: Sequence[bool]) -> None:
    """Raise InvalidSignature by the verdicts on `transaction_witnesses`, naming the bad one."""
    own, *possession = verdicts
    if not own:
        raise InvalidSignature(subject=f"transaction 0x{signed.id.hex()}")
    body = signed.transaction.body
    if isinstance(body, RegisterValidator) and not all(possession):
        raise PossessionUnproved(subject=format_address(address_of_key(body.public_key)))


def block_witnesses(
    state: StateReader, block: Block, verified: Container[bytes] = frozenset()
) -> tuple[tuple[SignatureItem, ...], ...]:
    """The signatures of each transaction of a block, () for those whose raw_hash is in `verified`.

    A key that an earlier transaction of the same block reveals counts. A verdict on a raw_hash
    holds in every state, because an address has one key.
    """
    revealed: dict[bytes, bytes] = {}
    witnesses: list[tuple[SignatureItem, ...]] = []
    for signed in block.transactions:
        sender = signed.transaction.sender
        if signed.public_key:
            revealed[sender] = signed.public_key
        if signed.raw_hash in verified:
            witnesses.append(())
        elif sender in revealed:
            witnesses.append(_items(signed, revealed[sender]))
        else:
            witnesses.append(transaction_witnesses(state, signed))
    return tuple(witnesses)


def _items(signed: SignedTransaction, public_key: bytes) -> tuple[SignatureItem, ...]:
    algorithm = algorithm_of(public_key)
    if algorithm is not signed.algorithm:
        raise KeyAlgorithmMismatch(expected=int(algorithm), given=int(signed.algorithm))
    own = SignatureItem(public_key, signed.id, TRANSACTION_CONTEXT, signed.signature)
    transaction, body = signed.transaction, signed.transaction.body
    if not isinstance(body, RegisterValidator):
        return (own,)
    message = possession_message(transaction.network_id, transaction.sender, body.public_key)
    return (
        own,
        SignatureItem(body.public_key, message, POSSESSION_CONTEXT, body.possession),
    )
