"""The table of round trips is one of distances."""

import pytest

from p2p.regions import Region, region_of, round_trip_ms


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
