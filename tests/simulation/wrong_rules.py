"""Rules of the core, each as somebody could get it wrong: `mutants` puts them in place."""

import importlib
from dataclasses import replace
from typing import Any

from consensus.certificates import QuorumCertificate
from consensus.core import filters, finality, tally, voting
from consensus.core.state import State, ViewState
from consensus.core.tally import Tally
from consensus.core.turn import Turn
from consensus.electorate import Electorate
from consensus.evidence import ConflictingVotes
from consensus.instance import BlockRef, Instance
from consensus.memory import changed
from consensus.proposals import Proposal
from consensus.records import Record, record_view
from consensus.votes import SignedVote, VotePhase
from native.hashing import Hash32

core_step: Any = importlib.import_module("consensus.core.step")  # the name `step` is its function

HAS_NOTAR = voting.has_notar
FITS_PARENT = voting.fits_parent
SETTLE = core_step.settle
COUNT = tally.count
IS_WANTED = filters.is_wanted
WANTS_CERTIFICATE = filters.wants_certificate


# --- how much is enough, and who said it ----------------------------------------------------------


def half_is_enough(weight: int, total: int) -> bool:
    return 2 * weight >= total


def wanted_again(state: State, signed: SignedVote) -> bool:
    known = state.at(signed.vote.view).tally(signed.vote.phase).votes.get(signed.voter_index)
    return IS_WANTED(state, signed) or known == signed


def count_again(held: Tally, signed: SignedVote, electorate: Electorate) -> tally.Outcome:
    """A vote that comes twice weighs twice."""
    again = held.votes.get(signed.voter_index)
    if again is None or again.vote != signed.vote:
        return COUNT(held, signed, electorate)
    others = {index: vote for index, vote in held.votes.items() if index != signed.voter_index}
    return COUNT(Tally(others, held.weights), signed, electorate)


def wanted_from_any_instance(state: State, signed: SignedVote) -> bool:
    bound = replace(signed, vote=replace(signed.vote, instance_id=state.instance.id))
    return IS_WANTED(state, bound)


def wants_any_instance(state: State, certificate: QuorumCertificate) -> bool:
    return WANTS_CERTIFICATE(state, replace(certificate, instance_id=state.instance.id))


def no_quorum_needed(certificate: QuorumCertificate, electorate: Electorate) -> None:
    certificate.check_shape(len(electorate))


def legal_pair_accused(known: ViewState, phase: VotePhase) -> Tally | None:
    """PREFER and then CANCEL is allowed, and held against the voter all the same."""
    return {
        VotePhase.COMMIT: known.cancels,
        VotePhase.CANCEL: known.prefers,
        VotePhase.PREFER: known.cancels,
    }[phase]


# --- once per view --------------------------------------------------------------------------------


def commit_after_cancel(state: State, view: int) -> bool:
    return state.may_sign and view >= state.view and state.at(view).committed is None


def never_cancel(state: State) -> bool:
    return False


def prefer_again(state: State) -> bool:
    return state.may_sign and state.at(state.view).cancelled is None


def prefer_after_cancel(state: State) -> bool:
    return state.may_sign and state.at(state.view).preferred is None


def propose_again(state: State) -> bool:
    return state.may_sign and state.instance.proposer(state.view) == state.me


def sign_below_the_floor(state: State) -> bool:
    return state.me is not None and not state.abstain


# --- what a proposal rests on ---------------------------------------------------------------------


def any_parent(state: State, proposal: Proposal) -> bool:
    return (proposal.is_repeat and HAS_NOTAR(state, proposal)) or not proposal.is_repeat


def any_repeat(state: State, proposal: Proposal) -> bool:
    return proposal.is_repeat or HAS_NOTAR(state, proposal)


def no_nulls(state: State, low: int, high: int) -> bool:
    return True


def never_repeat(instance: Instance, block: BlockRef) -> bool:
    return False


def any_height(instance: Instance, block: BlockRef) -> bool:
    return True


def any_spacing(state: State, proposal: Proposal, parent: BlockRef) -> bool:
    block = proposal.block
    lenient = replace(block, timestamp_ms=parent.timestamp_ms + state.config.block_time_ms)
    return FITS_PARENT(state, replace(proposal, block=lenient), parent)


def any_future(state: State, block: BlockRef) -> int:
    return 0


def all_is_executed(state: State, block_id: Hash32) -> bool:
    return True


def rejected_is_executed(turn: Turn, block_id: Hash32) -> None:
    turn.state = changed(turn.state, executed=turn.state.executed | {block_id})
    core_step.go_on(turn)


# --- finality, catching up, recovery --------------------------------------------------------------


def final_without_ancestors(
    state: State, certificate: QuorumCertificate
) -> finality.Chain | finality.Incomplete:
    block = state.blocks.get(certificate.block_id)
    if block is None or block.id not in state.executed:
        return finality.Incomplete()
    return finality.Chain((block,))


def settle_on_notar(turn: Turn) -> None:
    """The next instance starts as soon as the last height is NOTAR."""
    state = turn.state
    for known in state.views.values():
        block = state.blocks.get(known.notarized) if known.notarized else None
        if block and block.id in state.executed and block.height == state.instance.last_height:
            turn.state = changed(state, final=block, final_certificate=known.certificates()[0])
            core_step.begin_epoch(turn)
            return
    SETTLE(turn)


def do_nothing(turn: Turn) -> None:
    pass


def record_of_any_instance(state: State, record: Record) -> bool:
    return record_view(record) > state.final_view


def nobody_suspected(*_: object) -> dict[int, SignedVote]:
    """Who signed a certificate is not compared with the votes that we were given."""
    return {}


def nothing_against(*_: object) -> list[ConflictingVotes]:
    """A vote is not compared with what its voter signed in a certificate."""
    return []
