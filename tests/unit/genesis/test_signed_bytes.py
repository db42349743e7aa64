"""What is signed: fixed bytes, and which two of them nobody honest signs."""

import pytest

from genesis.signed_bytes import (
    InstanceName,
    Lane,
    VotePhase,
    breaks_close,
    close_bytes,
    excludes,
    proposal_bytes,
    vote_bytes,
)
from native.hashing import ZERO_HASH, Hash32, blake3_256

ONE, TWO, THREE = (Hash32(bytes([number]) * 32) for number in (1, 2, 3))
NAME = InstanceName(ONE, Lane.HARD, 5, TWO, THREE, 0)
PREFER, COMMIT, CANCEL = VotePhase


def test_a_vote_is_86_bytes_in_their_order() -> None:
    signed = vote_bytes(ONE, COMMIT, 7, 9, TWO)
    assert signed == b"AICV1" + ONE + b"\x02" + bytes(7) + b"\x07" + bytes(7) + b"\x09" + TWO
    assert len(signed) == 86
    assert len(vote_bytes(ONE, CANCEL, 2**64 - 1, 0, ZERO_HASH)) == 86


def test_a_proposal_cannot_be_taken_for_a_vote() -> None:
    signed = proposal_bytes(ONE, 7, 3, 9, TWO)
    numbers = b"".join(number.to_bytes(8, "big") for number in (7, 3, 9))
    assert signed == b"AICP1" + ONE + numbers + TWO
    assert len(signed) != 86


def test_a_close_is_77_bytes_and_no_vote_or_proposal() -> None:
    signed = close_bytes(ONE, 7, TWO)
    assert signed == b"AICC1" + ONE + bytes(7) + b"\x07" + TWO
    assert len(signed) == 77


def test_a_close_is_broken_by_a_commit_above_its_tip() -> None:
    assert breaks_close(3, 4)
    assert not breaks_close(4, 4)
    assert not breaks_close(5, 4)


def test_the_name_of_an_instance_binds_all_of_it() -> None:
    raw = b"aichain/inst/1" + ONE + b"\x00" + bytes(7) + b"\x05" + TWO + THREE + bytes(8)
    assert NAME.id == blake3_256(raw)
    others = [
        InstanceName(TWO, Lane.HARD, 5, TWO, THREE, 0),
        InstanceName(ONE, Lane.FAST, 5, TWO, THREE, 0),
        InstanceName(ONE, Lane.HARD, 6, TWO, THREE, 0),
        InstanceName(ONE, Lane.HARD, 5, ONE, THREE, 0),
        InstanceName(ONE, Lane.HARD, 5, TWO, ONE, 0),
        InstanceName(ONE, Lane.HARD, 5, TWO, THREE, 1),
    ]
    assert len({NAME.id, *(each.id for each in others)}) == 7


@pytest.mark.parametrize(
    ("first", "second", "same", "verdict"),
    [
        (PREFER, PREFER, True, False),
        (PREFER, PREFER, False, True),
        (COMMIT, COMMIT, False, True),
        (CANCEL, CANCEL, True, False),
        (COMMIT, CANCEL, False, True),
        (CANCEL, COMMIT, False, True),
        (PREFER, CANCEL, False, False),
        (PREFER, COMMIT, False, False),
        (COMMIT, PREFER, False, False),
    ],
)
def test_commit_excludes_cancel_and_each_phase_another_vote_of_it(
    first: VotePhase, second: VotePhase, same: bool, verdict: bool
) -> None:
    assert excludes(first, second, same=same) is verdict
