"""A seat's CLOSE and its COMMIT above it convict, in whatever order and form they come."""

from collections.abc import Iterable
from itertools import permutations

import pytest

from consensus.core.events import CertificateAccepted, VoteAccepted
from consensus.lanes.accusations import BrokenClose, check_accusation
from consensus.lanes.effects import Accuse
from consensus.lanes.events import CloseAccepted, LaneEvent
from consensus.votes import SignedVote, Vote, VotePhase
from tests.builders_consensus import GENESIS_HASH
from tests.builders_lanes import LaneDriver, make_certificate, make_child, make_close

SEAT = 1


def both_sides(driver: LaneDriver, phase: VotePhase = VotePhase.COMMIT) -> dict[str, LaneEvent]:
    """CLOSE on the start of the term, a vote in view 1, and the certificate that holds it."""
    instance, now_ms = driver.term.instance, driver.now_ms
    block = make_child(instance, instance.start, 1)
    driver.execute(block)
    vote = Vote(instance.id, phase, 1, block.height, block.id)
    signed = SignedVote(vote, instance.epoch, SEAT, b"vote")
    final = make_certificate(instance, phase, 1, block)
    assert SEAT in final.voter_indices
    return {
        "close": CloseAccepted(make_close(instance, SEAT), now_ms),
        "vote": VoteAccepted(signed, now_ms),
        "certificate": CertificateAccepted(final, now_ms),
    }


def accused(driver: LaneDriver, events: Iterable[LaneEvent]) -> list[int]:
    driver.feed(*events)
    accusations = [effect.accusation for effect in driver.asked(Accuse)]
    for each in accusations:
        assert isinstance(each.evidence, BrokenClose)
        check_accusation(each, driver.term.instance.electorate, GENESIS_HASH)
    return [each.offender for each in accusations]


@pytest.mark.parametrize("order", [*permutations(("close", "vote"))])
def test_a_vote_above_the_close_convicts_whichever_comes_first(order: tuple[str, ...]) -> None:
    driver = LaneDriver.started()
    sides = both_sides(driver)
    assert accused(driver, (sides[each] for each in order)) == [SEAT]


@pytest.mark.parametrize("order", [*permutations(("close", "certificate"))])
def test_so_does_a_certificate_that_holds_it(order: tuple[str, ...]) -> None:
    driver = LaneDriver.started()
    sides = both_sides(driver)
    assert SEAT in accused(driver, (sides[each] for each in order))


@pytest.mark.parametrize("order", [*permutations(("close", "vote"))])
def test_a_prefer_above_the_close_is_no_offence(order: tuple[str, ...]) -> None:
    driver = LaneDriver.started()
    sides = both_sides(driver, VotePhase.PREFER)
    assert accused(driver, (sides[each] for each in order)) == []
