"""Heights, epochs, and the name of an instance."""

from dataclasses import replace

import pytest

from consensus.instance import Instance, instance_id
from consensus.votes import Lane
from native.hashing import ZERO_HASH, Hash32, blake3_256
from tests.builders_consensus import GENESIS, GENESIS_HASH, make_electorate

OTHER = Hash32(b"\x01" * 32)


def test_the_name_of_an_instance_is_the_hash_of_all_it_depends_on() -> None:
    assert instance_id(ZERO_HASH, 2, OTHER, ZERO_HASH) == blake3_256(
        b"aichain/inst/1"
        + bytes(32)
        + b"\x00"
        + (2).to_bytes(8, "big")
        + OTHER
        + bytes(32)
        + bytes(8)
    )


def test_every_part_changes_the_name() -> None:
    names = {
        instance_id(ZERO_HASH, 2, ZERO_HASH, ZERO_HASH),
        instance_id(OTHER, 2, ZERO_HASH, ZERO_HASH),
        instance_id(ZERO_HASH, 3, ZERO_HASH, ZERO_HASH),
        instance_id(ZERO_HASH, 2, OTHER, ZERO_HASH),
        instance_id(ZERO_HASH, 2, ZERO_HASH, OTHER),
        instance_id(ZERO_HASH, 2, ZERO_HASH, ZERO_HASH, lane=Lane.FAST),
        instance_id(ZERO_HASH, 2, ZERO_HASH, ZERO_HASH, term=1),
    }
    assert len(names) == 7


def test_an_instance_covers_its_epoch() -> None:
    instance = Instance.after(GENESIS, make_electorate(), genesis_hash=GENESIS_HASH, epoch_blocks=4)
    assert (instance.epoch, instance.first_height, instance.last_height) == (0, 1, 4)
    assert instance.proposer(1) == instance.electorate.proposer(1)


def test_an_instance_starts_at_the_end_of_the_epoch_before() -> None:
    with pytest.raises(AssertionError):
        Instance.after(
            replace(GENESIS, height=3),
            make_electorate(epoch=1),
            genesis_hash=GENESIS_HASH,
            epoch_blocks=4,
        )
