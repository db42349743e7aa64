"""The silence of a validator whose log is new."""

import pytest

from consensus.probation import Head, Probation, has_heard_quorum, may_start_signing
from tests.builders_consensus import make_electorate


def probation(*heads: Head) -> Probation:
    heard = Probation(make_electorate(), {})
    for index, head in enumerate(heads):
        heard = heard.with_hello(index, head)
    return heard


NEW = Head(0, 0, 1)
ABSURD = Head(10**9, 10**6, 10**9)


def test_a_lonely_validator_signs_at_once() -> None:
    alone = Probation(make_electorate((1,)), {0: NEW})
    assert may_start_signing(alone, epoch=0, final_view=0)


def test_nothing_is_signed_before_a_quorum_was_heard() -> None:
    assert not may_start_signing(probation(NEW, NEW), epoch=0, final_view=0)
    assert not has_heard_quorum(probation(NEW, NEW))


def test_a_chain_that_just_begins_is_signed_at_once() -> None:
    assert may_start_signing(probation(NEW, NEW, NEW), epoch=0, final_view=0)


def test_one_liar_cannot_keep_a_chain_from_beginning() -> None:
    heard = probation(NEW, Head(1, 0, 1), NEW)
    assert has_heard_quorum(heard)
    assert not may_start_signing(heard, epoch=0, final_view=0)
    assert may_start_signing(heard.with_hello(3, NEW), epoch=0, final_view=0)


def test_nor_does_one_make_a_living_chain_look_new() -> None:
    heard = probation(NEW, Head(9, 0, 9), NEW).with_hello(3, Head(9, 0, 9))
    assert not may_start_signing(heard, epoch=0, final_view=9)


def test_on_a_living_chain_a_distance_of_64_views_is_kept() -> None:
    heard = probation(NEW, Head(40, 0, 41), Head(39, 0, 40))
    assert not may_start_signing(heard, epoch=0, final_view=41 + 64)
    assert may_start_signing(heard, epoch=0, final_view=41 + 65)


def test_or_the_first_final_of_a_later_instance() -> None:
    heard = probation(NEW, Head(40, 2, 9), Head(12, 1, 200))
    assert not may_start_signing(heard, epoch=1, final_view=500)
    assert not may_start_signing(heard, epoch=2, final_view=73)
    assert may_start_signing(heard, epoch=2, final_view=74)
    assert not may_start_signing(heard, epoch=3, final_view=0)
    assert may_start_signing(heard, epoch=3, final_view=1)


def test_only_the_first_word_of_a_member_counts() -> None:
    heard = probation(NEW, NEW).with_hello(1, Head(9, 0, 9)).with_hello(2, Head(5, 0, 7))
    assert heard.heard[1] == NEW
    assert heard.heard[2] == Head(5, 0, 7)
    assert heard.with_hello(3, Head(1, 0, 2)).heard[3] == Head(1, 0, 2), "late, and as good as any"


@pytest.mark.parametrize("lie", [ABSURD, Head(10**9, 0, 10**9)])
def test_an_absurd_head_is_not_waited_for(lie: Head) -> None:
    """It was said first, and made the quorum that spoke first."""
    heard = probation(NEW, lie, Head(40, 0, 41))
    assert not may_start_signing(heard, epoch=0, final_view=41 + 65)
    heard = heard.with_hello(3, Head(39, 0, 40))
    assert not may_start_signing(heard, epoch=0, final_view=41 + 64)
    assert may_start_signing(heard, epoch=0, final_view=41 + 65)
    assert may_start_signing(heard, epoch=1, final_view=1)


def test_a_head_that_was_reached_is_waited_for_whoever_said_it() -> None:
    """It may have been true: 64 views are all that a lie can cost."""
    heard = probation(NEW, Head(90, 0, 91), Head(40, 0, 41)).with_hello(3, Head(39, 0, 40))
    assert not may_start_signing(heard, epoch=0, final_view=41 + 65)
    assert may_start_signing(heard, epoch=0, final_view=91 + 65)
