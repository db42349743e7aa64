"""Who passes on what it promised shows it with each new vote, and with nothing else."""

from aichain.node.lanes.deliveries import Deliveries
from consensus.votes import Lane

HARD, FAST = Lane.HARD, Lane.FAST
PAIR = ("peer", b"author")
OTHER = ("other", b"author")
PATIENCE_S = 16.0


def asked(*pairs: tuple[str, bytes]) -> Deliveries:
    deliveries = Deliveries()
    deliveries.expect(pairs, 0.0)
    return deliveries


def is_silent(deliveries: Deliveries, now_s: float) -> bool:
    deliveries.review({"peer", "other"}, now_s, PATIENCE_S)
    return PAIR in deliveries.silent_until_s


def test_who_brings_nothing_for_a_patience_is_silent_for_ten() -> None:
    deliveries = asked(PAIR)
    assert not is_silent(deliveries, PATIENCE_S)
    assert is_silent(deliveries, PATIENCE_S + 1)
    deliveries.expect((), PATIENCE_S + 1)
    assert is_silent(deliveries, 11 * PATIENCE_S)
    assert not is_silent(deliveries, 11 * PATIENCE_S + 1)


def test_what_another_brings_speaks_for_nobody_else() -> None:
    deliveries = asked(PAIR, OTHER)
    deliveries.brought(OTHER, HARD, (1, 1, 0), 10.0)
    assert is_silent(deliveries, PATIENCE_S + 1)
    assert OTHER not in deliveries.silent_until_s


def test_a_vote_counts_once_and_an_older_one_never() -> None:
    deliveries = asked(PAIR)
    deliveries.brought(PAIR, HARD, (7, 2, 1), 10.0)
    for place in ((7, 2, 1), (7, 2, 0), (7, 1, 2), (6, 9, 2)):
        deliveries.brought(PAIR, HARD, place, 20.0)
        assert not deliveries.doubts(PAIR, HARD, place, 25.0, PATIENCE_S)
    assert not is_silent(deliveries, 10.0 + PATIENCE_S)
    assert is_silent(deliveries, 11.0 + PATIENCE_S)


def test_the_lanes_are_numbered_apart() -> None:
    deliveries = asked(PAIR)
    deliveries.brought(PAIR, FAST, (9, 1, 0), 10.0)
    deliveries.brought(PAIR, HARD, (7, 1, 0), 20.0)
    assert not is_silent(deliveries, 20.0 + PATIENCE_S)


def test_a_vote_is_wanted_when_half_the_patience_is_over() -> None:
    deliveries = asked(PAIR)
    new = HARD, (1, 1, 0)
    assert not deliveries.doubts(PAIR, *new, PATIENCE_S / 2 - 1, PATIENCE_S)
    assert deliveries.doubts(PAIR, *new, PATIENCE_S / 2, PATIENCE_S)
    assert not deliveries.doubts(OTHER, *new, PATIENCE_S / 2, PATIENCE_S)
    deliveries.brought(PAIR, *new, PATIENCE_S / 2)
    assert not deliveries.doubts(PAIR, HARD, (2, 1, 0), PATIENCE_S - 1, PATIENCE_S)


def test_who_speaks_again_or_is_gone_is_forgiven() -> None:
    deliveries = asked(PAIR, OTHER)
    deliveries.review({"peer", "other"}, PATIENCE_S + 1, PATIENCE_S)
    deliveries.brought(PAIR, HARD, (1, 1, 0), PATIENCE_S + 2)
    assert set(deliveries.silent_until_s) == {OTHER}
    deliveries.review({"peer"}, PATIENCE_S + 3, PATIENCE_S)
    assert not deliveries.silent_until_s


def test_who_is_asked_again_although_it_was_silent_has_a_patience_and_is_then_the_last() -> None:
    deliveries = asked(PAIR)
    assert is_silent(deliveries, PATIENCE_S + 1)
    before = deliveries.silent_until_s[PAIR]
    assert not deliveries.review({"peer"}, 2 * PATIENCE_S, PATIENCE_S)
    assert deliveries.review({"peer"}, 2 * PATIENCE_S + 2, PATIENCE_S)
    assert deliveries.silent_until_s[PAIR] > before
