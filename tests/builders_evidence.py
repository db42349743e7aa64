"""Builders of evidence of double signing: valid by default, one keyword breaks one rule."""

from dataclasses import replace
from typing import Any

from genesis.signed_bytes import InstanceName, Lane, VotePhase
from native.hashing import ZERO_HASH, Hash32
from native.signatures import SIGNATURE_BYTES, Algorithm, SigningKey
from tests.builders_vm import address, make_transaction, seal
from vm.state import State
from vm.system_bodies import (
    Claim,
    Claims,
    CloseClaim,
    Evidence,
    Participation,
    ProposalClaim,
    VoteClaim,
    context_of,
)
from vm.transactions import Transaction, VerifiedTransaction

BLANK = bytes(SIGNATURE_BYTES[Algorithm.ML_DSA_65])
ONE, OTHER = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)


def make_instance(state: State, epoch: int = 0, **changes: Any) -> InstanceName:
    """An instance of this chain; whether it ever ran does not matter."""
    fields: dict[str, Any] = {
        "genesis_hash": state.document.hash,
        "lane": Lane.HARD,
        "epoch": epoch,
        "vset_hash": state.document.validator_set.hash,
        "start_block_id": state.head.id,
        "term": 0,
    }
    return InstanceName(**(fields | changes))


def make_vote(
    phase: VotePhase = VotePhase.COMMIT, block_id: Hash32 = ONE, height: int = 3
) -> VoteClaim:
    if phase is VotePhase.CANCEL:
        return VoteClaim(phase, 0, ZERO_HASH, BLANK)
    return VoteClaim(phase, height, block_id, BLANK)


def make_proposal(block_id: Hash32 = ONE, justify_view: int = 1) -> ProposalClaim:
    return ProposalClaim(justify_view, 3, block_id, BLANK)


def make_close(tip_view: int = 2, tip_id: Hash32 = ONE) -> CloseClaim:
    return CloseClaim(tip_view, tip_id, BLANK)


VOTES: Claims = (make_vote(), make_vote(block_id=OTHER))
PROPOSALS: Claims = (make_proposal(), make_proposal(OTHER))
CLOSE: Claims = (make_close(), make_vote())


def make_evidence(
    state: State,
    offender: int = 1,
    *,
    claims: Claims = VOTES,
    view: int = 3,
    epoch: int = 0,
    **instance: Any,
) -> Evidence:
    """By default founder 1 has committed to two blocks of one view."""
    return Evidence(make_instance(state, epoch, **instance), view, address(offender), claims)


def signed_claims(evidence: Evidence, key: SigningKey) -> Evidence:
    """The same accusation with signatures of this key."""
    first, second = (
        _signed(claim, key.sign(message, context_of(claim)))
        for claim, message in zip(_claims(evidence), evidence.messages, strict=True)
    )
    claims: Any = (first, second)
    return Evidence(evidence.instance, evidence.view, evidence.offender, claims)


def make_participation(
    state: State, *places: int, epoch: int | None = None, view: int = 7
) -> Participation:
    """Blank votes of these members for the last epoch that ended."""
    blocks = state.document.consensus.epoch_blocks
    number = state.head.height // blocks - 1 if epoch is None else epoch
    known = state.epoch(number)
    bits = bytearray(-(-len(known.seats) // 8) if known else 1)
    for place in places:
        bits[place // 8] |= 1 << place % 8
    return Participation(number, view, bytes(bits), (BLANK,) * len(places))


def system(body: Evidence | Participation, *, sender: int = 2, **fields: Any) -> Transaction:
    """Free, and outside of the sender's nonces."""
    return make_transaction(body, sender=sender, **({"fee_max": 0, "tip": 0} | fields))


def report(body: Evidence | Participation, *, sender: int = 2) -> VerifiedTransaction:
    """As its sender's key would sign it."""
    return seal(system(body, sender=sender))


def _claims(evidence: Evidence) -> tuple[Claim, Claim]:
    return evidence.claims


def _signed(claim: Claim, signature: bytes) -> Claim:
    return replace(claim, signature=signature)
