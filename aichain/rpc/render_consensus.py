"""The consensus core, its voters and its proofs as JSON of `aichain_*`: weights are strings."""

from typing import assert_never

from aichain.rpc.backend import Uptime
from aichain.rpc.render import Json, show_bytes
from consensus.core.hearing import is_silent
from consensus.core.state import State, ViewState
from consensus.core.tally import Tally
from consensus.core.timing import cancel_at_ms, first_retry_ms
from consensus.core.voting import tip
from consensus.electorate import SCHEDULE_SLOTS, Electorate
from consensus.evidence import (
    ConflictingProposals,
    ConflictingVotes,
    Evidence,
    SignedClaim,
    decode_evidence,
)
from consensus.instance import BlockRef
from consensus.quorum import quorum_weight
from consensus.votes import SignedVote, VotePhase
from genesis.units import format_address
from genesis.validators import ValidatorSet
from native.codec import decode
from native.hashing import ZERO_HASH, Hash32, blake3_256

_EVIDENCE_ITEMS = 16


def show_core(state: State, *, views: int) -> Json:
    """Where the core stands: the present view first, then the open ones below it."""
    electorate = state.instance.electorate
    below = sorted((view for view in state.views if view < state.view), reverse=True)
    return {
        "epoch": state.epoch,
        "instanceId": show_bytes(state.instance.id),
        "view": state.view,
        "proposer": _member(electorate, state.instance.proposer(state.view)),
        "enteredMs": state.entered_ms,
        "failedViews": state.fails,
        "timers": _timers(state),
        "started": state.started,
        "halted": state.halted,
        "validatorIndex": state.me,
        "signs": state.may_sign,
        "signsAbove": {"epoch": state.floor[0], "view": state.floor[1]},
        "final": _block(state.final) | {"finalView": state.final_view},
        "tip": _tip(state),
        "quorum": str(quorum_weight(electorate.total)),
        "totalWeight": str(electorate.total),
        "views": [_view(state, view) for view in (state.view, *below[: views - 1])],
        "openViews": max(0, state.view - state.final_view - 1),
        "heard": [
            _member(electorate, index)
            | {"view": state.heard.get(index), "silent": is_silent(state, index)}
            for index in range(len(electorate))
        ],
    }


def _timers(state: State) -> Json | None:
    """When this view is given up and said again at the earliest; null where the tip is not known.

    They are computed as the core does: what was set earlier in the view may still be running.
    """
    found = tip(state)
    block = state.blocks.get(found.block_id) if found is not None else None
    if block is None:
        return None
    return {
        "proposalMs": max(state.entered_ms, block.timestamp_ms + state.config.block_time_ms),
        "cancelMs": cancel_at_ms(state, block.timestamp_ms),
        "repeatMs": first_retry_ms(state, block.timestamp_ms),
    }


def _tip(state: State) -> Json | None:
    """What the next proposal has to rest on; null where a certificate of a view is missing."""
    found = tip(state)
    if found is None:
        return None
    block = state.blocks.get(found.block_id)
    return {
        "view": found.view,
        "hash": show_bytes(found.block_id),
        "height": None if block is None else block.height,
    }


def _block(block: BlockRef) -> Json:
    return {"height": block.height, "hash": show_bytes(block.id), "view": block.view}


def _view(state: State, view: int) -> Json:
    known, electorate = state.at(view), state.instance.electorate
    return {
        "view": view,
        "proposer": state.instance.proposer(view),
        "proposals": [show_bytes(each.proposal.block.id) for each in known.proposals],
        "mine": _own(known),
        "votes": {
            phase.name.lower(): _tally(known.tally(phase), electorate) for phase in VotePhase
        },
        "certificates": {
            "notar": None if known.notar is None else show_bytes(known.notar.block_id),
            "final": None if known.final is None else show_bytes(known.final.block_id),
            "null": known.null is not None,
        },
    }


def _own(known: ViewState) -> Json:
    """What this node has decided to sign in a view; all of it is in its vote log."""
    return {
        "proposed": None if known.proposed is None else show_bytes(known.proposed.block.id),
        "prefer": None if known.preferred is None else show_bytes(known.preferred.block_id),
        "commit": None if known.committed is None else show_bytes(known.committed.block_id),
        "cancel": known.cancelled is not None,
    }


def _tally(tally: Tally, electorate: Electorate) -> list[Json]:
    """The weight behind each block, the heaviest first; a CANCEL names none."""
    voters: dict[Hash32, list[int]] = {}
    for index, signed in sorted(tally.votes.items()):
        voters.setdefault(signed.vote.block_id, []).append(index)
    weights = {
        block_id: sum(electorate.weights[index] for index in indices)
        for block_id, indices in voters.items()
    }
    return [
        {
            "hash": None if block_id == ZERO_HASH else show_bytes(block_id),
            "weight": str(weights[block_id]),
            "voters": voters[block_id],
        }
        for block_id in sorted(voters, key=lambda each: (-weights[each], each))
    ]


def show_committee(height: int, electorate: Electorate, *, first_view: int, views: int) -> Json:
    """The voters of a height's epoch, and whose turn each of the views from `first_view` is."""
    turns = electorate.schedule
    return {
        "height": height,
        "epoch": electorate.epoch,
        "vsetHash": show_bytes(electorate.vset_hash),
        "quorum": str(quorum_weight(electorate.total)),
        "totalWeight": str(electorate.total),
        "turnsInAll": SCHEDULE_SLOTS,
        "voters": [
            _member(electorate, index)
            | {"weight": str(electorate.weights[index]), "turns": turns.count(index)}
            for index in range(len(electorate))
        ],
        "schedule": [
            {"view": view} | _member(electorate, electorate.proposer(view))
            for view in range(first_view, first_view + views)
        ],
    }


def _member(electorate: Electorate, index: int) -> Json:
    return {"index": index, "address": format_address(electorate.members[index])}


def read_evidence(raw: bytes) -> Evidence:
    """Evidence that this node wrote itself."""
    return decode_evidence(decode(raw, max_bytes=len(raw), max_items=_EVIDENCE_ITEMS))


def show_evidence(raw: bytes, evidence: Evidence, validators: ValidatorSet | None) -> Json:
    """All of it: whoever has the offender's key can check it with nothing else."""
    offender = evidence.offender
    kind, instance_id, view, sides = _sides(evidence)
    return {
        "hash": show_bytes(blake3_256(raw)),
        "kind": kind,
        "epoch": evidence.epoch,
        "view": view,
        "instanceId": show_bytes(instance_id),
        "offender": offender,
        "offenderAddress": None
        if validators is None
        else format_address(validators[offender].address),
        "first": sides[0],
        "second": sides[1],
        "raw": show_bytes(raw),
    }


def _sides(evidence: Evidence) -> tuple[str, Hash32, int, tuple[Json, Json]]:
    match evidence:
        case ConflictingVotes(first, second):
            vote = first.vote
            return "votes", vote.instance_id, vote.view, (_vote_side(first), _vote_side(second))
        case ConflictingProposals(one, other):
            claim = one.claim
            sides = (_claim_side(one), _claim_side(other))
            return "proposals", claim.instance_id, claim.view, sides
        case _:
            assert_never(evidence)


def _vote_side(signed: SignedVote) -> Json:
    vote = signed.vote
    cancels = vote.phase is VotePhase.CANCEL
    return {
        "phase": vote.phase.name.lower(),
        "height": None if cancels else vote.height,
        "blockHash": None if cancels else show_bytes(vote.block_id),
        "signedMessage": show_bytes(vote.signing_bytes),
        "signature": show_bytes(signed.signature),
    }


def _claim_side(side: SignedClaim) -> Json:
    claim = side.claim
    return {
        "justifyView": claim.justify_view,
        "height": claim.height,
        "blockHash": show_bytes(claim.block_id),
        "signedMessage": show_bytes(claim.signing_bytes),
        "signature": show_bytes(side.signature),
    }


def show_uptime(uptime: Uptime) -> Json:
    return {
        "firstHeight": uptime.first_height,
        "lastHeight": uptime.last_height,
        "certificates": uptime.certificates,
        "validators": [
            {
                "address": format_address(each.address),
                "proposed": each.proposed,
                "missed": each.missed,
                "signed": each.signed,
                "certificates": each.certificates,
                "signedPermille": 1000 * each.signed // each.certificates
                if each.certificates
                else None,
            }
            for each in uptime.validators
        ],
    }
