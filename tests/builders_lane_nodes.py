"""A chain with two lanes for tests: more founders than all can vote on every block."""

from dataclasses import replace

from genesis.document import GenesisDocument
from genesis.networks import local_document

VALIDATORS = 24
VALIDATORS_MAX = 64


def lane_document(
    founders: int = VALIDATORS, *, epoch_blocks: int = 256, full_set_limit: int = 20
) -> GenesisDocument:
    """A local document with room for more validators than `full_set_limit`, however few it has."""
    document = local_document("testnet", founders, onion_length=4_096)
    consensus = replace(
        document.consensus, epoch_blocks=epoch_blocks, full_set_limit=full_set_limit
    )
    staking = replace(document.staking, max_validators=VALIDATORS_MAX)
    return replace(document, consensus=consensus, staking=staking)
