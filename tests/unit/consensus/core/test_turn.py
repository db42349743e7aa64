"""Who signs two things that exclude each other is reported, once."""

from consensus.core.effects import Halt, ReportEquivocation
from consensus.core.events import ForkProven, ProposalAccepted, VoteAccepted
from consensus.evidence import ConflictingProposals, ConflictingVotes
from consensus.votes import VotePhase
from tests.builders_consensus import Driver, make_block, make_certificate, make_proposal, make_vote

PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL


def test_a_second_vote_for_another_block_is_reported_once() -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    first, second = (make_vote(driver.state, 2, PREFER, 1, block) for block in (one, other))
    asked = driver.feed(*(VoteAccepted(vote, 0) for vote in (first, second, second)))
    assert asked == [ReportEquivocation(ConflictingVotes(first, second), driver.state.instance)]


def test_commit_and_cancel_of_one_view_are_reported() -> None:
    driver = Driver.at_view_1(proposer=False)
    commit = make_vote(driver.state, 2, COMMIT, 1, make_block(driver.state, 1))
    cancel = make_vote(driver.state, 2, CANCEL, 1)
    prefer = make_vote(driver.state, 2, PREFER, 1, make_block(driver.state, 1))
    asked = driver.feed(*(VoteAccepted(vote, 0) for vote in (cancel, prefer, commit)))
    assert asked == [ReportEquivocation(ConflictingVotes(cancel, commit), driver.state.instance)]


def test_two_proposals_of_one_view_are_reported_with_both_signatures() -> None:
    driver = Driver.at_view_1(proposer=False)
    proposals = [make_proposal(driver.state, make_block(driver.state, 1, salt=x)) for x in (0, 1)]
    asked = driver.feed(*(ProposalAccepted(signed, driver.now_ms) for signed in proposals))
    (report,) = [effect for effect in asked if isinstance(effect, ReportEquivocation)]
    assert isinstance(report.evidence, ConflictingProposals)
    assert report.evidence.first.signature
    assert report.evidence.second.signature


def test_certificates_that_exclude_each_other_convict_their_common_voters() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(1)
    asked = driver.finalize(1, make_block(driver.state, 1))
    reported = {
        effect.evidence.offender for effect in asked if isinstance(effect, ReportEquivocation)
    }
    assert reported == {0, 1, 2}


def test_who_halts_at_a_contradiction_names_the_guilty_first() -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    driver.finalize(1, one)  # its body is not here, so the view is open
    asked = driver.finalize(1, other)
    reported = {
        effect.evidence.offender for effect in asked if isinstance(effect, ReportEquivocation)
    }
    assert reported == {0, 1, 2}
    assert isinstance(asked[-1], Halt)


def test_a_fork_that_sync_has_proven_halts() -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    driver.execute(one)
    driver.finalize(1, one)
    final = make_certificate(driver.state, COMMIT, 1, other, voters=(1, 2, 3))
    asked = driver.feed(ForkProven(final, driver.now_ms))
    reported = {
        effect.evidence.offender for effect in asked if isinstance(effect, ReportEquivocation)
    }
    assert reported == {1, 2}
    assert asked[-1] == Halt("conflicting finality")
    assert driver.nullify(2) == []
