"""The schedule that forks at an epoch edge if a re-proposal is not fully justified (R10).

Four members, member 3 evil, epochs of one block. b1 is NOTAR and NULL at view 1; b2 becomes FINAL
at view 2, for member 2 only; the proposer of view 3 proposes b1 again. Chance hardly finds this.
"""

from collections.abc import Iterable

from consensus.core.effects import Timer, TimerName
from consensus.core.events import (
    CertificateAccepted,
    ProposalAccepted,
    TimerFired,
    VoteAccepted,
)
from consensus.instance import BlockRef
from consensus.proposals import SignedProposal
from consensus.votes import SignedVote, Vote, VotePhase
from tests.builders_consensus import (
    Driver,
    make_block,
    make_certificate,
    make_proposal,
    make_state,
    make_vote,
)

HONEST = (0, 1, 2)
EVIL = 3


class Schedule:
    """Three honest cores, and whoever decides which message arrives where."""

    def __init__(self) -> None:
        self.cores = [Driver.started(make_state(me, epoch_blocks=1)) for me in HONEST]
        self.start = self.cores[0].state

    def propose(self, receivers: Iterable[int], signed: SignedProposal) -> None:
        for me in receivers:
            core = self.cores[me]
            core.feed(ProposalAccepted(signed, core.now_ms))
            core.execute(signed.proposal.block)

    def deliver(self, receivers: Iterable[int], votes: Iterable[SignedVote]) -> None:
        for me in receivers:
            for signed in votes:
                self.cores[me].feed(VoteAccepted(signed, self.cores[me].now_ms))

    def cast(self, phase: VotePhase, view: int) -> list[SignedVote]:
        """What the honest members asked to sign."""
        return [
            self._signed(me, vote)
            for me in HONEST
            for vote in self.cores[me].cast(phase)
            if vote.view == view and vote.instance_id == self.start.instance.id
        ]

    def evil_vote(self, phase: VotePhase, view: int, block: BlockRef) -> SignedVote:
        return make_vote(self.start, EVIL, phase, view, block)

    def _signed(self, me: int, vote: Vote) -> SignedVote:
        return SignedVote(vote, 0, me, b"vote %d" % me)


def play(*, late_notar: bool, justify_view: int) -> list[set[str]]:
    """What each honest member holds for final at the last height: "b1", "b2", both or nothing.

    The re-proposal claims the NOTAR of `justify_view`. That of view 1 is real if `late_notar`.
    """
    schedule = Schedule()
    start = schedule.start
    first = make_block(start, 1)
    second = make_block(start, 2, salt=1)
    schedule.propose(HONEST, make_proposal(start, first))
    for core in schedule.cores:  # PREFERs are slow: all cancel after PREFER, which is legal
        core.feed(TimerFired(Timer(TimerName.CANCEL, 0, 1), core.now_ms))
    schedule.deliver(HONEST, schedule.cast(VotePhase.CANCEL, 1))
    schedule.propose(HONEST, make_proposal(start, second))
    if late_notar:
        notar = make_certificate(start, VotePhase.PREFER, 1, first, voters=(0, 1, EVIL))
        for core in schedule.cores[:2]:
            core.feed(CertificateAccepted(notar, core.now_ms))
    schedule.deliver(HONEST, schedule.cast(VotePhase.PREFER, 2))
    schedule.deliver((2,), schedule.cast(VotePhase.COMMIT, 2))
    again = make_proposal(start, first, view=3, justify_view=justify_view)
    schedule.propose((0, 1), again)
    for phase in (VotePhase.PREFER, VotePhase.COMMIT):
        schedule.deliver((0, 1), schedule.cast(phase, 3))
        schedule.deliver((0, 1), [schedule.evil_vote(phase, 3, first)])
    names = {first.id: "b1", second.id: "b2"}
    return [{names[block.id] for block in core.finalized()} for core in schedule.cores]
