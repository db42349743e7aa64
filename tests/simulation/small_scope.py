"""Every run of a small world over the real `step`: four members, one of them evil, a few views.

Three honest cores, and an adversary that owns the network, every proposer, and the fourth vote. In
every order it shows any of them any proposal, and any NOTAR or NULL that two honest votes and its
own make, or lets a timer fire. Each core is a table: its states and what an event makes of each,
so `step` runs once for a pair of them, and what is explored are triples of numbers.

Two things keep it small and leave nothing out. A proposal is shown when it gets a PREFER: shown
before, it would wait for the same moment. FINALs are not shown but counted: what a core learns from
one beside its NOTAR is that earlier views are over.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

from consensus.core import Event, State, step
from consensus.core.effects import CastVote, Timer, TimerName
from consensus.core.events import (
    BlockExecuted,
    CertificateAccepted,
    ProposalAccepted,
    Started,
    TimerFired,
)
from consensus.instance import BlockRef
from consensus.votes import Vote, VotePhase, cancel_vote
from native.hashing import Hash32
from tests.builders_consensus import (
    GENESIS,
    START_MS,
    make_block,
    make_certificate,
    make_proposal,
    make_state,
)

HONEST = 3
HONEST_VOTES_NEEDED = 2
LATER_MS = START_MS + 60_000

Local = tuple[int, int]
"""A core: the number of its state, and the votes it has cast, as bits."""


class Broken(Exception):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Scope:
    """How small the world is: views, rival blocks of view 1, and heights of an epoch."""

    views: int
    rivals: int
    epoch_blocks: int = 256


@dataclass(frozen=True)
class Move:
    """Something the adversary may do to a core."""

    events: tuple[Event, ...]
    need: int | None = None
    """The vote that two must have cast before; None: it always can."""
    is_proposal: bool = False


@dataclass
class Explorer:
    """Breadth first over all reachable triples, up to the order of the three."""

    scope: Scope
    blocks: list[BlockRef] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._table: dict[tuple[int, int], Local] = {}
        start = make_state(0, epoch_blocks=self.scope.epoch_blocks)
        self._start, _ = step(start, Started(START_MS))
        self._make_proposals()
        self._make_votes()
        self._make_timers()
        self._forbidden = list(self._contradictions())
        self._rivals = list(self._conflicting_commits())

    def explore(self) -> int:
        """How many triples there are; raises Broken."""
        first: Local = (self._number(self._start), 0)
        reached = {(first,) * HONEST}
        frontier = list(reached)
        while frontier:
            following = []
            for triple in frontier:
                for each in self._successors(triple):
                    if each not in reached:
                        reached.add(each)
                        following.append(each)
            frontier = following
        return len(reached)

    # --- the universe ---------------------------------------------------------------------------

    def _make_proposals(self) -> None:
        """In view 1 rivals on block 0; later one on each block before, and repetitions (R10)."""
        start, last = self._start, self._start.instance.last_height
        for view in range(1, self.scope.views + 1):
            for parent in (GENESIS, *self.blocks):
                for justify in [0] if parent is GENESIS else range(parent.view, view):
                    if parent.height == last:
                        self._add_proposal(parent, view, justify)
                        continue
                    for salt in range(self.scope.rivals if view == 1 else 1):
                        block = make_block(start, view, parent, parent_view=justify, salt=salt)
                        self._add_proposal(block, view, justify)

    def _add_proposal(self, block: BlockRef, view: int, justify: int) -> None:
        if block not in self.blocks:
            self.blocks.append(block)
        signed = make_proposal(self._start, block, view=view, justify_view=justify)
        arrives = ProposalAccepted(signed, LATER_MS)
        self.moves.append(Move((*self._bodies(block), arrives), is_proposal=True))

    def _make_votes(self) -> None:
        name = self._start.instance.id
        for view in range(1, self.scope.views + 1):
            for block in self.blocks:
                if block.view <= view:
                    subject = (view, block.height, block.id)
                    self._add_vote(Vote(name, VotePhase.PREFER, *subject), block)
                    self.votes.append(Vote(name, VotePhase.COMMIT, *subject))
            self._add_vote(cancel_vote(name, view), None)

    def _add_vote(self, vote: Vote, block: BlockRef | None) -> None:
        """A vote, and the certificate of it."""
        self.votes.append(vote)
        made = make_certificate(self._start, vote.phase, vote.view, block)
        bodies = () if block is None else self._bodies(block)
        shown = CertificateAccepted(made, LATER_MS)
        self.moves.append(Move((*bodies, shown), need=len(self.votes) - 1))

    def _make_timers(self) -> None:
        for view in range(1, self.scope.views + 1):
            self.moves.append(Move((TimerFired(Timer(TimerName.CANCEL, 0, view), LATER_MS),)))

    def _bodies(self, block: BlockRef) -> tuple[Event, ...]:
        """The block and its ancestors above block 0, oldest first."""
        return tuple(BlockExecuted(each, LATER_MS) for each in self._line(block))

    def _line(self, block: BlockRef) -> list[BlockRef]:
        by_id = {each.id: each for each in self.blocks}
        line = [block]
        while line[0].parent_id in by_id:
            line.insert(0, by_id[line[0].parent_id])
        return line

    # --- one core -------------------------------------------------------------------------------

    def _number(self, state: State) -> int:
        key = _key_of(state)
        if key not in self._numbers:
            self._numbers[key] = len(self.states)
            self.states.append(state)
        return self._numbers[key]

    def _after(self, number: int, move: int) -> Local:
        """The next state, and the votes cast on the way."""
        found = self._table.get((number, move))
        if found is None:
            state, cast = self.states[number], 0
            for each in self.moves[move].events:
                state, effects = step(state, each)
                assert state.halted is None, state.halted
                for effect in effects:
                    if isinstance(effect, CastVote) and effect.vote.view <= self.scope.views:
                        cast |= 1 << self.votes.index(effect.vote)
            if self.moves[move].is_proposal and not cast:
                found = number, 0
            else:
                found = self._number(state), cast
            self._table[number, move] = found
        return found

    # --- three of them --------------------------------------------------------------------------

    def _successors(self, triple: tuple[Local, ...]) -> Iterator[tuple[Local, ...]]:
        for at, (number, cast) in enumerate(triple):
            if at and triple[at - 1] == triple[at]:
                continue  # the same as the one before it
            for index, move in enumerate(self.moves):
                if move.need is not None and not _is_quorum(triple, move.need):
                    continue
                following, more = self._after(number, index)
                local = following, cast | more
                if local == triple[at]:
                    continue
                changed = (*triple[:at], local, *triple[at + 1 :])
                if more:
                    self._check(local, changed)
                yield tuple(sorted(changed))

    def _check(self, local: Local, triple: tuple[Local, ...]) -> None:
        """R7 for each core, and no two FINALs of which neither holds the other."""
        for one, other in self._forbidden:
            if local[1] >> one & 1 and local[1] >> other & 1:
                raise Broken(f"one core casts {self.votes[one]} and {self.votes[other]}")
        for one, other in self._rivals:
            if _is_quorum(triple, one) and _is_quorum(triple, other):
                raise Broken(f"FINAL of {self.votes[one]} and of {self.votes[other]}")

    def _contradictions(self) -> Iterator[tuple[int, int]]:
        """Votes that nobody honest casts together (R7)."""
        for (one, first), (other, second) in combinations(enumerate(self.votes), 2):
            phases = {first.phase, second.phase}
            is_pair = len(phases) == 1 or phases == {VotePhase.COMMIT, VotePhase.CANCEL}
            if first.view == second.view and is_pair:
                yield one, other

    def _conflicting_commits(self) -> Iterator[tuple[int, int]]:
        """COMMITs to blocks of which neither is an ancestor of the other."""
        chains: dict[Hash32, set[Hash32]] = {
            block.id: {each.id for each in self._line(block)} for block in self.blocks
        }
        commits = [
            (at, vote) for at, vote in enumerate(self.votes) if vote.phase is VotePhase.COMMIT
        ]
        for (one, first), (other, second) in combinations(commits, 2):
            is_ahead = first.block_id in chains[second.block_id]
            if not is_ahead and second.block_id not in chains[first.block_id]:
                yield one, other


def _is_quorum(triple: tuple[Local, ...], vote: int) -> bool:
    return sum(cast >> vote & 1 for _, cast in triple) >= HONEST_VOTES_NEEDED


def _key_of(state: State) -> object:
    """What decides what a core does next, but for times, bodies and who was heard."""
    views = tuple(
        (
            view,
            known.notar and known.notar.block_id,
            known.null is not None,
            known.preferred and known.preferred.block_id,
            known.committed and known.committed.block_id,
            known.cancelled is not None,
        )
        for view, known in sorted(state.views.items())
    )
    return state.epoch, state.view, views
