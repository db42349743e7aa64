"""Two lanes: coins are conserved in every block, and a term executed again is the same."""

from collections import Counter
from dataclasses import replace
from unittest.mock import patch

import pytest

from genesis.document import GenesisDocument
from genesis.params import RewardParams
from genesis.units import AI
from tests.builders_wide import make_wide_document
from tests.histories_lanes import FOUNDERS, Fast, LaneLedger, Stretch, Then, draw_history, merge
from vm.anchors import read_anchor
from vm.commitment import StateTree
from vm.queries import supply_view, validators_view
from vm.receipts import EventKind
from vm.rewards import ERAS
from vm.state import State
from vm.supply import scan_supply

HISTORIES = 40
REWARDS = RewardParams(initial_reward=AI, halving_blocks=5, cap=8 * AI)


def make_lane_document() -> GenesisDocument:
    """Short epochs, jail and unbonding, so that a history sees them begin and end."""
    document = make_wide_document(FOUNDERS, epoch_blocks=2, unbonding_blocks=4)
    assert document.has_lanes
    return replace(document, rewards=REWARDS)


DOCUMENT = make_lane_document()
MUST_OCCUR = {
    *(kind.name for kind in EventKind),
    *(f"then {then.name}" for then in Then),
    "jailed",
    "company pays",
    "voters paid",
    "cap reached",
    "blocks undone",
}


class Books:
    """Sums that the chain is not asked for: what was minted and burned, by its rules and events."""

    def __init__(self, seen: Counter[str]) -> None:
        self._seen = seen
        self._burned = {0: 0}
        """By height, of the branch we are on."""

    def check(self, ledger: LaneLedger, made: Fast) -> None:
        """supply = genesis + emission - burned, with every record summed anew."""
        state, height = made.state, made.state.head.height
        self._burned[height] = self._burned[height - 1] + burned_in(made)
        view = supply_view(state)
        assert view.minted == emission(height)
        assert view.burned == self._burned[height]
        records = dict(ledger.records)
        for each in ledger.fast:
            merge(records, each.state)
        scanned = scan_supply(DOCUMENT, records.items())
        assert scanned.total == DOCUMENT.supply + emission(height) - self._burned[height]
        assert min(scanned.balances, scanned.staked, scanned.unbonding) >= 0
        assert min(scanned.treasury, scanned.ai_pool, scanned.voter_pool) >= 0
        assert StateTree.build(records.items()).root == state.root
        self._note(made)

    def _note(self, made: Fast) -> None:
        seen, state = self._seen, made.state
        for receipt in made.receipts:
            seen.update(event.kind.name for event in receipt.events)
        for each in validators_view(state):
            seen["jailed"] += bool(each.jailed_until) and not each.is_tombstoned
        events = [event for receipt in made.receipts for event in receipt.events]
        slashes = [each.values for each in events if each.kind is EventKind.VALIDATOR_SLASHED]
        seen["company pays"] += any(values[3] for values in slashes)
        anchor = read_anchor(state.get)
        seen["voters paid"] += any(anchor.voters) and not anchor.pool
        seen["cap reached"] += emission(state.head.height) == REWARDS.cap


def emission(height: int) -> int:
    """What blocks 1 to `height` mint."""
    eras = (at // REWARDS.halving_blocks for at in range(1, height + 1))
    return min(REWARDS.cap, sum(REWARDS.initial_reward >> era for era in eras if era < ERAS))


def burned_in(made: Fast) -> int:
    """Fees, and what slashes took and gave to nobody."""
    burned = 0
    for receipt in made.receipts:
        burned += receipt.fee_burned
        for event in receipt.events:
            if event.kind is EventKind.VALIDATOR_SLASHED:
                _, slashed, reward, of_earlier = event.values
                assert isinstance(slashed, int)
                assert isinstance(reward, int)
                assert isinstance(of_earlier, int)
                burned += slashed - reward + of_earlier
    return burned


def require_same(made: Fast, before: Fast) -> None:
    assert made.receipts == before.receipts
    assert made.state.changes == before.state.changes
    assert made.state.root == before.state.root
    assert made.state.tip_record() == before.state.tip_record()


def live(stretches: list[Stretch], seen: Counter[str]) -> State:
    """One history of one node; its last state."""
    ledger, books = LaneLedger(DOCUMENT), Books(seen)
    for stretch in stretches:
        for wishes in stretch.blocks:
            books.check(ledger, ledger.add(wishes))
        seen[f"then {stretch.then.name}"] += 1
        match stretch.then:
            case Then.HARD:
                ledger.harden()
            case Then.FAST:
                pass
            case Then.OTHER:
                seen["blocks undone"] += len(ledger.undo(stretch.undone))
            case Then.AGAIN | Then.RESTART:
                undone = ledger.undo(len(ledger.fast))
                if stretch.then is Then.RESTART:
                    ledger.restart()
                for before in undone:
                    made = ledger.execute(before.block)
                    require_same(made, before)
                    books.check(ledger, made)
    return ledger.head


def test_coins_are_conserved_through_terms_that_are_undone_and_executed_again() -> None:
    seen: Counter[str] = Counter()
    with patch("vm.anchors.ABSENT_ANCHORS_MAX", 2):
        for seed in range(HISTORIES):
            live(draw_history(seed), seen)
    assert not [kind for kind in MUST_OCCUR if not seen[kind]], "too little has happened"


@pytest.mark.slow
def test_the_same_in_many_more_histories() -> None:
    with patch("vm.anchors.ABSENT_ANCHORS_MAX", 2):
        for seed in range(HISTORIES, 20 * HISTORIES):
            live(draw_history(seed), Counter())
