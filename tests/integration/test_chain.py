"""The ledger's only writer: what it executes, keeps, commits and gives back."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.errors import (
    HomeLocked,
    HomeMissing,
    ParentNotExecuted,
    WrongChain,
)
from aichain.store import keys
from aichain.store.kv import Batch
from aichain.store.leveldb import LevelStore
from aichain.store.paths import DataPaths
from consensus.headers import block_ref
from genesis import limits
from native.hashing import ZERO_HASH
from tests.integration.ledgers import (
    Purse,
    build_on,
    certify,
    extend,
    finalize,
    make_document,
    must,
    record_writes,
)
from vm.blocks import VerifiedBlock, decode_body
from vm.build import Built
from vm.errors import InvalidBlock
from vm.queries import account_view

DOCUMENT = make_document()
SHORT_EPOCHS = make_document(epoch_blocks=4)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    Chain.create(tmp_path, DOCUMENT)
    opened = Chain.open(tmp_path, DOCUMENT)
    yield opened
    opened.close()


def test_a_new_chain_stands_at_genesis(chain: Chain) -> None:
    head = chain.head
    assert head.head.height == 0
    assert chain.finalized_at_ms is None
    stored = chain.blocks.block_at(0)
    assert stored is not None
    assert stored.header == head.head
    assert stored.state_root == head.root
    assert chain.blocks.block_by_id(head.head.id) == stored
    assert chain.blocks.certificate_covering(0) is None
    assert chain.is_executed(head.head.id)
    assert chain.unfinalized() == ()


def test_a_final_block_is_found_by_height_id_and_transaction(chain: Chain) -> None:
    purse = Purse()
    signed = purse.pay(DOCUMENT, 5)
    final = extend(chain, [signed], at_ms=1_234)
    stored = chain.blocks.block_at(1)
    assert stored is not None
    assert stored.block == final.block
    assert stored.receipts == final.receipts
    assert stored.receipts[0].tx_id == signed.id
    assert stored.state_root == final.state_root == chain.head.root
    assert stored.finalized_at_ms == chain.finalized_at_ms == 1_234
    assert chain.blocks.block_by_id(final.header.id) == stored
    location = chain.locate(signed.id)
    assert location is not None
    assert (location.height, location.index) == (1, 0)
    assert account_view(chain.head, purse.recipient).balance == 5
    raw = chain.blocks.raw_at(1)
    assert raw is not None
    assert raw.header_raw == final.header.raw
    assert decode_body(raw.body_raw) == (signed,)
    assert chain.raw_block(final.header.id) == raw
    assert chain.header_of(final.header.id) == final.header


def test_what_is_unknown_is_none(chain: Chain) -> None:
    assert chain.blocks.block_at(1) is None
    assert chain.blocks.block_by_id(ZERO_HASH) is None
    assert chain.locate(ZERO_HASH) is None
    assert chain.state_of(ZERO_HASH) is None
    assert chain.header_of(ZERO_HASH) is None
    assert chain.raw_block(ZERO_HASH) is None


def test_a_restart_finds_the_same_chain(tmp_path: Path) -> None:
    Chain.create(tmp_path, DOCUMENT)
    chain = Chain.open(tmp_path, DOCUMENT)
    purse = Purse()
    finals = [extend(chain, [purse.pay(DOCUMENT)] if n % 2 else []) for n in range(6)]
    root = chain.head.root
    chain.close()
    again = Chain.open(tmp_path, DOCUMENT)
    assert again.recovery_note == ""
    assert again.head.head == finals[-1].header
    assert again.head.root == root
    assert [again.blocks.header_at(n + 1) for n in range(6)] == [f.header for f in finals]
    extend(again, [purse.pay(DOCUMENT)])
    assert again.head.head.height == 7
    again.close()


def test_several_blocks_become_final_in_one_commit(chain: Chain) -> None:
    purse = Purse()
    first = build_on(chain.head, [purse.pay(DOCUMENT)])
    chain.adopt(first)
    second = build_on(first.state, [purse.pay(DOCUMENT)])
    assert chain.execute(second.block).root == second.state.root
    third = build_on(second.state)
    chain.execute(third.block)
    finals = finalize(chain, first, second, third)
    assert [final.header.height for final in finals] == [1, 2, 3]
    assert {final.certificate.height for final in finals} == {3}
    assert account_view(chain.head, purse.address).nonce == 2
    covering = chain.blocks.certificate_covering(1)
    assert covering is not None
    assert [header.height for header in covering.headers] == [3, 2, 1]
    assert covering.certificate.block_id == covering.headers[0].id
    for child, parent in zip(covering.headers, covering.headers[1:], strict=False):
        assert child.parent_id == parent.id
    assert chain.blocks.certificate_at(1) is None
    assert chain.blocks.certificate_at(3) == finals[0].certificate


def test_a_rival_of_a_final_block_is_forgotten_and_its_children_too(chain: Chain) -> None:
    winner, loser = build_on(chain.head), build_on(chain.head, view=2)
    child = build_on(loser.state, view=3)
    chain.adopt(winner)
    for built in (loser, child):
        chain.execute(built.block)
    heir = build_on(winner.state, view=4)
    chain.execute(heir.block)
    finalize(chain, winner)
    assert chain.state_of(loser.block.id) is None
    assert chain.state_of(child.block.id) is None
    assert [entry.block.id for entry in chain.above_head()] == [heir.block.id]
    with pytest.raises(ParentNotExecuted):
        chain.execute(child.block)
    finalize(chain, heir)
    assert chain.head.head.id == heir.block.id


def test_an_old_head_still_answers_with_its_own_state(chain: Chain) -> None:
    purse = Purse()
    before = chain.head
    extend(chain, [purse.pay(DOCUMENT, 5)])
    middle = chain.head
    extend(chain, [purse.pay(DOCUMENT, 7)])
    balances = [account_view(s, purse.recipient).balance for s in (before, middle, chain.head)]
    assert balances == [0, 5, 12]


def test_an_invalid_block_is_refused_and_not_remembered(chain: Chain) -> None:
    built = build_on(chain.head)
    forged = VerifiedBlock(
        replace(built.block, header=replace(built.block.header, parent_state_root=ZERO_HASH))
    )
    with pytest.raises(InvalidBlock):
        chain.execute(forged)
    assert not chain.is_executed(forged.id)


def test_a_block_is_durable_with_its_ancestors_before_a_vote(chain: Chain) -> None:
    first = build_on(chain.head)
    second = build_on(first.state)
    chain.execute(first.block)
    chain.execute(second.block)
    assert not chain.is_durable(second.block.id)
    chain.make_durable(second.block.id)
    assert chain.is_durable(first.block.id)
    assert chain.is_durable(second.block.id)


def test_durable_blocks_above_the_head_come_back_after_a_restart(tmp_path: Path) -> None:
    Chain.create(tmp_path, DOCUMENT)
    chain = Chain.open(tmp_path, DOCUMENT)
    purse = Purse()
    extend(chain, [purse.pay(DOCUMENT)])
    first = build_on(chain.head, [purse.pay(DOCUMENT)])
    second, rival = build_on(first.state), build_on(first.state, view=9)
    for built in (first, second, rival):
        chain.execute(built.block)
        chain.make_durable(built.block.id)
    size = sum(path.stat().st_size for path in DataPaths(tmp_path).bodies.iterdir())
    chain.close()
    again = Chain.open(tmp_path, DOCUMENT)
    left = again.unfinalized()
    assert [block.id for block in left] == [b.block.id for b in (first, second, rival)]
    for block in left:
        again.execute(block)
        assert again.is_durable(block.id)
    finalize(again, first, second)
    assert again.head.root == second.state.root
    assert again.unfinalized() == ()
    grown = sum(path.stat().st_size for path in DataPaths(tmp_path).bodies.iterdir())
    assert grown == size, "what was durable is not written twice"
    again.close()


def test_pending_nonces_count_what_is_above_the_head(chain: Chain) -> None:
    purse, other = Purse(0), Purse(1)
    first = build_on(chain.head, [purse.pay(DOCUMENT), purse.pay(DOCUMENT)])
    second = build_on(first.state, [other.pay(DOCUMENT)])
    chain.adopt(first)
    chain.adopt(second)
    assert chain.pending_nonces(first.block.id) == {purse.address: 2}
    assert chain.pending_nonces(second.block.id) == {purse.address: 2, other.address: 1}
    assert chain.pending_nonces(chain.head.head.id) == {}


def test_the_last_certificate_of_each_epoch_outlives_the_hot_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", 6)
    Chain.create(tmp_path, SHORT_EPOCHS)
    chain = Chain.open(tmp_path, SHORT_EPOCHS)
    for _ in range(19):
        extend(chain)
    kept = [height for height in range(20) if chain.blocks.certificate_at(height)]
    assert kept == [4, 8, 12, *range(14, 20)]
    for height in range(1, 20):
        path = chain.blocks.certificate_covering(height)
        assert path is not None
        assert path.headers[-1].height == height
        assert len(path.headers) <= 4
    chain.close()


def test_old_certificates_stay_at_least_every_so_many_bytes_of_bodies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", 6)
    monkeypatch.setattr(limits, "CERTIFICATE_SPACING_BYTES", 1_500)
    Chain.create(tmp_path, SHORT_EPOCHS)
    chain = Chain.open(tmp_path, SHORT_EPOCHS)
    for _ in range(19):
        extend(chain)
    old = range(1, 13)
    kept = [height for height in old if chain.blocks.certificate_at(height)]
    positions = [must(chain.blocks.record_at(height)).position for height in kept]
    assert {4, 8, 12} < set(kept) < set(old)
    for earlier, later in pairwise(positions):
        assert later.offset - earlier.end < 2 * 1_500
    chain.close()


def test_sparse_certificates_of_a_synced_node_are_pruned_without_losing_cover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", 3)
    Chain.create(tmp_path, SHORT_EPOCHS)
    chain = Chain.open(tmp_path, SHORT_EPOCHS)
    for size in (3, 3, 3, 1, 1, 3, 2, 3):
        line: list[Built] = []
        for _ in range(size):
            line.append(build_on(line[-1].state if line else chain.head))
            chain.execute(line[-1].block)
        finalize(chain, *line)
    for height in range(1, chain.head.head.height + 1):
        assert chain.blocks.certificate_covering(height) is not None
    kept = [height for height in range(1, 20) if chain.blocks.certificate_at(height)]
    assert kept == [3, 6, 11, 16, 19]
    chain.close()


def test_the_index_catches_up_when_it_was_lost_or_damaged(tmp_path: Path) -> None:
    Chain.create(tmp_path, DOCUMENT)
    chain = Chain.open(tmp_path, DOCUMENT)
    purse = Purse()
    signed = [purse.pay(DOCUMENT) for _ in range(3)]
    for each in signed:
        extend(chain, [each])
    chain.close()
    index = DataPaths(tmp_path).index
    for path in index.iterdir():
        path.write_bytes(b"\xa5" * path.stat().st_size)
    again = Chain.open(tmp_path, DOCUMENT)
    assert [must(again.locate(each.id)).height for each in signed] == [1, 2, 3]
    assert again.index_trouble == ""
    again.close()


def test_without_the_index_nothing_is_located_and_it_catches_up_later(tmp_path: Path) -> None:
    Chain.create(tmp_path, DOCUMENT)
    chain = Chain.open(tmp_path, DOCUMENT, index=False)
    signed = Purse().pay(DOCUMENT)
    extend(chain, [signed])
    assert chain.locate(signed.id) is None
    assert "off" in chain.index_trouble
    chain.close()
    again = Chain.open(tmp_path, DOCUMENT)
    assert must(again.locate(signed.id)).height == 1
    again.close()


def test_one_process_a_home_and_the_right_document_only(tmp_path: Path) -> None:
    with pytest.raises(HomeMissing):
        Chain.open(tmp_path / "nowhere", DOCUMENT)
    assert not Chain.exists(tmp_path)
    Chain.create(tmp_path, DOCUMENT)
    assert Chain.exists(tmp_path)
    chain = Chain.open(tmp_path, DOCUMENT)
    with pytest.raises(HomeLocked, match="process"):
        Chain.open(tmp_path, DOCUMENT)
    chain.close()
    with pytest.raises(WrongChain):
        Chain.open(tmp_path, SHORT_EPOCHS)
    Chain.open(tmp_path, DOCUMENT).close()


def test_a_commit_writes_in_the_order_that_recovery_relies_on(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = record_writes(monkeypatch)
    write = LevelStore.write

    def recorded(store: LevelStore, batch: Batch, *, sync: bool) -> None:
        write(store, batch, sync=sync)
        order.append(f"{'state' if keys.TIP in batch else 'index'} sync={sync}")

    monkeypatch.setattr(LevelStore, "write", recorded)
    built = build_on(chain.head, [Purse().pay(DOCUMENT)])
    chain.execute(built.block)
    chain.finalize(
        [block_ref(built.block.header)],
        certify(built.block.header),
        finalized_at_ms=None,
    )
    assert order == ["write", "sync", "state sync=True", "index sync=False"]


def test_what_does_not_extend_the_head_is_our_bug(chain: Chain) -> None:
    first = build_on(chain.head)
    chain.adopt(first)
    second = build_on(first.state)
    chain.adopt(second)
    with pytest.raises(AssertionError):
        finalize(chain, second)
    with pytest.raises(AssertionError):
        chain.finalize(
            [block_ref(first.block.header)], certify(second.block.header), finalized_at_ms=None
        )
    assert chain.head.head.height == 0
