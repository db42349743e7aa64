"""The vote log of a validator whose chain is made here and now: it may sign from the first view."""

from pathlib import Path

from aichain.store.paths import DataPaths
from aichain.store.wal import VoteWal, log_bytes
from consensus.electorate import Electorate
from consensus.headers import block_ref
from consensus.instance import Instance
from consensus.records import SigningAllowed, encode_record
from genesis.document import GenesisDocument
from native.hashing import ZERO_HASH
from vm.genesis_block import genesis_state

FIRST_VIEW = 1
FIRST_LOG_BYTES = log_bytes(encode_record(SigningAllowed(ZERO_HASH, 0, FIRST_VIEW)))
"""How long a log is from which nothing was signed yet; an empty one is shorter."""


def write_first_log(data_dir: Path, document: GenesisDocument, public_key: bytes) -> None:
    """Start the log of a key that cannot have signed on this chain, so that it needs no probation.

    Only who makes the chain knows that: a home that was not there says nothing of other homes.
    Does nothing where a log exists.
    """
    signer = DataPaths(data_dir).signer
    if signer.exists():
        return
    state = genesis_state(document)
    decided = state.epoch(0)
    assert decided is not None, "genesis decides the first epoch"
    first = Instance.after(
        block_ref(state.head),
        Electorate.of(decided.validators, 0, decided.seed),
        genesis_hash=document.hash,
        epoch_blocks=document.consensus.epoch_blocks,
    )
    log = VoteWal.open(signer, public_key)
    try:
        log.append(encode_record(SigningAllowed(first.id, first.epoch, FIRST_VIEW)))
    finally:
        log.close()
