"""What a node holds of its data directory while it runs: the chain, and a validator's vote log."""

from aichain.chain import Chain
from aichain.config import NodeConfig
from aichain.config_values import IndexMode
from aichain.errors import NodeError
from aichain.node.faults import crash_points_of, log_file_of
from aichain.node.first_start import (
    mark_home,
    require_first_start,
    require_something_to_sync_again,
)
from aichain.node.joiner import Handover
from aichain.store.failpoints import CrashPoint
from aichain.store.joining import install_joined
from aichain.store.paths import DataPaths
from aichain.store.signer_lock import runtime_directory
from aichain.store.wal import VoteWal
from genesis.document import GenesisDocument
from genesis.units import address_of_key


def open_chain(
    config: NodeConfig, reached: CrashPoint | None = None, before: Handover | None = None
) -> Chain:
    """The chain of this home, or a joined one that is to take its place; who never had any gets
    block 0."""
    install_joined(DataPaths(config.data_dir), reached or crash_points_of(config.faults))
    if Chain.exists(config.data_dir):
        require_something_to_sync_again(config)
    else:
        require_first_start(config)
        Chain.create(config.data_dir, config.document)
    mark_home(config)
    return Chain.open(
        config.data_dir,
        config.document,
        index=config.index is not IndexMode.NONE,
        fail_points=reached,
        tree=None if before is None else before.tree,
    )


def open_home(
    config: NodeConfig, reached: CrashPoint | None = None, before: Handover | None = None
) -> tuple[Chain, VoteWal | None]:
    """Its chain, and a validator's vote log; where one cannot be had, neither stays locked."""
    chain, key = open_chain(config, reached, before), config.validator_key
    try:
        return chain, None if key is None else open_log(config, key.public_key)
    except NodeError:
        chain.close()
        raise


def open_log(config: NodeConfig, public_key: bytes) -> VoteWal:
    """The vote log of this home; no other home of this machine may sign with its key meanwhile.

    Keys that stand in a genesis document are everybody's: many local networks run side by side
    with the same ones, under the same genesis hash, and they guard nothing of value.
    """
    claims = None if _is_public(config.document, public_key) else runtime_directory()
    return VoteWal.open(
        DataPaths(config.data_dir).signer,
        public_key,
        claims=claims,
        file_of=log_file_of(config.faults),
    )


def _is_public(document: GenesisDocument, public_key: bytes) -> bool:
    named = {account.address for account in document.accounts}
    named |= {founder.address for founder in document.validators}
    return document.public_keys and address_of_key(public_key) in named
