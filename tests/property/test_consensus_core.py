"""The core under any order, repetition and interruption of what arrives."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.certificates import QuorumCertificate
from consensus.core import State, restore, step
from consensus.core.effects import (
    CastProposal,
    CastVote,
    Effect,
    Finalize,
    Halt,
    PersistCertificate,
    ReportEquivocation,
    Timer,
    TimerName,
)
from consensus.core.events import (
    BlockExecuted,
    CertificateAccepted,
    Event,
    ProposalAccepted,
    Started,
    TimerFired,
    VoteAccepted,
)
from consensus.evidence import ConflictingVotes
from consensus.guard import SignedSlots, is_repeat, may_cast
from consensus.instance import BlockRef
from consensus.proposals import SignedProposal
from consensus.records import CertificateSeen, ProposalCast, Record, VoteCast
from consensus.votes import SignedVote, VotePhase
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

LATER_MS = START_MS + 10_000
EPOCH_BLOCKS = 3


def make_story() -> tuple[list[BlockRef], list[Event]]:
    """Three heights, a skipped view, rival blocks: all that four members could say about it."""
    state = make_state(epoch_blocks=EPOCH_BLOCKS)
    first = make_block(state, 1)
    rival = make_block(state, 1, salt=1)
    second = make_block(state, 3, first)  # view 2 was skipped
    events: list[Event] = []
    for block in (first, rival, second):
        events.append(ProposalAccepted(make_proposal(state, block), LATER_MS))
        events.append(BlockExecuted(block, LATER_MS))
    for voter in range(1, 4):
        for phase in (VotePhase.PREFER, VotePhase.COMMIT):
            events.append(VoteAccepted(make_vote(state, voter, phase, 1, first), LATER_MS))
            events.append(VoteAccepted(make_vote(state, voter, phase, 3, second), LATER_MS))
        events.append(VoteAccepted(make_vote(state, voter, VotePhase.CANCEL, 2), LATER_MS))
    return [first, second], events


CHAIN, STORY = make_story()


def play(events: list[Event], state: State | None = None) -> tuple[State, list[Effect]]:
    state = make_state(epoch_blocks=EPOCH_BLOCKS) if state is None else state
    asked: list[Effect] = []
    for event in (Started(LATER_MS), *events):
        state, effects = step(state, event)
        asked.extend(effects)
    return state, asked


def final_blocks(effects: list[Effect]) -> list[BlockRef]:
    return [block for effect in effects if isinstance(effect, Finalize) for block in effect.blocks]


@given(st.permutations(STORY))
def test_any_order_makes_the_same_chain_final(events: list[Event]) -> None:
    state, asked = play(events)
    assert final_blocks(asked) == CHAIN
    assert state.final == CHAIN[-1]
    assert not any(isinstance(effect, Halt) for effect in asked)


@given(st.lists(st.sampled_from(STORY), max_size=60), st.permutations(STORY))
def test_repetition_changes_nothing(repeated: list[Event], events: list[Event]) -> None:
    mixed = [event for pair in zip(events, events, strict=True) for event in pair]
    once, _ = play(events)
    twice, asked = play(mixed)
    again, _ = play([*mixed, *repeated])
    assert final_blocks(asked) == CHAIN
    assert (once.final, once.final_view) == (twice.final, twice.final_view)
    assert again.final == once.final


@given(st.permutations(STORY))
def test_the_same_events_give_the_same_state_and_effects(events: list[Event]) -> None:
    assert play(events) == play(events)


# --- anything at all ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cast:
    """What one core must be able to face: any verified message of its instance."""

    state: State
    blocks: list[BlockRef]


def make_cast() -> Cast:
    state = make_state(1, epoch_blocks=EPOCH_BLOCKS)
    blocks = [make_block(state, view, salt=salt) for view in (1, 2, 3) for salt in (0, 1)]
    for parent in blocks[:3]:
        blocks.append(make_block(state, parent.view + 1, parent))
        blocks.append(make_block(state, parent.view + 2, parent))
    return Cast(state, blocks)


CAST = make_cast()
VIEWS = st.integers(1, 6)
BLOCKS = st.sampled_from(CAST.blocks)


@st.composite
def votes(draw: st.DrawFn) -> SignedVote:
    phase, block = draw(st.sampled_from(VotePhase)), draw(BLOCKS)
    subject = None if phase is VotePhase.CANCEL else block
    return make_vote(CAST.state, draw(st.integers(0, 3)), phase, draw(VIEWS), subject)


@st.composite
def proposals(draw: st.DrawFn) -> SignedProposal:
    block = draw(BLOCKS)
    view = max(block.view, draw(VIEWS))
    return make_proposal(CAST.state, block, view=view, justify_view=draw(st.integers(0, view - 1)))


@st.composite
def open_certificates(draw: st.DrawFn) -> QuorumCertificate:
    """NOTAR and NULL only: two FINALs drawn at random would contradict each other."""
    view = draw(VIEWS)
    if draw(st.booleans()):
        return make_certificate(CAST.state, VotePhase.CANCEL, view)
    return make_certificate(CAST.state, VotePhase.PREFER, view, draw(BLOCKS))


def timers() -> st.SearchStrategy[Timer]:
    names = st.sampled_from([TimerName.CANCEL, TimerName.RETRY, TimerName.SYNC, TimerName.PROPOSE])
    return st.builds(lambda name, view: Timer(name, 0, view), names, VIEWS)


NOW = st.integers(START_MS, LATER_MS)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(VoteAccepted, votes(), NOW),
    st.builds(ProposalAccepted, proposals(), NOW),
    st.builds(CertificateAccepted, open_certificates(), NOW),
    st.builds(BlockExecuted, BLOCKS, NOW),
    st.builds(TimerFired, timers(), NOW),
)


def log_of(effects: list[Effect]) -> list[Record]:
    """What a shell would have in its log; the guard must agree with every record."""
    slots, records = SignedSlots(), list[Record]()
    for effect in effects:
        match effect:
            case CastVote(vote, epoch):
                record: VoteCast | ProposalCast = VoteCast(vote, epoch)
            case CastProposal(proposal):
                record = ProposalCast(proposal)
            case PersistCertificate(certificate):
                records.append(CertificateSeen(certificate))
                continue
            case _:
                continue
        may_cast(slots, record)
        if not is_repeat(slots, record):
            slots = slots.after(record)
            records.append(record)
    return records


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=60))
def test_whatever_arrives_the_guard_agrees_and_the_log_restores_what_was_signed(
    events: list[Event],
) -> None:
    state, asked = play(events, CAST.state)
    records = log_of(asked)
    if state.final != GENESIS or state.halted is not None:
        return  # then the log is pruned, and the tip comes from the store
    electorates = {epoch: make_electorate(epoch=epoch) for epoch in range(KNOWN_EPOCHS)}
    config = make_config(1, epoch_blocks=EPOCH_BLOCKS)
    restored = restore(config, GENESIS, GENESIS, None, electorates, records, abstain=False)
    assert restored.view == state.view
    for view in range(1, state.view + 1):
        mine, back = state.at(view), restored.at(view)
        assert mine.own_votes() == back.own_votes()
        assert mine.proposed == back.proposed
        assert mine.certificates() == back.certificates()


@settings(max_examples=200)
@given(st.lists(EVENTS, max_size=60))
def test_nobody_is_accused_but_for_two_votes_that_exclude_each_other(events: list[Event]) -> None:
    heard: dict[tuple[int, int], set[tuple[VotePhase, bytes]]] = {}
    for event in events:
        match event:
            case VoteAccepted(signed):
                said = [(signed.voter_index, signed.vote)]
            case CertificateAccepted(certificate):
                said = [(index, certificate.vote) for index in certificate.voter_indices]
            case _:
                continue
        for voter, vote in said:
            heard.setdefault((voter, vote.view), set()).add((vote.phase, vote.block_id))
    _, asked = play(events, CAST.state)
    for effect in asked:
        match effect:
            case ReportEquivocation(ConflictingVotes(first, second), _):
                said_by = heard[first.voter_index, first.vote.view]
                for vote in (first.vote, second.vote):
                    assert (vote.phase, vote.block_id) in said_by
