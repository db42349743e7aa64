"""Which signatures a transaction or a block stands on; somebody else checks them."""

from collections.abc import Container, Sequence

from genesis.signed_bytes import VOTE_CONTEXT
from genesis.units import address_of_key, format_address
from native.errors import InvalidSignature
from native.signatures import SignatureItem, algorithm_of
from vm.anchors import anchor_message, read_anchor, voters_named
from vm.blocks import Block
from vm.errors import (
    KeyAlgorithmMismatch,
    KeyNotRevealed,
    PossessionUnproved,
    ValidatorUnknown,
)
from vm.records import decode_validator, public_key_key, validator_key
from vm.state import State
from vm.system_bodies import Evidence, Participation, context_of
from vm.transactions import (
    POSSESSION_CONTEXT,
    TRANSACTION_CONTEXT,
    RegisterValidator,
    SignedTransaction,
    possession_message,
)


def transaction_witnesses(state: State, signed: SignedTransaction) -> tuple[SignatureItem, ...]:
    """The signatures of one transaction; the sender's key comes with it or from the state."""
    sender = signed.transaction.sender
    public_key = signed.public_key or state.get(public_key_key(sender))
    if public_key is None:
        raise KeyNotRevealed(sender)
    return _items(state, signed, public_key)


def require_verified(signed: SignedTransaction, verdicts: Sequence[bool]) -> None:
    """Raise InvalidSignature by the verdicts on `transaction_witnesses`, naming the bad one."""
    own, *inside = verdicts
    if not own:
        raise InvalidSignature(subject=f"transaction 0x{signed.id.hex()}")
    body = signed.transaction.body
    if all(inside):
        return
    if isinstance(body, RegisterValidator):
        raise PossessionUnproved(subject=format_address(address_of_key(body.public_key)))
    raise InvalidSignature(subject=f"what transaction 0x{signed.id.hex()} claims of others")


def block_witnesses(
    state: State, block: Block, verified: Container[bytes] = frozenset()
) -> tuple[tuple[SignatureItem, ...], ...]:
    """The signatures of each transaction of a block, () for those whose raw_hash is in `verified`.

    A key that an earlier transaction of the same block reveals counts. A verdict on a raw_hash
    holds in every state, because an address has one key; but not one on votes for an anchor, which
    the state names: system transactions are never skipped.
    """
    revealed: dict[bytes, bytes] = {}
    witnesses: list[tuple[SignatureItem, ...]] = []
    for signed in block.transactions:
        sender = signed.transaction.sender
        if signed.public_key:
            revealed[sender] = signed.public_key
        if signed.raw_hash in verified and not signed.transaction.is_system:
            witnesses.append(())
        elif sender in revealed:
            witnesses.append(_items(state, signed, revealed[sender]))
        else:
            witnesses.append(transaction_witnesses(state, signed))
    return tuple(witnesses)


def _items(state: State, signed: SignedTransaction, public_key: bytes) -> tuple[SignatureItem, ...]:
    algorithm = algorithm_of(public_key)
    if algorithm is not signed.algorithm:
        raise KeyAlgorithmMismatch(expected=int(algorithm), given=int(signed.algorithm))
    own = SignatureItem(public_key, signed.id, TRANSACTION_CONTEXT, signed.signature)
    transaction, body = signed.transaction, signed.transaction.body
    match body:
        case RegisterValidator():
            key, owner = body.public_key, transaction.sender
            message = possession_message(transaction.network_id, owner, key)
            return own, SignatureItem(key, message, POSSESSION_CONTEXT, body.possession)
        case Evidence():
            return own, *_accusation(state, body)
        case Participation():
            return own, *_votes(state, body)
        case _:
            return (own,)


def _accusation(state: State, evidence: Evidence) -> tuple[SignatureItem, ...]:
    """Both claims by the key of the accused."""
    raw = state.get(validator_key(evidence.offender))
    if raw is None:
        raise ValidatorUnknown(evidence.offender)
    key = decode_validator(raw).public_key
    first, second = evidence.claims
    message, other = evidence.messages
    return (
        SignatureItem(key, message, context_of(first), first.signature),
        SignatureItem(key, other, context_of(second), second.signature),
    )


def _votes(state: State, participation: Participation) -> tuple[SignatureItem, ...]:
    """Each vote for the anchor by the key of its voter."""
    anchor = read_anchor(state.get)
    epoch, places = voters_named(state, anchor, participation)
    message = anchor_message(state, anchor, epoch, participation)
    return tuple(
        SignatureItem(epoch.validators[place].public_key, message, VOTE_CONTEXT, signature)
        for place, signature in zip(places, participation.signatures, strict=True)
    )
