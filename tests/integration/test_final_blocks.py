"""What readers see while blocks become final: times, trouble with the index, no flicker."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
import trio
from trio.testing import MockClock

from aichain.chain import Chain
from aichain.feed import Feed
from aichain.mempool import Mempool
from aichain.metrics import Metrics
from aichain.node.backend import NodeBackend
from aichain.node.finalizer import Finalized, Finalizer
from aichain.node.ledger_writer import LedgerWriter
from aichain.rpc.backend import BlockView
from consensus.core.effects import Finalize
from consensus.headers import block_ref
from genesis import limits
from genesis.validators import ValidatorSet
from native.hashing import Hash32
from p2p.wire.messages import Status
from tests.clocks import FixedClock
from tests.integration.ledgers import Purse, build_on, certify, make_document, must

DOCUMENT = make_document()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    Chain.create(tmp_path, DOCUMENT)
    made = Chain.open(tmp_path, DOCUMENT)
    yield made
    made.close()


def finalizer(chain: Chain, clock: FixedClock) -> Finalizer:
    """Among a pool and a network that only listen."""

    def heard(*_: object) -> None: ...

    context = SimpleNamespace(
        network=SimpleNamespace(set_status=heard, gossip=heard),
        metrics=Metrics(network="devnet", version="test"),
        clock=clock,
        document=chain.document,
    )
    core = SimpleNamespace(epoch=0, view=1)
    return Finalizer(
        LedgerWriter(chain, trio.to_thread.run_sync),
        cast("Any", SimpleNamespace(after_final=heard)),
        Feed(capacity=4, max_readers=1),
        cast("Any", context),
        lambda: cast("Any", core),
    )


@pytest.mark.parametrize(("views_pass", "said_again"), [(False, 2), (True, 0)])
async def test_a_status_that_does_not_change_is_said_again(
    chain: Chain, autojump_clock: MockClock, views_pass: bool, said_again: int
) -> None:
    """Who missed it went on without knowing that it was behind, and two others waited for it."""
    network = SimpleNamespace(set_status=lambda _: None, said=[])
    network.push = lambda message, _to: network.said.append(message)
    context = SimpleNamespace(network=network, metrics=None, clock=None, document=chain.document)
    none = cast("Any", None)
    telling = Finalized(
        cast("Any", SimpleNamespace(chain=chain)),
        none,
        none,
        cast("Any", context),
        lambda: (0, int(trio.current_time()) if views_pass else 1),
    )
    with trio.move_on_after(31):
        await telling.run()
    assert len(network.said) == said_again
    assert set(network.said) <= {Status(0, chain.head.head.id, 0, 1, chain.head.head.id)}


def reader_of(chain: Chain, context: object, pool: object = None) -> NodeBackend:
    """What RPC reads, without a core, a network and a clock."""
    none = cast("Any", None)
    feed: Feed[BlockView] = Feed(capacity=4, max_readers=1)
    engine, rest = cast("Any", SimpleNamespace(state=None)), (none, none, feed)
    beside = cast("Any", SimpleNamespace(archive=none, accounts=None))
    return NodeBackend(chain, engine, cast("Any", pool), *rest, cast("Any", context), beside)


def next_block(chain: Chain) -> Finalize:
    built = build_on(chain.head)
    chain.adopt(built)
    header = built.block.header
    return Finalize(certify(header), (block_ref(header),))


@pytest.mark.parametrize(("late_ms", "kept"), [(40, True), (limits.LIVE_BLOCK_MS + 1, False)])
async def test_only_a_block_that_we_saw_become_final_has_a_time(
    chain: Chain, late_ms: int, kept: bool
) -> None:
    effect = next_block(chain)
    now_ms = effect.blocks[0].timestamp_ms + late_ms
    await finalizer(chain, FixedClock(now_ms)).finalize(effect)
    assert chain.finalized_at_ms == (now_ms if kept else None)
    assert must(chain.blocks.block_at(1)).finalized_at_ms == (now_ms if kept else None)


async def test_trouble_with_the_index_is_told_once(
    chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    each = finalizer(chain, FixedClock())
    with caplog.at_level("WARNING", "aichain"):
        await each.finalize(next_block(chain))
        assert not caplog.records
        chain._ledger.index.failed = "the disk is full"
        await each.finalize(next_block(chain))
        await each.finalize(next_block(chain))
    [record] = caplog.records
    assert "the disk is full" in record.getMessage()


async def test_the_voters_of_a_height_are_read_beside_the_loop(chain: Chain) -> None:
    threads: list[int] = []
    read = chain.blocks.validators_at

    def noted(height: int) -> ValidatorSet:
        threads.append(threading.get_ident())
        return read(height)

    context = SimpleNamespace(document=DOCUMENT, run_blocking=trio.to_thread.run_sync)
    backend = reader_of(chain, context)
    epoch_blocks = DOCUMENT.consensus.epoch_blocks
    with patch.object(chain.blocks, "validators_at", noted):
        for height in (1, 2 * epoch_blocks):
            assert await backend.validator_set(height) == DOCUMENT.validator_set
        assert await backend.validator_set(2 * epoch_blocks + 1) is None
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_a_transaction_is_never_lost_between_its_block_and_the_index(chain: Chain) -> None:
    signed = Purse().pay(DOCUMENT)
    context: Any = SimpleNamespace(document=DOCUMENT, run_blocking=trio.to_thread.run_sync)
    pool = SimpleNamespace(mempool=Mempool(max_weight=DOCUMENT.fees.max_block_weight))
    backend = reader_of(chain, context, pool)
    seen: list[bool | None] = []

    async def look() -> None:
        view = await backend.transaction(signed.id)
        place = view.placement if view is not None else None
        seen.append(place.final if place is not None else None)

    built = build_on(chain.head, [signed])
    chain.adopt(built)
    await look()
    blocks = [block_ref(built.block.header)]
    certificate = certify(built.block.header)
    index = chain._ledger.index
    add = index.add

    def look_and_add(blocks: Iterable[tuple[int, Sequence[Hash32]]]) -> None:
        trio.from_thread.run(look)  # the head has moved, the index has not
        add(blocks)

    with patch.object(index, "add", look_and_add):
        await trio.to_thread.run_sync(
            lambda: chain.finalize(blocks, certificate, finalized_at_ms=1)
        )
    await look()
    with patch.object(chain, "locate", return_value=None):  # asked a moment too early
        await look()
    assert seen == [False, True, True, True]
    for _ in range(limits.RECENT_FINAL_BLOCKS):
        effect = next_block(chain)
        chain.finalize(effect.blocks, effect.certificate, finalized_at_ms=None)
    assert len(chain.recent) == limits.RECENT_FINAL_BLOCKS
    assert chain.recent[0].header.height == 2
