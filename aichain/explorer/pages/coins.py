"""Where all coins are, how they come into being, and who is paid for blocks."""

from collections import Counter
from dataclasses import dataclass

from aichain.explorer.drawings import CURVE_HEIGHT, CURVE_WIDTH, emission_curve
from aichain.explorer.visit import Page, Visit
from aichain.explorer.window import RecentBlock
from aichain.rpc.methods.aichain import get_supply
from aichain.rpc.registry import NoParams
from aichain.rpc.results.result import AddressHex, AmountText, Count, Result
from genesis.limits import EXPLORER_ROWS
from genesis.params import RewardParams
from vm.rewards import block_reward, minted_before, proposer_income, split_reward

_ERAS_SHOWN = 6
_BLOCKS_SHOWN = 12
_ERAS_DRAWN = 8


@dataclass(frozen=True, slots=True)
class Part:
    """A share of something, in thousandths of it."""

    name: str
    amount: str
    permille: int
    about: str


class Split(Result, frozen=True):
    """How the reward of one block is divided."""

    reward: AmountText
    proposer: AmountText
    voters: AmountText
    ai_pool: AmountText
    treasury: AmountText


class Income(Result, frozen=True):
    """What the blocks of the window brought one proposer."""

    address: AddressHex
    blocks: Count
    income: AmountText


@dataclass(frozen=True, slots=True)
class Era:
    number: int
    first_height: int
    reward: str
    minted: str


async def supply(visit: Visit) -> Page:
    """Every coin, and the curve that new ones follow."""
    found = await get_supply(visit.context, NoParams())
    params = visit.context.backend.head().document.rewards
    total = int(found.total)
    places = [
        ("Accounts", found.balances, "free to spend"),
        ("Staked", found.staked, "by validators"),
        ("Unbonding", found.unbonding, "taken back, not free yet"),
        ("AI reward pool", found.ai_pool, "waits for work to pay"),
        ("Treasury", found.treasury, "its share of each block"),
        ("Voters' pool", found.voter_pool, "paid when an epoch's votes are counted"),
    ]
    return Page(
        template="supply.html",
        title="Supply",
        results={"aichain_supply": found},
        values={
            "supply": found,
            "parts": [
                Part(name, amount, 1000 * int(amount) // total, about)
                for name, amount, about in places
            ],
            "eras": _eras(params, found.height),
            "era": found.height // params.halving_blocks,
            "halving_blocks": params.halving_blocks,
            "curve": emission_curve(params, found.height, _ERAS_DRAWN),
            "curve_size": (CURVE_WIDTH, CURVE_HEIGHT),
            "minted_permyriad": 10_000 * int(found.minted) // params.cap,
        },
    )


async def rewards(visit: Visit) -> Page:
    """How a block's reward is divided, and what the last proposers got."""
    found = await get_supply(visit.context, NoParams())
    params = visit.context.backend.head().document.rewards
    reward = int(found.next_reward)
    split = split_reward(params, reward)
    shown = Split(
        str(reward), str(split.proposer), str(split.voters), str(split.ai_pool), str(split.treasury)
    )
    parts = [
        ("AI reward pool", split.ai_pool, "kept for proved AI work"),
        ("Proposer", split.proposer, "and all tips of its block"),
        ("Voters", split.voters, "by stake, once an epoch, to those whose votes were seen"),
        ("Treasury", split.treasury, "taken first"),
    ]
    blocks = [block for block in visit.window.all() if block.height]
    incomes = _incomes(params, blocks)
    return Page(
        template="rewards.html",
        title="Rewards",
        results={"nextReward": shown, "incomes": incomes, "recentBlocks": blocks[-EXPLORER_ROWS:]},
        values={
            "split": shown,
            "parts": [
                Part(name, str(amount), 1000 * amount // reward if reward else 0, about)
                for name, amount, about in parts
            ],
            "incomes": incomes,
            "most": max((int(each.income) for each in incomes), default=0),
            "recent": [
                (block, str(proposer_income(params, block.height, int(block.tips))))
                for block in reversed(blocks[-_BLOCKS_SHOWN:])
            ],
            "first": blocks[0].height if blocks else None,
            "last": blocks[-1].height if blocks else None,
            "voter_pool": found.voter_pool,
        },
    )


def _incomes(params: RewardParams, blocks: list[RecentBlock]) -> list[Income]:
    """The highest first; blocks whose proposer is not known any more are left out."""
    made, income = Counter[str](), Counter[str]()
    for block in blocks:
        if block.proposer is not None:
            made[block.proposer] += 1
            income[block.proposer] += proposer_income(params, block.height, int(block.tips))
    return [Income(each, made[each], str(amount)) for each, amount in income.most_common()]


def _eras(params: RewardParams, height: int) -> list[Era]:
    """This era and the ones after it."""
    present = height // params.halving_blocks
    shown = range(present, present + _ERAS_SHOWN)
    return [
        Era(
            number=era,
            first_height=era * params.halving_blocks,
            reward=str(block_reward(params, first, minted_before(params, first))),
            minted=str(
                minted_before(params, first + params.halving_blocks) - minted_before(params, first)
            ),
        )
        for era, first in ((era, max(1, era * params.halving_blocks)) for era in shown)
    ]
