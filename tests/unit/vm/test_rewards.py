"""Emission: every halving, the cap, and the split of each reward."""

from dataclasses import replace

import pytest

from genesis.params import RewardParams
from genesis.units import AI
from tests.builders_vm import address, advance, balance, make_document, make_state
from vm.draft import Draft
from vm.genesis_block import genesis_state
from vm.queries import supply_view
from vm.records import AI_POOL, MINTED, TREASURY
from vm.rewards import ERAS, block_reward, minted_before, pay_proposer, split_reward

PARAMS = RewardParams()
HALVING = PARAMS.halving_blocks


def test_the_schedule_begins_as_the_known_answers_say() -> None:
    assert block_reward(PARAMS, 1, 0) == 1_785_000_000_000_000_000
    assert block_reward(PARAMS, 252_288_000, 0) == 892_500_000_000_000_000


@pytest.mark.parametrize("era", range(1, ERAS))
def test_the_reward_halves_exactly_at_every_halving(era: int) -> None:
    before, after = era * HALVING - 1, era * HALVING
    assert block_reward(PARAMS, before, 0) == PARAMS.initial_reward >> (era - 1)
    assert block_reward(PARAMS, after, 0) == PARAMS.initial_reward >> era


def test_nothing_is_minted_from_era_64_on() -> None:
    assert block_reward(PARAMS, ERAS * HALVING - 1, 0) == PARAMS.initial_reward >> 63
    assert block_reward(PARAMS, ERAS * HALVING, 0) == 0
    assert block_reward(replace(PARAMS, initial_reward=10**6 * AI), ERAS * HALVING, 0) == 0


def test_the_cap_bites_in_era_10_and_not_before() -> None:
    """Height 0 mints nothing, so era 0 is one block short."""
    minted = (HALVING - 1) * PARAMS.initial_reward
    for era in range(1, 10):
        minted += HALVING * (PARAMS.initial_reward >> era)
    assert minted < PARAMS.cap
    reward = PARAMS.initial_reward >> 10
    full, rest = divmod(PARAMS.cap - minted, reward)
    assert 0 < full < HALVING
    last = 10 * HALVING + full
    assert block_reward(PARAMS, last - 1, minted + (full - 1) * reward) == reward
    assert block_reward(PARAMS, last, minted + full * reward) == rest
    assert block_reward(PARAMS, last + 1, PARAMS.cap) == 0


def test_a_chain_that_reaches_its_cap_mints_the_rest_and_then_nothing() -> None:
    rewards = RewardParams(initial_reward=10, halving_blocks=2, cap=21)
    state = genesis_state(make_document(rewards=rewards))
    minted = []
    for _ in range(8):
        state, _ = advance(state)
        minted.append(supply_view(state).minted)
    assert minted == [10, 15, 20, 21, 21, 21, 21, 21]
    assert supply_view(state).next_reward == 0


@pytest.mark.parametrize("reward", [0, 1, 3, 49, 9_999, 1785 * 10**15])
def test_a_split_adds_up_and_the_pool_gets_the_remainder(reward: int) -> None:
    split = split_reward(PARAMS, reward)
    assert sum(split) == reward
    assert split.treasury == reward * 2 // 100
    assert split.proposer + split.voters == (reward - split.treasury) * 20 // 100
    assert split.voters == (split.proposer + split.voters) // 2


def test_the_first_block_pays_the_shares_of_the_design() -> None:
    split = split_reward(PARAMS, 1785 * 10**15)
    validators = 349_860_000_000_000_000
    assert split.proposer == split.voters == validators // 2
    assert (split.treasury, split.ai_pool) == (35_700_000_000_000_000, 1_399_440_000_000_000_000)


def test_the_proposer_gets_its_share_and_the_tips() -> None:
    draft = Draft(make_state(), 1)
    pay_proposer(draft, address(1), 1_000)
    split = split_reward(PARAMS, PARAMS.initial_reward)
    account = draft.account(address(1))
    assert account is not None
    assert account.balance == split.proposer + 1_000
    assert draft.counter(MINTED) == PARAMS.initial_reward
    assert draft.counter(TREASURY) == split.treasury
    assert draft.counter(AI_POOL) == split.ai_pool


def test_whoever_proposes_is_paid() -> None:
    state = make_state()
    share = split_reward(PARAMS, PARAMS.initial_reward).proposer
    for proposer in (0, 1):
        after, _ = advance(state, proposer_index=proposer)
        assert balance(after, proposer) == balance(state, proposer) + share
        assert balance(after, 1 - proposer) == balance(state, 1 - proposer)


@pytest.mark.parametrize("cap", [10**9, 4_321])
def test_what_earlier_blocks_minted_is_the_sum_of_their_rewards(cap: int) -> None:
    """The slow twin: every block's reward, one by one."""
    params = RewardParams(initial_reward=1_000, halving_blocks=4, cap=cap)
    minted = 0
    for height in range(1, 60):
        assert minted_before(params, height) == minted
        minted += block_reward(params, height, minted)
    assert minted_before(params, 10**6) == minted
