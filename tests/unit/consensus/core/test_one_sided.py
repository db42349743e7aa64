"""Who shows each of us one side only: votes are not relayed, but certificates name their voters."""

import pytest

from consensus.core.effects import Effect, ReportEquivocation
from consensus.core.events import CertificateAccepted, VoteAccepted
from consensus.core.filters import is_wanted, wants_certificate
from consensus.evidence import ConflictingVotes, Evidence, check_evidence
from consensus.instance import BlockRef
from consensus.votes import VotePhase
from tests.builders_consensus import Driver, make_block, make_certificate, make_vote

PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL
PAIRS = [(PREFER, PREFER), (COMMIT, COMMIT), (COMMIT, CANCEL), (CANCEL, COMMIT)]


def blocks(driver: Driver, given: VotePhase, certified: VotePhase) -> list[BlockRef | None]:
    """What the vote and the certificate are for: two blocks, where they are for any."""
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    return [None if given is CANCEL else one, None if certified is CANCEL else other]


def reported(effects: list[Effect]) -> list[Evidence]:
    return [each.evidence for each in effects if isinstance(each, ReportEquivocation)]


@pytest.mark.parametrize(("given", "certified"), PAIRS)
def test_a_certificate_convicts_who_gave_us_another_vote(
    given: VotePhase, certified: VotePhase
) -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = blocks(driver, given, certified)
    driver.votes(given, 1, one, voters=(2, 3))
    certificate = make_certificate(driver.state, certified, 1, other)
    (evidence,) = reported(driver.feed(CertificateAccepted(certificate, driver.now_ms)))
    check_evidence(evidence)
    assert evidence.offender == 2, "who is not in the certificate is not accused"
    assert isinstance(evidence, ConflictingVotes)
    assert {evidence.first.vote.phase, evidence.second.vote.phase} == {given, certified}


@pytest.mark.parametrize(("given", "certified"), PAIRS)
def test_a_vote_that_comes_after_its_voters_certificate_convicts_it(
    given: VotePhase, certified: VotePhase
) -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = blocks(driver, given, certified)
    certificate = make_certificate(driver.state, certified, 1, other)
    driver.feed(CertificateAccepted(certificate, driver.now_ms))
    late = make_vote(driver.state, 2, given, 1, one)
    assert is_wanted(driver.state, late)
    (evidence,) = reported(driver.feed(VoteAccepted(late, driver.now_ms)))
    check_evidence(evidence)
    assert evidence.offender == 2
    assert not is_wanted(driver.state, late)


def test_a_second_certificate_is_wanted_if_it_convicts_somebody_and_once() -> None:
    """We have NOTAR of others; the one that is sent again is by him who told us otherwise, too."""
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    driver.votes(PREFER, 1, other, voters=(3,))
    driver.notarize(1, one)
    held = driver.state.at(1).notar
    again = make_certificate(driver.state, PREFER, 1, one, voters=(0, 2, 3))
    assert not wants_certificate(driver.state, make_certificate(driver.state, PREFER, 1, one))
    assert wants_certificate(driver.state, again)
    (evidence,) = reported(driver.feed(CertificateAccepted(again, driver.now_ms)))
    assert evidence.offender == 3
    assert driver.state.at(1).notar == held
    assert not wants_certificate(driver.state, again)


def test_what_is_legal_together_convicts_nobody() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.votes(PREFER, 1, block, voters=(1, 2))
    driver.votes(CANCEL, 1, voters=(3,))
    effects = driver.nullify(1) + driver.notarize(1, block)
    late = [make_vote(driver.state, 3, PREFER, 1, block), make_vote(driver.state, 1, CANCEL, 1)]
    effects += driver.feed(*(VoteAccepted(vote, driver.now_ms) for vote in late))
    assert not reported(effects)
