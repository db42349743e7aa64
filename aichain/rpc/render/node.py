"""A node, its peers and its mempool as results."""

from collections.abc import Sequence

from msgspec import UNSET

from aichain.rpc.backend import MempoolView, NodeStatus
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.render.transactions import show_transaction
from aichain.rpc.results import node as results
from consensus.core.state import State as CoreState
from consensus.lanes.state import Lanes
from genesis.upgrades import next_upgrade
from p2p.network import Direction, PeerView
from vm.state import State


def show_status(
    status: NodeStatus, state: State, core: CoreState | Lanes, now_ms: int
) -> results.Status:
    engines, joining = status.engines, status.joining
    coming = next_upgrade(state.document.upgrades, status.height)
    return results.Status(
        network=status.network,
        chain_id=status.network_id,
        genesis_hash=show_bytes(status.genesis_hash),
        node_id=status.peer_id,
        height=status.height,
        block_hash=show_bytes(status.block_id),
        state_root=show_bytes(status.state_root),
        finalized_at_ms=status.finalized_at_ms,
        finalized_ago_ms=max(0, now_ms - status.finalized_at_ms),
        now_ms=now_ms,
        clock_offset_ms=status.clock_offset_ms,
        epoch=status.epoch,
        view=status.view,
        peers=status.peers,
        validator_index=status.validator_index,
        voting=status.voting,
        syncing=status.syncing,
        target_height=status.target_height,
        first_height=status.first_height,
        version=status.version,
        signature_engine=engines.verifies,
        accelerators=list(engines.accelerators),
        hash_engine=engines.hashes,
        kernels_compiled=engines.is_compiled,
        block_version=int(state.document.block_version(status.height + 1)),
        next_upgrade=None
        if coming is None
        else results.NextUpgrade(
            block_version=int(coming.block_version), from_height=coming.from_height
        ),
        base_fee=str(state.base_fee),
        account_creation_fee=str(state.document.fees.account_creation_fee),
        fast_height=_fast_height(core) if isinstance(core, Lanes) else UNSET,
        checkpoint=core.checkpoint.number if isinstance(core, Lanes) else UNSET,
        snapshot_stage=UNSET if joining is None else joining.stage,
        snapshot_height=UNSET if joining is None else joining.height,
        snapshot_part=UNSET if joining is None else joining.part,
        snapshot_parts=UNSET if joining is None else joining.parts,
        indexed_height=UNSET if status.indexed_height is None else status.indexed_height,
        clock_trouble=status.clock_trouble or UNSET,
        index_trouble=status.index_trouble or UNSET,
        archive_trouble=status.archive_trouble or UNSET,
        engine_trouble="; ".join(map(str, engines.faults)) or UNSET,
    )


def _fast_height(lanes: Lanes) -> int:
    """How far committees run ahead of what is hard."""
    fast = (block.height for term in lanes.terms for block in term.fast)
    return max(fast, default=lanes.hard.height)


def show_peers(peers: Sequence[PeerView]) -> list[results.Peer]:
    return [
        results.Peer(
            peer_id=peer.peer_id,
            address=peer.address,
            direction="inbound" if peer.direction is Direction.INBOUND else "outbound",
            agent=peer.agent,
            validator_key=show_bytes(peer.validator_key) if peer.validator_key else None,
            final_height=peer.final_height,
            final_hash=show_bytes(peer.final_id),
            epoch=peer.epoch,
            view=peer.view,
            rtt_ms=peer.rtt_ms,
            score=peer.score,
        )
        for peer in peers
    ]


def show_mempool(view: MempoolView) -> results.Mempool:
    return results.Mempool(
        count=view.count,
        size_bytes=view.size_bytes,
        transactions=[show_transaction(signed) for signed in view.transactions],
    )
