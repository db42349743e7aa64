"""What a peer is served of the chain: proofs read once, and no more than its quota."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from aichain.chain import Chain
from aichain.errors import StoreCorrupt
from aichain.machine import Machine
from aichain.node.engine import Engine
from aichain.node.pool import TransactionPool
from aichain.node.responder import Responder
from aichain.store.failpoints import FailPoints
from aichain.store.paths import DataPaths
from aichain.store.snapshots import SnapshotShelf
from consensus.headers import block_ref
from genesis import limits
from p2p.errors import RequestFailed
from p2p.wire.messages import BlockRange, GetBlocks, GetRange
from tests.clocks import FixedClock
from tests.integration.ledgers import build_on, certify, make_document
from vm.blocks import Header

BLOCKS = 12


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Twelve blocks made final by one certificate."""
    document = make_document()
    Chain.create(tmp_path, document)
    made = Chain.open(tmp_path, document)
    state, headers = made.head, list[Header]()
    for _ in range(BLOCKS):
        built = build_on(state)
        made.adopt(built)
        state = built.state
        headers.append(built.block.header)
    made.finalize(
        [block_ref(header) for header in headers], certify(headers[-1]), finalized_at_ms=1
    )
    yield made
    made.close()


def responder(chain: Chain, clock: FixedClock) -> Responder:
    """Blocks are the chain's business alone: no pool and no core is asked."""
    shelf = SnapshotShelf(Path("nowhere"), FailPoints())
    return Responder(
        chain, cast("TransactionPool", None), cast("Engine", None), Machine(clock), shelf
    )


async def range_of(each: Responder, peer: str, height: int) -> BlockRange:
    answer = await each.answer(peer, GetRange(height, 1))
    assert isinstance(answer, BlockRange)
    return answer


async def test_the_header_path_of_a_certificate_is_read_once(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    each, read = responder(chain, FixedClock()), list[int]()
    covering = chain.blocks.certificate_covering

    def counted(height: int) -> object:
        read.append(height)
        return covering(height)

    monkeypatch.setattr(chain.blocks, "certificate_covering", counted)
    first = await range_of(each, "a", 2)
    assert first.certificate is not None
    assert first.certificate.height == BLOCKS
    for height in range(2, BLOCKS + 1):
        answer = await range_of(each, "a", height)
        assert answer.certificate == first.certificate
        assert answer.path == first.path[height - 2 :]
    assert read == [2]


async def test_a_peer_that_was_served_its_quota_of_headers_is_refused_until_time_has_passed(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FixedClock(1_000)
    each = responder(chain, clock)
    cost = BLOCKS  # one block, and the path from it to the certificate
    for _ in range(limits.SERVED_HEADERS_BURST // cost + 1):
        await range_of(each, "greedy", 1)
    with pytest.raises(RequestFailed):
        await range_of(each, "greedy", 1)
    assert (await range_of(each, "other", 1)).blocks
    clock.advance(1_000)
    assert (await range_of(each, "greedy", 1)).blocks


async def test_bytes_count_too(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock(1_000)
    each = responder(chain, clock)
    block_id = chain.head.head.id
    answer = await each.answer("a", GetBlocks((block_id,)))
    [data] = answer.blocks  # type: ignore[union-attr]  # Blocks answer GetBlocks
    size = len(data.header_raw) + len(data.body_raw)
    each._accounts["a"]._bytes.charge(clock.now_ms(), limits.SERVED_BYTES_BURST - 2 * size)
    await each.answer("a", GetBlocks((block_id,)))
    await each.answer("a", GetBlocks((block_id,)))
    with pytest.raises(RequestFailed):
        await each.answer("a", GetBlocks((block_id,)))


async def test_damage_that_a_question_comes_upon_is_said_once_and_stops_nothing(
    chain: Chain, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [segment] = DataPaths(tmp_path).bodies.iterdir()
    good = segment.read_bytes()
    header = chain.blocks.header_at(5)
    assert header is not None
    damaged = bytearray(good)
    damaged[good.index(header.raw) + 40] ^= 1
    segment.write_bytes(damaged)
    each = responder(chain, FixedClock())
    for peer in ("a", "b"):
        with pytest.raises(StoreCorrupt):
            await each.answer(peer, GetBlocks((header.id,)))
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(said) == 2
    assert str(segment) in said[0]
    assert "fix: move the chain directory away" in said[1]
