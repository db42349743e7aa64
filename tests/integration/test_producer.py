"""A proposer whose memory of unfinal blocks is full skips its turn and stays up."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from aichain.chain import Chain
from aichain.mempool import Mempool
from aichain.node.electorates import Electorates
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.producer import Producer
from aichain.node.reveals import Reveals
from consensus.core.effects import BuildBlock
from consensus.core.events import BlockBuilt, Event
from consensus.headers import block_ref
from genesis import limits
from genesis.networks import founder_key
from genesis.units import address_of_key
from native.hashing import Hash32
from tests.clocks import FixedClock
from tests.integration.ledgers import make_document


async def test_no_room_for_our_own_block_costs_the_turn_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    document = make_document()
    Chain.create(tmp_path, document)
    chain = Chain.open(tmp_path, document)
    pool = SimpleNamespace(
        mempool=Mempool(max_weight=document.fees.max_block_weight),
        accusations=SimpleNamespace(candidates=tuple),
    )
    run_blocking = trio.to_thread.run_sync
    founder = founder_key("devnet", 0)
    context = SimpleNamespace(
        network=None,
        clock=FixedClock(7),
        run_blocking=run_blocking,
        electorates=Electorates(chain),
    )
    producer = Producer(
        LedgerWriter(chain, run_blocking),
        cast("Any", pool),
        cast("Any", context),
        validator=address_of_key(founder.public_key),
        reveals=Reveals(founder),
    )
    posted = list[Event]()
    parent = chain.head.head
    turn = BuildBlock(
        instance_id=Hash32(b"i" * 32),
        epoch=0,
        view=1,
        parent=block_ref(parent),
        parent_view=0,
        timestamp_ms=parent.timestamp_ms + 500,
    )
    await producer.build(turn, posted.append)
    assert [type(event) for event in posted] == [BlockBuilt]
    [first] = chain.above_head()
    following = replace(
        turn,
        view=2,
        parent=block_ref(first.header),
        parent_view=1,
        timestamp_ms=parent.timestamp_ms + 1_000,
    )
    monkeypatch.setattr(limits, "UNFINALIZED_BLOCKS", 1)
    with caplog.at_level("WARNING", "aichain"):
        await producer.build(following, posted.append)
    assert len(posted) == 1
    assert "no block of ours in view 2" in caplog.text
    chain.close()
