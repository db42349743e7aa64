"""When Byzantine members do what: crimes in their turn, lies when asked, twins all the time."""

import random
from collections.abc import Callable, Mapping

from consensus.probation import Head
from tests.simulation import forgeries
from tests.simulation import proposer_crimes as proposers
from tests.simulation import voter_crimes as voters
from tests.simulation.forgeries import Forge
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.means import Arena, Means
from tests.simulation.messages import Request
from tests.simulation.scenario import fits

Crime = Callable[[Means, Inhabitant], bool]

ANYWHERE: Mapping[str, Crime] = {
    "two proposals for one view": proposers.equivocate,
    "wrong parent": proposers.wrong_parent,
    "stale parent": proposers.stale_parent,
    "early timestamp": proposers.stamp_early,
    "timestamp of the future": proposers.stamp_late,
    "invalid block": proposers.invalid_block,
    "block without body": proposers.withheld_block,
    "oversized block": proposers.oversized_block,
}
AT_THE_EDGE: Mapping[str, Crime] = {
    "block past the edge": proposers.past_the_edge,
    "sibling at the last height": proposers.sibling_at_last_height,
    "old block re-proposed": proposers.repeat_old_block,
    "un-notarized block re-proposed": proposers.repeat_unnotarized,
    "next instance before the edge is final": proposers.next_instance_early,
}
AS_VOTER: Mapping[str, Crime] = {
    "random vote": voters.random_vote,
    "support for everything": voters.support_everything,
    "vote split between halves": voters.split_vote,
    "vote for a block at another height": voters.vote_at_another_height,
    "vote with another epoch beside it": voters.vote_of_another_epoch,
    "proposal out of turn": proposers.out_of_turn,
    "vote in another's name": voters.forge_vote,
    "vote far ahead": voters.vote_far_ahead,
    "flood of far views": voters.flood,
    "vote of an old instance": voters.replay_instance,
}
FORGERIES: Mapping[str, Forge] = {
    "certificate over one signature": forgeries.over_one_signature,
    "certificate short of a quorum": forgeries.short_of_a_quorum,
    "certificate with one voter repeated": forgeries.with_repetition,
    "certificate of another instance": forgeries.of_another_instance,
}


def sent(forge: Forge) -> Crime:
    """A forgery becomes a crime when all get it."""

    def send(means: Means, node: Inhabitant) -> bool:
        certificate = forge(means, node)
        if certificate is not None:
            means.arena.broadcast(node, certificate)
        return certificate is not None

    return send


AS_FORGER: Mapping[str, Crime] = {name: sent(forge) for name, forge in FORGERIES.items()}
EVERY_CRIME = {**ANYWHERE, **AT_THE_EDGE, **AS_VOTER, **AS_FORGER}

LIES = (
    "lie to a request for certificates",
    "silence to a request for certificates",
    "lie about its head",
)
CRIMES = (*EVERY_CRIME, *LIES)

ABSURD = 10**9


class Criminal:
    """Acts for every evil node."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._means = Means(arena)
        scenario = arena.scenario
        rng = random.Random(f"favourites {scenario.seed}")
        names = scenario.favourites or rng.sample(list(EVERY_CRIME), 2)
        self._favourites = {name: EVERY_CRIME[name] for name in names}
        may_lie = fits(scenario.base_weights, scenario.byzantine, live=False)
        self._is_liar = rng.random() < 0.5 and may_lie  # beyond the bound no chain would begin

    def act(self, node: Inhabitant) -> None:
        """An evil node has entered a view, or one of its timers fired."""
        arena, state = self._arena, node.state
        if not node.is_evil or not node.is_up or state.me is None:
            return
        if state.instance.proposer(state.view) == state.me and arena.chance(0.7):
            if arena.chance(0.5):
                self._commit_one(node, self._favourites)
            elif self._means.at_last_height(node) is not None and arena.chance(0.6):
                self._commit_one(node, AT_THE_EDGE)
            else:
                self._commit_one(node, ANYWHERE)
        if arena.chance(0.3):
            self._commit_one(node, AS_FORGER if arena.chance(0.3) else AS_VOTER)

    def lies_to(self, node: Inhabitant, peer: str, request: Request) -> bool:
        """A request for certificates is not answered, or with what proves nothing."""
        arena = self._arena
        if not self._is_liar or not arena.chance(0.7):
            return False
        forge = list(FORGERIES.values())[arena.below(len(FORGERIES))]
        certificate = forge(self._means, node)
        if certificate is None:
            arena.fault("silence to a request for certificates")
        else:
            arena.fault("lie to a request for certificates")
            arena.answer(node, peer, certificate)
        return True

    def head(self, node: Inhabitant) -> Head:
        """Where an evil node says it stands; its first word stays, even if it reforms."""
        if not self._is_liar or node.member in self._arena.scenario.reformed:
            return node.head
        self._arena.fault("lie about its head")
        absurd = Head(ABSURD, ABSURD, ABSURD)
        return (Head(0, 0, 1), Head(1, 0, 1), absurd)[self._arena.below(3)]

    def _commit_one(self, node: Inhabitant, crimes: Mapping[str, Crime]) -> None:
        """Try a few crimes until one is possible."""
        names = list(crimes)
        for _ in range(3):
            name = names[self._arena.below(len(names))]
            if crimes[name](self._means, node):
                self._arena.fault(name)
                return
