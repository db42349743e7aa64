"""The core that makes blocks final, and whether this node votes in it."""

from aichain.rpc.statuses import Voting
from consensus.core.state import State as CoreState
from consensus.lanes.records import settled_number
from consensus.lanes.state import Lanes


def hard_core(state: CoreState | Lanes) -> CoreState:
    """The one that makes blocks final: with two lanes that of the ballot."""
    return state.ballot.core if isinstance(state, Lanes) else state


def voting_of(state: CoreState | Lanes) -> Voting:
    """Whether this node votes, or why it is silent."""
    core = hard_core(state)
    if core.me is None:
        return Voting.NOT_VALIDATOR
    if isinstance(state, Lanes):
        if not state.abstain:
            return Voting.YES
        lost = settled_number(state.records) >= state.number
        return Voting.BEHIND_LOG if lost else Voting.PROBATION
    if core.abstain:
        return Voting.PROBATION
    return Voting.YES if core.may_sign else Voting.BEHIND_LOG
