"""The list of candidates follows stake and jail, and has an end."""

from genesis.limits import CANDIDATES_LEAST
from genesis.units import AI
from native.hashing import ZERO_HASH
from tests.builders_vm import FOUNDER_STAKE, STAKING, address, key, make_state, peer_id
from vm.candidates import list_candidate
from vm.draft import Draft
from vm.records import TOMBSTONED, ValidatorRecord
from vm.staking import apply_unjail, jail

MINIMUM = STAKING.min_validator_stake


def record(index: int, stake: int, jailed_until: int = 0) -> ValidatorRecord:
    return ValidatorRecord(index, key(0).public_key, peer_id(0), 0, ZERO_HASH, stake, jailed_until)


def draft_with(stakes: dict[int, int]) -> Draft:
    draft = Draft(make_state(), 1)
    draft.candidates()
    draft.put_candidates(stakes)
    return draft


def test_founders_are_candidates() -> None:
    assert Draft(make_state(), 1).candidates() == {0: FOUNDER_STAKE, 1: FOUNDER_STAKE}


def test_the_minimum_stake_makes_and_unmakes_a_candidate() -> None:
    draft = draft_with({})
    list_candidate(draft, record(7, MINIMUM - 1))
    assert draft.candidates() == {}
    list_candidate(draft, record(7, MINIMUM))
    assert draft.candidates() == {7: MINIMUM}
    list_candidate(draft, record(7, MINIMUM + 1))
    assert draft.candidates() == {7: MINIMUM + 1}
    list_candidate(draft, record(7, 0))
    assert draft.candidates() == {}


def test_nobody_in_jail_or_under_a_tombstone_is_a_candidate() -> None:
    for until in (1, TOMBSTONED):
        draft = draft_with({7: MINIMUM, 8: MINIMUM})
        list_candidate(draft, record(7, MINIMUM, until))
        assert draft.candidates() == {8: MINIMUM}


def test_jail_and_its_end_are_noted() -> None:
    draft = Draft(make_state(), 1)
    jail(draft, address(0))
    assert draft.candidates() == {1: FOUNDER_STAKE}
    draft.height = 1 + STAKING.jail_blocks
    apply_unjail(draft, address(0))
    assert draft.candidates() == {0: FOUNDER_STAKE, 1: FOUNDER_STAKE}


def test_of_a_full_list_the_lowest_stake_gives_way() -> None:
    full = {index: MINIMUM + index for index in range(CANDIDATES_LEAST)}
    newcomer = CANDIDATES_LEAST + 5
    draft = draft_with(full)
    list_candidate(draft, record(newcomer, MINIMUM))  # as much as the lowest, but later
    assert draft.candidates() == full
    list_candidate(draft, record(newcomer, MINIMUM + 1))  # 0 has less
    listed = draft.candidates()
    assert listed.keys() == full.keys() - {0} | {newcomer}
    list_candidate(draft, record(3, 10 * AI))  # below the minimum: a place is free
    list_candidate(draft, record(0, MINIMUM))
    assert draft.candidates()[0] == MINIMUM
