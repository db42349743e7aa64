"""The consensus theatre: who sits in the committee, and the votes as this node hears them."""

from dataclasses import dataclass

from aichain.explorer.drawings import HALL_HEIGHT, HALL_WIDTH, Seat, hemicycle
from aichain.explorer.visit import Page, Visit
from aichain.rpc.methods.consensus import CoreQuery, get_consensus_state
from aichain.rpc.render.consensus import show_committee
from aichain.rpc.results.consensus import Committee, Core, LanesState, View
from consensus.core.state import State as CoreState
from consensus.lanes.state import Lanes
from genesis.limits import EXPLORER_TURNS, EXPLORER_VIEWS


@dataclass(frozen=True, slots=True)
class Stage:
    """One run of the protocol: of all validators, or of the seats of a term."""

    name: str
    about: str
    core: Core
    committee: Committee
    seats: tuple[Seat, ...]
    seen: "Seen"


@dataclass(frozen=True, slots=True)
class Seen:
    """Who voted in the present view and in which phase, when the page was made."""

    prefer: frozenset[int]
    commit: frozenset[int]
    cancel: frozenset[int]
    prefer_permille: int
    commit_permille: int


async def theatre(visit: Visit) -> Page:
    """A stage for each run; scripts move them, a table has the same without any."""
    context = visit.context
    state = await get_consensus_state(context, CoreQuery(views=EXPLORER_VIEWS))
    status = context.backend.status()
    return Page(
        template="theatre.html",
        title="Consensus",
        results={"aichain_consensusState": state},
        values={
            "state": state,
            "stages": _stages(context.backend.core(), state),
            "two_lanes": isinstance(state, LanesState),
            "hears_votes": status.validator_index is not None,
            "height": status.height,
            "hall": (HALL_WIDTH, HALL_HEIGHT),
            "block_time_ms": context.backend.head().document.consensus.block_time_ms,
        },
    )


def _stages(held: CoreState | Lanes, state: object) -> list[Stage]:
    """In the order in which a visitor reads them: what makes blocks final first."""
    if isinstance(held, Lanes):
        assert isinstance(state, LanesState), "the state that was shown is this one"
        stages = [
            _stage(
                "All validators", "They make checkpoints hard.", held.ballot.core, state.ballot.core
            )
        ]
        shown = {term.number: term for term in state.terms}
        for term in held.terms:
            if term.number in shown and term.is_open:
                about = (
                    f"Term {term.number}: its committee makes blocks fast, up to height "
                    f"{term.instance.last_height}."
                )
                stages.append(_stage("Committee", about, term.core, shown[term.number].core))
        return stages
    assert isinstance(state, Core), "with one lane there is one core"
    return [_stage("Committee", "All validators vote on every block.", held, state)]


def _stage(name: str, about: str, held: CoreState, core: Core) -> Stage:
    electorate = held.instance.electorate
    committee = show_committee(
        core.final.height + 1, electorate, first_view=max(1, core.view), views=EXPLORER_TURNS
    )
    return Stage(
        name=name,
        about=about,
        core=core,
        committee=committee,
        seats=hemicycle(len(electorate)),
        seen=_seen(core.views[0], electorate.weights, electorate.total),
    )


def _seen(view: View, weights: tuple[int, ...], total: int) -> Seen:
    prefer = frozenset(index for tally in view.votes.prefer for index in tally.voters)
    commit = frozenset(index for tally in view.votes.commit for index in tally.voters)
    return Seen(
        prefer=prefer,
        commit=commit,
        cancel=frozenset(index for tally in view.votes.cancel for index in tally.voters),
        prefer_permille=1000 * sum(weights[index] for index in prefer) // total,
        commit_permille=1000 * sum(weights[index] for index in commit) // total,
    )
