"""What a node does that catches up and is shown another hard chain than its own."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aichain.chain import Chain
from aichain.node.lanes.syncer import LaneSyncer, PeerLied
from consensus.headers import block_ref
from p2p.errors import RequestFailed
from p2p.wire.messages import BlockData, BlockRange, GetDecisions, GetRange
from tests.integration.ledgers import Purse, build_on, make_document
from vm.blocks import Block, encode_body

DOCUMENT = make_document()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    Chain.create(tmp_path, DOCUMENT)
    opened = Chain.open(tmp_path, DOCUMENT)
    yield opened
    opened.close()


def data_of(block: Block) -> BlockData:
    return BlockData(block.header.raw, encode_body(block.transactions))


async def fetch(
    hard: Block | Any, served: list[Block], end: Block, watch: Any = None
) -> list[Block]:
    """What becomes of these blocks when the hard lane decided on `end`."""

    async def request(_peer: str, asked: GetRange, _timeout_s: float) -> BlockRange:
        wanted = range(asked.from_height, asked.from_height + asked.count)
        given = (each for each in served if each.header.height in wanted)
        return BlockRange(tuple(map(data_of, given)), (), None)

    engine: Any = SimpleNamespace(state=SimpleNamespace(hard=hard))
    context: Any = SimpleNamespace(network=SimpleNamespace(request=request))
    nothing: Any = None
    syncer = LaneSyncer(engine, nothing, nothing, nothing, watch, context)
    checkpoint = SimpleNamespace(block_id=end.id, block_height=end.header.height)
    decision: Any = SimpleNamespace(checkpoint=checkpoint)
    return await syncer._blocks("peer", decision)


async def test_blocks_that_lead_from_ours_to_the_checkpoint_are_taken(chain: Chain) -> None:
    first = build_on(chain.head)
    second = build_on(first.state)
    served: list[Block] = [first.block, second.block]
    taken = await fetch(block_ref(chain.head.head), served, second.block)
    assert [block.id for block in taken] == [first.block.id, second.block.id]


async def test_a_true_decision_that_leads_to_another_chain_is_told_to_the_fork_watch(
    chain: Chain,
) -> None:
    ours = build_on(chain.head)
    theirs = build_on(chain.head, [Purse().pay(DOCUMENT)])
    above = build_on(theirs.state)
    shown: list[tuple[str, Any]] = []
    watch = SimpleNamespace(leads_elsewhere=lambda *told: shown.append(told))
    with pytest.raises(RequestFailed):
        await fetch(block_ref(ours.block.header), [above.block], above.block, watch)
    ((peer, decision),) = shown
    assert (peer, decision.checkpoint.block_id) == ("peer", above.block.id)


async def test_blocks_that_lead_nowhere_are_a_lie(chain: Chain) -> None:
    ours = build_on(chain.head)
    theirs = build_on(chain.head, [Purse().pay(DOCUMENT)])
    above, end = build_on(theirs.state), build_on(build_on(ours.state).state)
    with pytest.raises(PeerLied):  # its first block is of another chain, and so not followed
        await fetch(block_ref(ours.block.header), [above.block, end.block], end.block)


async def test_a_decision_that_the_lanes_took_meanwhile_blames_nobody() -> None:
    """The answer was right when we asked; its sender was banned for what gossip brought."""
    voters = SimpleNamespace(epoch=0, id=b"ballot on 3")
    engine: Any = SimpleNamespace(
        state=SimpleNamespace(number=3, ballot=SimpleNamespace(instance=voters))
    )
    checkpoint = SimpleNamespace(number=3, epoch=0, block_height=12)

    async def suspects(_peer: str, _decision: object) -> bool:
        return False

    watch: Any = SimpleNamespace(suspects=suspects)
    certificate = SimpleNamespace(instance_id=voters.id)
    decision = SimpleNamespace(checkpoint=checkpoint, certificate=certificate)

    async def request(_peer: str, asked: GetDecisions, _timeout_s: float) -> Any:
        assert asked.from_number == 3
        later = SimpleNamespace(epoch=0, id=b"ballot on 5")
        engine.state = SimpleNamespace(number=5, ballot=SimpleNamespace(instance=later))
        return SimpleNamespace(decisions=(decision,))

    async def verify_final(_certificate: object, ballot: object) -> None:
        assert ballot is voters

    certificates: Any = SimpleNamespace(verify_final=verify_final)
    context: Any = SimpleNamespace(network=SimpleNamespace(request=request))
    nothing: Any = None
    syncer = LaneSyncer(engine, certificates, nothing, nothing, watch, context)
    assert await syncer._ask("peer") is None
