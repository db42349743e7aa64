"""Blocks that wait for finality: bounded, and none that becomes final is lost to the bound."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.errors import BlockLost, UnfinalizedFull
from genesis import limits
from tests.integration.ledgers import Purse, build_on, finalize, make_document

DOCUMENT = make_document()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    Chain.create(tmp_path, DOCUMENT)
    opened = Chain.open(tmp_path, DOCUMENT)
    yield opened
    opened.close()


def test_blocks_waiting_for_finality_are_bounded(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNFINALIZED_BLOCKS", 4)
    line = [build_on(chain.head)]
    chain.adopt(line[0])
    rivals = [build_on(chain.head, view=10 + n) for n in range(3)]
    for rival in rivals:
        chain.execute(rival.block)
    chain.state_of(rivals[0].block.id)
    for _ in range(2):
        line.append(build_on(line[-1].state))
        chain.execute(line[-1].block)
    left = {entry.block.id for entry in chain.above_head()}
    assert left == {rivals[0].block.id, *(built.block.id for built in line)}
    line.append(build_on(line[-1].state))
    chain.execute(line[-1].block)
    with pytest.raises(UnfinalizedFull):
        chain.execute(build_on(line[-1].state).block)
    finalize(chain, *line[:2])
    chain.execute(build_on(line[-1].state).block)


def test_a_block_that_made_room_is_executed_again_when_it_becomes_final(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNFINALIZED_BLOCKS", 3)
    line = [build_on(chain.head, [Purse().pay(DOCUMENT)])]
    line.append(build_on(line[0].state))
    for built in line:
        chain.execute(built.block)
    chain.make_durable(line[-1].block.id)
    rivals = [build_on(chain.head, view=10 + n) for n in range(4)]
    for rival in rivals:
        chain.execute(rival.block)
    assert not any(chain.is_executed(built.block.id) for built in line)
    with pytest.raises(BlockLost):
        finalize(chain, rivals[0])  # it made room too, before it was durable
    finals = finalize(chain, *line)
    assert [final.state_root for final in finals] == [built.state.root for built in line]
    assert chain.head.root == line[-1].state.root
    assert chain.blocks.block_at(1) is not None


def test_an_epoch_of_any_network_fits_into_what_waits_for_finality() -> None:
    """Within an epoch, blocks pile up until one is final; rivals of them need room too."""
    assert limits.EPOCH_BLOCKS_MAX <= limits.UNFINALIZED_BLOCKS * 2 // 3


def test_the_blocks_of_a_whole_term_can_be_fetched() -> None:
    """The syncer brings what is hard; whoever missed a term that is not has to fetch all of it."""
    assert limits.FETCHED_ANCESTORS_MAX >= limits.TERM_BLOCKS_MAX
