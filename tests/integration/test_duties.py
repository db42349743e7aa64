"""What a validator does besides voting: it counts votes for the anchor, and renews its onion."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aichain.chain import Chain
from consensus.certificates import QuorumCertificate
from genesis.networks import founder_key, local_document
from genesis.units import address_of_key
from tests.integration.lane_nodes import lane_cluster
from tests.integration.nodes import Running, RunningNode, cluster, place_at, until
from tests.simulation.nodes.virtual_time import run_virtual, slowness, virtual_machine
from vm.anchors import closing_height, read_anchor
from vm.onions import OnionRecord, onion_at
from vm.queries import account_view
from vm.receipts import EventKind

EPOCH_BLOCKS = 8
EPOCHS_SEEN = 4
FOUNDERS = 4
EPOCHS = 6


def test_everybody_is_counted_and_paid_for_its_vote(tmp_path: Path) -> None:
    async def story() -> None:
        machine = virtual_machine()
        async with cluster(tmp_path, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=machine) as net:
            nodes = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: nodes[0].height >= EPOCH_BLOCKS, 60)
            before = [_balance(nodes[0], index) for index in range(FOUNDERS)]
            counted: set[int] = set()
            for epoch in range(1, EPOCHS):
                last = (epoch + 1) * EPOCH_BLOCKS - 1
                await until(lambda last=last: nodes[0].height >= last, 60)  # type: ignore[misc]
                anchor = read_anchor(nodes[0].node.chain.head.get)
                counted |= {place for place in range(FOUNDERS) if anchor.has(place)}
            assert counted == set(range(FOUNDERS))
            paid = [
                event.attributes
                for height in range(1, nodes[0].height)
                for receipt in nodes[0].node.chain.blocks.receipts_at(height)
                for event in receipt.events
                if event.kind is EventKind.VOTES_COUNTED
            ]
            assert len(paid) >= EPOCHS - 1
            after = [_balance(nodes[0], index) for index in range(FOUNDERS)]
            assert all(now > then for now, then in zip(after, before, strict=True))

    run_virtual(story, seed=5)


@pytest.mark.parametrize(
    ("made", "brought_by"), [(cluster, "itself"), (cluster, "others"), (lane_cluster, "others")]
)
def test_who_is_slower_than_every_quorum_is_counted_all_the_same(
    tmp_path: Path, made: Callable[..., AbstractAsyncContextManager[Any]], brought_by: str
) -> None:
    """No certificate ever holds its vote. It brings it itself, after many others that it gave
    meanwhile, when its turn comes; or the others do, to whom it came too late."""

    async def story() -> None:
        machine = virtual_machine()
        async with made(tmp_path, FOUNDERS, epoch_blocks=16, machine=machine) as net:
            nodes = [await net.start(index) for index in range(FOUNDERS - 1)]
            slowness.set(10.0)
            slow = await net.start(FOUNDERS - 1)
            place = place_at(slow, FOUNDERS - 1)
            assert place is not None
            for node in nodes if brought_by == "itself" else [slow]:
                _forget(node, "keep" if brought_by == "itself" else "note")
            closed = closing_height(EPOCHS_SEEN - 1, net.document.consensus)
            await until(lambda: nodes[0].height >= closed, 240)
            chain = nodes[0].node.chain
            assert not any(place in each.voter_indices for each in _certificates(chain))
            counted = _votes_counted(chain)
            if not net.document.has_lanes:
                assert counted == dict.fromkeys(range(EPOCHS_SEEN), FOUNDERS)
            # Of two lanes, ballots are over before who is so slow has voted in each of them.
            assert set(counted.values()) <= {FOUNDERS - 1, FOUNDERS}
            assert 2 * list(counted.values()).count(FOUNDERS) >= EPOCHS_SEEN

    run_virtual(story, seed=5)


def _certificates(chain: Chain) -> list[QuorumCertificate]:
    """What made the epochs' last blocks final."""
    if chain.document.has_lanes:
        found = [chain.decisions.covering(16 * (epoch + 1)) for epoch in range(EPOCHS_SEEN)]
        certificates = [None if each is None else each.certificate for each in found]
    else:
        certificates = [chain.blocks.certificate_at(16 * (e + 1)) for e in range(EPOCHS_SEEN)]
    held = [each for each in certificates if each is not None]
    assert len(held) == EPOCHS_SEEN
    return held


def _votes_counted(chain: Chain) -> dict[int, int]:
    """How many votes for each epoch's last block were brought on chain."""
    counted: Counter[int] = Counter()
    for height in range(1, closing_height(EPOCHS_SEEN - 1, chain.document.consensus) + 1):
        stored = chain.blocks.block_at(height)
        assert stored is not None
        for receipt in stored.receipts:
            for event in receipt.events:
                if event.kind is EventKind.VOTES_COUNTED:
                    epoch, votes = event.values
                    assert isinstance(epoch, int)
                    assert isinstance(votes, int)
                    counted[epoch] += votes
    return dict(counted)


def _forget(running: Running[Any], what: str) -> None:
    """It notes no own vote, or keeps nobody's late one."""
    anchors = running.node.services.producer._anchors
    setattr(anchors, what, lambda signed: None)


def test_an_onion_is_renewed_before_it_is_used_up(tmp_path: Path) -> None:
    async def story() -> None:
        machine = virtual_machine()
        document = local_document("testnet", FOUNDERS, onion_length=24)
        consensus = replace(document.consensus, epoch_blocks=EPOCH_BLOCKS)
        async with cluster(tmp_path, FOUNDERS, machine=machine) as net:
            net.document = replace(document, consensus=consensus)
            nodes = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: nodes[0].height >= 24 * FOUNDERS + EPOCH_BLOCKS, 120)
            onions = [_onion(nodes[0], index) for index in range(FOUNDERS)]
            assert [onion.renewals for onion in onions] == [1] * FOUNDERS

    run_virtual(story, seed=6)


def _balance(node: RunningNode, founder: int) -> int:
    owner = address_of_key(founder_key("testnet", founder).public_key)
    return account_view(node.node.chain.head, owner).balance


def _onion(node: RunningNode, founder: int) -> OnionRecord:
    head = node.node.chain.head
    return onion_at(head.get, founder, head.head.height // EPOCH_BLOCKS)
