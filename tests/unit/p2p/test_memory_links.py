"""Delays and losses of the in-memory network."""

from p2p.memory_links import Conditions, EqualLinks, RegionLinks
from p2p.regions import Region


def test_a_seed_draws_the_same_delays_and_losses_again() -> None:
    conditions = Conditions(1, 500, loss_permille=300)
    one, other = EqualLinks(7, conditions), EqualLinks(7, conditions)
    drawn = [(one.delay_s("a", "b"), one.loses("a", "b")) for _ in range(200)]
    assert drawn == [(other.delay_s("a", "b"), other.loses("a", "b")) for _ in range(200)]
    assert all(0.001 <= delay <= 0.5 for delay, _ in drawn)
    assert 30 < sum(lost for _, lost in drawn) < 90


def test_half_a_round_trip_lies_between_two_regions() -> None:
    links = RegionLinks({"a": Region.IRELAND, "b": Region.TOKYO, "c": Region.TOKYO})
    for _ in range(50):
        assert 0.1025 <= links.delay_s("a", "b") <= 0.1077
        assert links.delay_s("b", "c") < 0.001
    assert not links.loses("a", "b")
