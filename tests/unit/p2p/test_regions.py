"""The table of round trips is one of distances."""

import pytest

from p2p.regions import (
    Region,
    delays_between,
    region_of,
    region_of_peer,
    round_trip_ms,
)
from tests.integration.libp2p_nodes import make_identity


@pytest.mark.parametrize("first", Region)
@pytest.mark.parametrize("second", Region)
def test_there_and_back_takes_the_same_time(first: Region, second: Region) -> None:
    assert round_trip_ms(first, second) == round_trip_ms(second, first)
    assert (round_trip_ms(first, second) == 1) == (first is second)


def test_no_detour_is_much_faster_than_the_direct_way() -> None:
    for first in Region:
        for second in Region:
            detours = (round_trip_ms(first, by) + round_trip_ms(by, second) for by in Region)
            assert round_trip_ms(first, second) <= 1.3 * min(detours)


def test_eight_nodes_stand_in_eight_regions() -> None:
    assert {region_of(index) for index in range(8)} == set(Region)
    assert region_of(8) is region_of(0)


FOUNDERS = tuple(make_identity(number).peer_id for number in range(10))


def test_founders_stand_in_regions_by_turns_and_others_by_their_id() -> None:
    assert [region_of_peer(peer, FOUNDERS) for peer in FOUNDERS[:3]] == list(Region)[:3]
    assert region_of_peer(FOUNDERS[9], FOUNDERS) is Region.OREGON
    strangers = {
        region_of_peer(make_identity(number).peer_id, FOUNDERS) for number in range(10, 60)
    }
    assert strangers == set(Region)


def test_both_ends_of_a_way_agree_and_their_delays_are_the_round_trip() -> None:
    stranger = make_identity(77).peer_id
    for first in (*FOUNDERS, stranger):
        for second in (*FOUNDERS, stranger):
            there = delays_between(second, FOUNDERS)(first)
            back = delays_between(first, FOUNDERS)(second)
            regions = region_of_peer(first, FOUNDERS), region_of_peer(second, FOUNDERS)
            assert there + back == pytest.approx(round_trip_ms(*regions) / 1000)
            assert there == back
