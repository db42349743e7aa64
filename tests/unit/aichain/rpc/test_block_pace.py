"""How fast a chain is, by its last blocks."""

from dataclasses import dataclass

import pytest

from aichain.rpc.block_pace import Pace, finality_delays, pace_of


@dataclass(frozen=True)
class Block:
    height: int
    timestamp_ms: int
    finalized_at_ms: int | None = None
    transaction_count: int = 2


BLOCKS = [Block(9 + n, 500 * n, 500 * n + 40 + 8 * n) for n in range(10)]


def test_medians_of_blocks_that_follow_each_other() -> None:
    assert pace_of(BLOCKS) == Pace(500, 76, 112, 4.0)


def test_a_pause_is_no_interval_and_costs_throughput() -> None:
    late = [*BLOCKS, Block(19, 500 * 9 + 60_000)]
    assert pace_of(late).interval_ms == 500
    assert pace_of(late).transactions_per_second == pytest.approx(2000 * 10 / 64_500)


def test_of_blocks_that_were_left_out_nothing_is_said() -> None:
    left_out = [*BLOCKS[:3], *BLOCKS[8:]]
    assert pace_of(left_out).interval_ms == 500
    assert pace_of(left_out).transactions_per_second == pytest.approx(4.0)


def test_the_time_of_block_0_is_of_a_document() -> None:
    assert pace_of([Block(0, 0, 7), Block(1, 10**12)]) == Pace(None, None, None, None)


def test_of_too_few_blocks_nothing_is_known() -> None:
    assert pace_of([]) == Pace(None, None, None, None)
    assert pace_of([Block(1, 0, 40)]) == Pace(None, 40, 40, None)


def test_a_clock_that_is_behind_makes_no_block_final_before_its_time() -> None:
    assert finality_delays([Block(1, 500, 480), Block(2, 1000), Block(3, 1500, 1530)]) == [0, 30]
