"""After a fork: what the homes of the honest prove when they are laid side by side."""

from collections.abc import Sequence
from contextlib import ExitStack, closing

from aichain.config import NodeConfig
from aichain.disclosure import disclosure_of, parted_in
from aichain.node.home import open_chain, open_log
from consensus.fork_files import (
    decode_disclosure,
    decode_fork_proof,
    encode_disclosure,
    encode_fork_proof,
)
from consensus.fork_proof import ForkProof, prove_fork, verify_fork_proof
from consensus.lanes.records import decode_lane_record
from consensus.records import ProofFound
from native.batch import verify_many


def accused_in(config: NodeConfig) -> int:
    """How many the vote log of this home accuses: whoever starts there again brings it on chain."""
    assert config.validator_key is not None, "of a validator"
    with closing(open_log(config, config.validator_key.public_key)) as log:
        return sum(isinstance(decode_lane_record(raw), ProofFound) for raw in log.records())


def investigate(configs: Sequence[NodeConfig]) -> ForkProof | None:
    """As `aichain fork-proof` does: export, send, find, verify. None where chains agree."""
    with ExitStack() as opened:
        chains = [open_chain(config) for config in configs]
        for chain in chains:
            opened.callback(chain.close)
        homes = [(chain, config.data_dir) for chain, config in zip(chains, configs, strict=True)]
        part = parted_in(homes)
        if part is None:
            return None
        sent = [encode_disclosure(disclosure_of(*home, part)) for home in homes]
    proof = prove_fork([decode_disclosure(raw) for raw in sent], verify_many)
    received = decode_fork_proof(encode_fork_proof(proof))
    verify_fork_proof(received, verify_many)
    return received
