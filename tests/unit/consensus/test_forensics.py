"""Certificates of two sides convict whoever signed both, and the walk names where to look."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from consensus.certificates import QuorumCertificate
from consensus.forensics import Branch, convicted, decisive_votes, lacking, signed_twice
from consensus.instance import BlockRef
from consensus.votes import VotePhase
from tests.builders_consensus import make_block, make_certificate, make_state

STATE = make_state(epoch_blocks=16)
NAME = STATE.instance.id
PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL
A1, B1 = make_block(STATE, 1), make_block(STATE, 1, salt=1)
A2, B3 = make_block(STATE, 2, A1), make_block(STATE, 3, A1)


def signed(
    phase: VotePhase, view: int, block: BlockRef | None = None, *voters: int
) -> QuorumCertificate:
    return make_certificate(STATE, phase, view, block, voters=voters or (0, 1, 2))


def branch(view: int, *blocks: BlockRef) -> Branch:
    return Branch(signed(COMMIT, view, blocks[0]), blocks)


def guilty(*certificates: QuorumCertificate) -> list[int]:
    return list(convicted(certificates, NAME))


def test_whoever_signed_two_finals_of_a_view_is_convicted() -> None:
    assert guilty(signed(COMMIT, 1, A1, 0, 1, 2), signed(COMMIT, 1, B1, 1, 2, 3)) == [1, 2]


def test_commit_and_cancel_exclude_each_other() -> None:
    assert guilty(signed(COMMIT, 1, A1, 0, 1, 2), signed(CANCEL, 1, None, 0, 2, 3)) == [0, 2]


@pytest.mark.parametrize(
    "second",
    [
        signed(CANCEL, 1),  # R4: CANCEL after PREFER
        signed(COMMIT, 1, B1),  # R3 goes by the NOTAR
        signed(PREFER, 2, A2),
        signed(PREFER, 1, A1, 1, 2, 3),
    ],
)
def test_what_the_rules_allow_convicts_nobody(second: QuorumCertificate) -> None:
    assert guilty(signed(PREFER, 1, A1), second) == []


def test_certificates_of_one_vote_are_taken_together() -> None:
    """Each side has its own three of the four voters."""
    held = (signed(PREFER, 1, A1, 0, 1, 2), signed(PREFER, 1, A1, 1, 2, 3))
    assert guilty(*held, signed(PREFER, 1, B1, 0, 2, 3)) == [0, 2, 3]


def test_every_pair_is_found_and_one_a_member_is_kept() -> None:
    held = [signed(PREFER, 1, A1), signed(PREFER, 1, B1), signed(COMMIT, 1, A1), signed(CANCEL, 1)]
    assert len(list(signed_twice(held))) == 6
    assert guilty(*held) == [0, 1, 2]


def test_another_instance_is_another_matter() -> None:
    other = replace(signed(COMMIT, 1, B1), instance_id=make_state(epoch_blocks=4).instance.id)
    same = STATE.instance.id == other.instance_id
    assert guilty(signed(COMMIT, 1, A1), other) == ([0, 1, 2] if same else [])
    elsewhere = replace(other, instance_id=A1.id)
    assert guilty(signed(COMMIT, 1, A1), elsewhere) == []


# --- the walk -------------------------------------------------------------------------------------


def test_two_finals_of_one_view_decide() -> None:
    one, other = branch(1, A1), branch(1, B1)
    assert decisive_votes(one, other) == ((one.certificate.vote, other.certificate.vote),)


@pytest.mark.parametrize("order", [1, -1])
def test_a_skipped_view_was_cancelled(order: int) -> None:
    """FINAL(2, A2) on one side; on the other B3 of view 3 rests on A1 of view 1."""
    sides: Sequence[Branch] = (branch(2, A2), branch(3, B3))[::order]
    (pair,) = decisive_votes(sides[0], sides[1])
    assert pair == (signed(COMMIT, 2, A2).vote, signed(CANCEL, 2).vote)


def test_another_block_of_the_view_was_preferred() -> None:
    rival = make_block(STATE, 2, A1, salt=7)
    above = make_block(STATE, 3, rival)
    (pair,) = decisive_votes(branch(2, A2), branch(3, above, rival))
    assert pair == (signed(PREFER, 2, A2).vote, signed(PREFER, 2, rival).vote)


def test_a_last_block_proposed_again_leaves_two_possibilities() -> None:
    """B3, of view 3, was made final by a repetition in view 6; the other side's FINAL is of 5."""
    late = make_block(STATE, 5, A1)
    skipped, preferred = decisive_votes(branch(5, late), branch(6, B3))
    assert skipped == (signed(COMMIT, 5, late).vote, signed(CANCEL, 5).vote)
    assert preferred == (signed(PREFER, 5, late).vote, signed(PREFER, 5, B3).vote)


def test_what_is_lacking_is_the_rest_of_the_pair_that_is_nearest_to_whole() -> None:
    final, null, notar = signed(COMMIT, 2, A2), signed(CANCEL, 2), signed(PREFER, 2, A2)
    pairs = ((final.vote, null.vote), (notar.vote, signed(PREFER, 2, B3).vote))
    assert lacking(pairs, [final]) == (null.vote,)
    assert lacking(pairs, [final, null]) == ()
    assert lacking((), [final]) == ()
