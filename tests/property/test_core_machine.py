"""One core in the hands of anybody: whatever comes in whatever order, across restarts."""

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consensus.core import Event, State, restore, step, voting
from consensus.core.effects import (
    CastProposal,
    CastVote,
    Effect,
    Finalize,
    PersistCertificate,
    Timer,
    TimerName,
)
from consensus.core.events import (
    BlockBuilt,
    BlockExecuted,
    CertificateAccepted,
    ProposalAccepted,
    Started,
    TimerFired,
    VoteAccepted,
)
from consensus.errors import DoubleSign
from consensus.guard import SignedSlots, is_repeat, may_cast
from consensus.instance import BlockRef
from consensus.records import CertificateSeen, HeightFinal, ProposalCast, Record, VoteCast
from consensus.votes import VotePhase
from genesis.limits import VIEWS_AHEAD_MAX
from tests.builders_consensus import (
    GENESIS,
    KNOWN_EPOCHS,
    START_MS,
    make_block,
    make_certificate,
    make_config,
    make_electorate,
    make_proposal,
    make_state,
    make_vote,
)
from tests.simulation.mutants import mutated

ME = 1
EPOCH_BLOCKS = 256
VOTERS = st.integers(0, 3)
BACK = st.sampled_from([0, 0, 0, 1, 2])
RIVALS = st.integers(0, 1)


class CoreInAnybodysHands(RuleBasedStateMachine):
    """What is final is one line, the log brings back what was signed, the guard never disagrees.

    Certificates are such as less than 38 % of evil weight leaves possible: one NOTAR a view, and
    no FINAL beside a NULL.
    """

    @initialize()
    def start(self) -> None:
        self.fresh = make_state(ME, epoch_blocks=EPOCH_BLOCKS)
        self.now_ms = START_MS
        self.state = self.fresh
        self.slots = SignedSlots()
        self.log: list[Record] = []
        self.durable: list[BlockRef] = []
        self.final: list[BlockRef] = [GENESIS]
        self.feed(Started(self.now_ms))

    # --- what may happen: mostly in the view we are in ------------------------------------------

    @rule(voter=VOTERS, phase=st.sampled_from(VotePhase), back=BACK, which=RIVALS)
    def vote(self, voter: int, phase: VotePhase, back: int, which: int) -> None:
        """COMMITs are for the tip only, so that no two FINALs exclude each other."""
        view, block = max(1, self.state.view - back), self.rival(which)
        if phase is VotePhase.COMMIT:
            return
        subject = None if phase is VotePhase.CANCEL else block
        view = view if subject is None else block.view
        self.feed(VoteAccepted(make_vote(self.fresh, voter, phase, view, subject), self.now_ms))

    @rule(which=RIVALS)
    def propose(self, which: int) -> None:
        self.feed(ProposalAccepted(make_proposal(self.fresh, self.rival(which)), self.now_ms))

    @rule(which=RIVALS)
    def execute(self, which: int) -> None:
        block = self.rival(which)
        if block.parent_id in self.state.executed:
            self.durable.append(block)
            self.feed(BlockExecuted(block, self.now_ms))

    @rule(back=BACK)
    def skip(self, back: int) -> None:
        view = max(self.state.final_view + 1, self.state.view - back)
        null = make_certificate(self.fresh, VotePhase.CANCEL, view)
        self.feed(CertificateAccepted(null, self.now_ms))

    @rule(which=RIVALS)
    def notarize(self, which: int) -> None:
        block = self.rival(which)
        if self.state.at(block.view).notar is None:  # there is one a view
            notar = make_certificate(self.fresh, VotePhase.PREFER, block.view, block)
            self.feed(CertificateAccepted(notar, self.now_ms))

    @rule()
    def finalize(self) -> None:
        """The tip, unless its view has NULL too: then there is no FINAL of it."""
        tip = voting.tip(self.state)
        block = None if tip is None else self.state.blocks.get(tip.block_id)
        is_open = tip is not None and tip.view > self.state.final_view
        if tip is not None and is_open and block and self.state.at(tip.view).null is None:
            final = make_certificate(self.fresh, VotePhase.COMMIT, tip.view, block)
            self.feed(CertificateAccepted(final, self.now_ms))

    @rule(name=st.sampled_from([TimerName.CANCEL, TimerName.RETRY, TimerName.SYNC]), back=BACK)
    def ring(self, name: TimerName, back: int) -> None:
        timer = Timer(name, 0, max(1, self.state.view - back))
        self.feed(TimerFired(timer, self.now_ms))

    @rule(which=RIVALS)
    def build(self, which: int) -> None:
        built = BlockBuilt(self.fresh.instance.id, self.state.view, self.rival(which), self.now_ms)
        self.feed(built)

    @rule(ms=st.integers(1, 5_000))
    def wait(self, ms: int) -> None:
        self.now_ms += ms

    @precondition(lambda self: self.state.final == GENESIS)
    @rule()
    def restart(self) -> None:
        """The process is gone; the log of signatures and the executed blocks are not."""
        before = self.state
        electorates = {epoch: make_electorate(epoch=epoch) for epoch in range(KNOWN_EPOCHS)}
        config = make_config(ME, epoch_blocks=EPOCH_BLOCKS)
        self.state = restore(config, GENESIS, GENESIS, None, electorates, self.log, abstain=False)
        for view in range(1, before.view + 1):
            mine, back = before.at(view), self.state.at(view)
            assert mine.own_votes() == back.own_votes()
            assert mine.proposed == back.proposed
            assert mine.certificates() == back.certificates()
        assert self.state.view == before.view
        for block in self.durable:
            self.feed(BlockExecuted(block, self.now_ms))
        self.feed(Started(self.now_ms))

    @precondition(lambda self: bool(self.log))
    @rule()
    def see_everything_again(self) -> None:
        """What was said once and is said again changes nothing that was signed."""
        before = list(self.log)
        for record in before:
            if isinstance(record, CertificateSeen):
                self.feed(CertificateAccepted(record.certificate, self.now_ms))
        assert self.log == before

    # --- what holds -----------------------------------------------------------------------------

    @invariant()
    def nothing_final_is_lost(self) -> None:
        assert self.state.halted is None
        assert self.state.final == self.final[-1]

    @invariant()
    def memory_is_bounded(self) -> None:
        views = self.state.views
        assert all(self.state.final_view < view for view in views)
        assert max(views, default=0) <= self.state.view + VIEWS_AHEAD_MAX

    @invariant()
    def what_is_signed_once_is_not_unsigned(self) -> None:
        """R7, from the state's own mouth."""
        for known in self.state.views.values():
            assert known.committed is None or known.cancelled is None

    def rival(self, which: int) -> BlockRef:
        """One of two blocks of this view on the tip, or on the last final block."""
        tip = voting.tip(self.state)
        parent = None if tip is None else self.state.blocks.get(tip.block_id)
        view = self.state.view
        if tip is None or parent is None:
            return make_block(self.fresh, view, self.state.final, salt=which)
        return make_block(self.fresh, view, parent, parent_view=tip.view, salt=which)

    # --- a shell in miniature -------------------------------------------------------------------

    def feed(self, event: Event) -> None:
        once = step(self.state, event)
        assert once == step(self.state, event), "the same state and event give the same"
        self.state = self.take(*once)

    def take(self, state: State, effects: tuple[Effect, ...]) -> State:
        for effect in effects:
            match effect:
                case CastVote(vote, epoch):
                    self.sign(VoteCast(vote, epoch))
                case CastProposal(proposal):
                    self.sign(ProposalCast(proposal))
                case PersistCertificate(certificate):
                    self.log.append(CertificateSeen(certificate))
                case Finalize(certificate, blocks):
                    assert blocks[0].parent_id == self.final[-1].id
                    self.final += blocks
                    last = blocks[-1]
                    place = (certificate.instance_id, 0, certificate.view, last.height, last.id)
                    self.slots = self.slots.after(HeightFinal(*place))
                case _:
                    pass
        return state

    def sign(self, record: VoteCast | ProposalCast) -> None:
        """The guard, which shares no code with the core, agrees with every signature."""
        may_cast(self.slots, record)
        if not is_repeat(self.slots, record):
            self.slots = self.slots.after(record)
            self.log.append(record)


TestCoreInAnybodysHands = CoreInAnybodysHands.TestCase
TestCoreInAnybodysHands.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)


@pytest.mark.parametrize("mutant", ["COMMIT after CANCEL", "second proposal"])
def test_the_guard_sees_a_wrong_rule_of_the_core(mutant: str) -> None:
    once = settings(
        max_examples=300, stateful_step_count=50, deadline=None, phases=[Phase.generate]
    )
    with mutated(mutant), pytest.raises(DoubleSign):
        run_state_machine_as_test(CoreInAnybodysHands, settings=once)
