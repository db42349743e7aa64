"""The consensus core, its voters and its proofs as results: weights are strings."""

from typing import assert_never

from msgspec import UNSET, UnsetType

from aichain.rpc.render.names import PHASES
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results import consensus as results
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


def show_core(state: State, *, views: int) -> results.Core:
    """Where the core stands: the present view first, then the open ones below it."""
    electorate = state.instance.electorate
    below = sorted((view for view in state.views if view < state.view), reverse=True)
    return results.Core(
        epoch=state.epoch,
        instance_id=show_bytes(state.instance.id),
        view=state.view,
        proposer=_member(electorate, state.instance.proposer(state.view)),
        entered_ms=state.entered_ms,
        failed_views=state.fails,
        timers=_timers(state),
        started=state.started,
        halted=state.halted,
        validator_index=state.me,
        signs=state.may_sign,
        signs_above=results.SignedUpTo(epoch=state.floor[0], view=state.floor[1]),
        final=_final(state.final, state.final_view),
        tip=_tip(state),
        quorum=str(quorum_weight(electorate.total)),
        total_weight=str(electorate.total),
        views=[_view(state, view) for view in (state.view, *below[: views - 1])],
        open_views=max(0, state.view - state.final_view - 1),
        heard=[_heard(state, index) for index in range(len(electorate))],
    )


def _timers(state: State) -> results.Timers | None:
    """When this view is given up and said again at the earliest; None where the tip is not known.

    They are computed as the core does: what was set earlier in the view may still be running.
    """
    found = tip(state)
    block = state.blocks.get(found.block_id) if found is not None else None
    if block is None:
        return None
    return results.Timers(
        proposal_ms=max(state.entered_ms, block.timestamp_ms + state.config.block_time_ms),
        cancel_ms=cancel_at_ms(state, block.timestamp_ms),
        repeat_ms=first_retry_ms(state, block.timestamp_ms),
    )


def _tip(state: State) -> results.Tip | None:
    """None where a certificate of a view is missing."""
    found = tip(state)
    if found is None:
        return None
    block = state.blocks.get(found.block_id)
    return results.Tip(
        view=found.view,
        hash=show_bytes(found.block_id),
        height=None if block is None else block.height,
    )


def _final(block: BlockRef, final_view: int) -> results.FinalBlock:
    return results.FinalBlock(
        height=block.height, hash=show_bytes(block.id), view=block.view, final_view=final_view
    )


def _heard(state: State, index: int) -> results.Heard:
    return results.Heard(
        index=index,
        address=format_address(state.instance.electorate.members[index]),
        view=state.heard.get(index),
        silent=is_silent(state, index),
    )


def _view(state: State, view: int) -> results.View:
    known, electorate = state.at(view), state.instance.electorate
    return results.View(
        view=view,
        proposer=state.instance.proposer(view),
        proposals=[show_bytes(each.proposal.block.id) for each in known.proposals],
        mine=_own(known),
        votes=results.Votes(
            prefer=_tally(known.tally(VotePhase.PREFER), electorate),
            commit=_tally(known.tally(VotePhase.COMMIT), electorate),
            cancel=_tally(known.tally(VotePhase.CANCEL), electorate),
        ),
        certificates=results.HeldCertificates(
            notar=None if known.notar is None else show_bytes(known.notar.block_id),
            final=None if known.final is None else show_bytes(known.final.block_id),
            null=known.null is not None,
        ),
    )


def _own(known: ViewState) -> results.OwnVotes:
    return results.OwnVotes(
        proposed=None if known.proposed is None else show_bytes(known.proposed.block.id),
        prefer=None if known.preferred is None else show_bytes(known.preferred.block_id),
        commit=None if known.committed is None else show_bytes(known.committed.block_id),
        cancel=known.cancelled is not None,
    )


def _tally(tally: Tally, electorate: Electorate) -> list[results.Tally]:
    """The heaviest first."""
    voters: dict[Hash32, list[int]] = {}
    for index, signed in sorted(tally.votes.items()):
        voters.setdefault(signed.vote.block_id, []).append(index)
    weights = {
        block_id: sum(electorate.weights[index] for index in indices)
        for block_id, indices in voters.items()
    }
    return [
        results.Tally(
            hash=None if block_id == ZERO_HASH else show_bytes(block_id),
            weight=str(weights[block_id]),
            voters=voters[block_id],
        )
        for block_id in sorted(voters, key=lambda each: (-weights[each], each))
    ]


def show_committee(
    height: int,
    electorate: Electorate,
    *,
    first_view: int,
    views: int,
    term: int | UnsetType = UNSET,
) -> results.Committee:
    """The voters of a height's epoch, and whose turn each of the views from `first_view` is."""
    turns, members = electorate.schedule, electorate.members
    proposers = {view: electorate.proposer(view) for view in range(first_view, first_view + views)}
    return results.Committee(
        height=height,
        epoch=electorate.epoch,
        vset_hash=show_bytes(electorate.vset_hash),
        quorum=str(quorum_weight(electorate.total)),
        total_weight=str(electorate.total),
        turns_in_all=SCHEDULE_SLOTS,
        voters=[
            results.Voter(
                index=index,
                address=format_address(members[index]),
                weight=str(electorate.weights[index]),
                turns=turns.count(index),
            )
            for index in range(len(electorate))
        ],
        schedule=[
            results.Turn(index=index, address=format_address(members[index]), view=view)
            for view, index in proposers.items()
        ],
        term=term,
    )


def _member(electorate: Electorate, index: int) -> results.Member:
    return results.Member(index=index, address=format_address(electorate.members[index]))


def read_evidence(raw: bytes) -> Evidence:
    """Evidence that this node wrote itself."""
    return decode_evidence(decode(raw, max_bytes=len(raw), max_items=_EVIDENCE_ITEMS))


def show_evidence(
    raw: bytes, evidence: Evidence, validators: ValidatorSet | None
) -> results.ConflictingVotes | results.ConflictingProposals:
    """All of it: whoever has the offender's key can check it with nothing else."""
    offender = evidence.offender
    address = None if validators is None else format_address(validators[offender].address)
    match evidence:
        case ConflictingVotes(first, second):
            return results.ConflictingVotes(
                hash=show_bytes(blake3_256(raw)),
                epoch=evidence.epoch,
                view=first.vote.view,
                instance_id=show_bytes(first.vote.instance_id),
                offender=offender,
                offender_address=address,
                raw=show_bytes(raw),
                first=_vote_side(first),
                second=_vote_side(second),
            )
        case ConflictingProposals(one, other):
            return results.ConflictingProposals(
                hash=show_bytes(blake3_256(raw)),
                epoch=evidence.epoch,
                view=one.claim.view,
                instance_id=show_bytes(one.claim.instance_id),
                offender=offender,
                offender_address=address,
                raw=show_bytes(raw),
                first=_claim_side(one),
                second=_claim_side(other),
            )
        case _:
            assert_never(evidence)


def _vote_side(signed: SignedVote) -> results.VoteSide:
    vote = signed.vote
    cancels = vote.phase is VotePhase.CANCEL
    return results.VoteSide(
        phase=PHASES[vote.phase],
        height=None if cancels else vote.height,
        block_hash=None if cancels else show_bytes(vote.block_id),
        signed_message=show_bytes(vote.signing_bytes),
        signature=show_bytes(signed.signature),
    )


def _claim_side(side: SignedClaim) -> results.ProposalSide:
    claim = side.claim
    return results.ProposalSide(
        justify_view=claim.justify_view,
        height=claim.height,
        block_hash=show_bytes(claim.block_id),
        signed_message=show_bytes(claim.signing_bytes),
        signature=show_bytes(side.signature),
    )
