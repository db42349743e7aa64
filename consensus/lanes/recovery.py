"""Setting out: from block 0, or from the last checkpoint and the log after a crash."""

from collections.abc import Iterable, Mapping

from consensus.certificates import QuorumCertificate
from consensus.core.state import State as CoreState
from consensus.instance import BlockRef
from consensus.lanes.checkpoints import Checkpoint, first_checkpoint
from consensus.lanes.records import LaneRecord
from consensus.lanes.state import Ballot, Lanes, LanesConfig
from consensus.lanes.tree import Tree
from consensus.lanes.voters import EpochVoters, ballot_instance


def initial(config: LanesConfig, genesis: BlockRef, epochs: Mapping[int, EpochVoters]) -> Lanes:
    """A node that knows block 0 and the voters of the first two epochs."""
    checkpoint = first_checkpoint(genesis, epochs[0].electorate.vset_hash)
    return restore(config, checkpoint, None, genesis, epochs, (), abstain=False)


def restore(
    config: LanesConfig,
    checkpoint: Checkpoint,
    decision: QuorumCertificate | None,
    hard: BlockRef,
    epochs: Mapping[int, EpochVoters],
    records: Iterable[LaneRecord],
    *,
    abstain: bool,
) -> Lanes:
    """The state a node may go on from, knowing its last checkpoint and its log.

    `hard` is the checkpoint's block. Blocks above it that are durable follow as `BlockExecuted`,
    then `Started`; terms and ballot find their own records as they begin.
    """
    assert checkpoint.block_id == hard.id, "the checkpoint of another block"
    voters = epochs[hard.height // config.core.epoch_blocks]
    instance = ballot_instance(checkpoint, voters, genesis_hash=config.core.genesis_hash)
    blank = CoreState(
        config=config.core,
        instance=instance,
        electorates={},
        me=None,
        abstain=True,
        final=instance.start,
    )
    return Lanes(
        config=config,
        epochs=dict(epochs),
        checkpoint=checkpoint,
        decision=decision,
        tree=Tree(hard),
        ballot=Ballot(blank),
        records=tuple(records),
        abstain=abstain,
    )
