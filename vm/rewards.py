"""Emission: what a block mints, how it is split, and who is credited (ledger.md §12.4)."""

from typing import NamedTuple

from genesis.params import RewardParams
from genesis.units import BPS, Address
from vm.accounts import credit
from vm.draft import Draft
from vm.records import AI_POOL, MINTED, TREASURY, VOTER_POOL

ERAS = 64
"""From this halving era on nothing is minted; the cap has bitten long before, in era 10."""


class Split(NamedTuple):
    """The parts of one block reward."""

    treasury: int
    proposer: int
    voters: int
    ai_pool: int


def block_reward(params: RewardParams, height: int, minted: int) -> int:
    """initial_reward >> era, within the cap; `minted` is what all earlier blocks have minted."""
    era = height // params.halving_blocks
    if era >= ERAS:
        return 0
    return min(params.initial_reward >> era, params.cap - minted)


def minted_before(params: RewardParams, height: int) -> int:
    """What the blocks below `height` have minted, without their states: heights alone decide."""
    minted = 0
    for era in range(min(ERAS, height // params.halving_blocks + 1)):
        first = max(1, era * params.halving_blocks)  # block 0 mints nothing
        end = min(height, (era + 1) * params.halving_blocks)
        minted += max(0, end - first) * (params.initial_reward >> era)
    return min(minted, params.cap)


def proposer_income(params: RewardParams, height: int, tips: int) -> int:
    """What the proposer of a block is credited for it; voters are paid at the epoch's anchor."""
    reward = block_reward(params, height, minted_before(params, height))
    return split_reward(params, reward).proposer + tips


def split_reward(params: RewardParams, reward: int) -> Split:
    """The treasury's share first; the validators' share of the rest; the remainder is the pool's.

    Shares round down, so what a division leaves over goes to the AI reward pool, and of the
    validators' share to the proposer.
    """
    treasury = reward * params.treasury_bps // BPS
    rest = reward - treasury
    validators = rest * params.validator_bps // BPS
    voters = validators * params.voter_bps // BPS
    return Split(treasury, validators - voters, voters, rest - validators)


def pay_proposer(draft: Draft, proposer: Address, tips: int) -> None:
    """Mint this block's reward, and hand the proposer its part of it and all tips.

    The voters' part waits until the anchor of the epoch tells who they were.
    """
    params = draft.document.rewards
    minted = draft.counter(MINTED)
    reward = block_reward(params, draft.height, minted)
    split = split_reward(params, reward)
    draft.put_counter(MINTED, minted + reward)
    draft.put_counter(TREASURY, draft.counter(TREASURY) + split.treasury)
    draft.put_counter(AI_POOL, draft.counter(AI_POOL) + split.ai_pool)
    draft.put_counter(VOTER_POOL, draft.counter(VOTER_POOL) + split.voters)
    if split.proposer + tips:
        credit(draft, proposer, split.proposer + tips)
