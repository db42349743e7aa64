"""What is kept of the hard lane's decisions, and what can be found by them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.store.decisions import finality_of
from consensus.headers import block_ref
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.messages import Decision
from genesis import limits
from native.hashing import ZERO_HASH
from tests.integration.ledgers import build_on, certify, make_document, must
from vm.build import Built

DOCUMENT = make_document(epoch_blocks=8)
TERM = 2


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", 6)
    Chain.create(tmp_path, DOCUMENT)
    opened = Chain.open(tmp_path, DOCUMENT)
    yield opened
    opened.close()


def decide(chain: Chain, number: int, blocks: int, *, epoch: int | None = None) -> None:
    """Checkpoint `number` makes so many new blocks hard; none: a term starts anew."""
    line: list[Built] = []
    for _ in range(blocks):
        line.append(build_on(line[-1].state if line else chain.head))
        chain.execute(line[-1].block)
    head = line[-1].block.header if line else chain.head.head
    own = (max(head.height, 1) - 1) // 8 if epoch is None else epoch
    place = (number, ZERO_HASH, head.id, head.height, not blocks, ZERO_HASH, own, 1, 0, 5)
    checkpoint = Checkpoint(*place)
    final = replace(certify(head), height=number, block_id=checkpoint.id, epoch=own)
    refs = [block_ref(each.block.header) for each in line]
    chain.decide(refs, Decision(checkpoint, final), finalized_at_ms=7)


def kept(chain: Chain) -> list[int]:
    return [each.checkpoint.number for each in chain.decisions.from_number(1)]


def test_a_decision_is_written_with_its_blocks_and_found_after_a_restart(
    chain: Chain, tmp_path: Path
) -> None:
    assert chain.decisions.last is None
    decide(chain, 1, TERM)
    decide(chain, 2, 0)
    chain.close()
    again = Chain.open(tmp_path, DOCUMENT)
    last = must(again.decisions.last)
    assert (last.checkpoint.number, last.checkpoint.block_id) == (2, again.head.head.id)
    assert again.head.head.height == TERM
    again.close()
    Chain.open(tmp_path, DOCUMENT)  # for the fixture to close


def test_of_old_decisions_the_last_of_each_epoch_stays(chain: Chain) -> None:
    for number in range(1, 21):
        decide(chain, number, TERM)
    assert kept(chain) == [4, 8, 12, 16, 18, 19, 20]
    for height in range(1, 41):
        finality = must(finality_of(chain.blocks, chain.decisions, height))
        assert finality.headers[-1].height == height
        assert finality.headers[0].id == must(finality.checkpoint).block_id
        assert must(finality.checkpoint).epoch == (height - 1) // 8


def test_a_term_that_starts_anew_at_the_edge_does_not_hide_the_edges_own_decision(
    chain: Chain,
) -> None:
    """Both end at block 8; that of epoch 0 is what its voters are paid for, and proven by."""
    for number in range(1, 5):
        decide(chain, number, TERM)
    decide(chain, 5, 0, epoch=1)
    for number in range(6, 16):
        decide(chain, number, TERM)
    covering = must(chain.decisions.covering(8))
    assert (covering.checkpoint.number, covering.checkpoint.epoch) == (4, 0)
    assert 4 in kept(chain)
    assert must(chain.decisions.covering(9)).checkpoint.epoch == 1
