"""The hash onion: every reveal fits under the one before."""

import pytest

from genesis.limits import ONION_LENGTH_MAX
from genesis.onion import Onion, onion_head, onion_seed, peel
from native.hashing import derive_hash

SEED = bytes(range(32))


@pytest.mark.parametrize("length", [1, 2, 255, 256, 257, 1000])
def test_every_layer_hashes_to_the_one_above(length: int) -> None:
    onion = Onion.build(SEED, length)
    above = onion.head
    for remaining in range(length, 0, -1):
        revealed = onion.reveal(remaining)
        assert peel(revealed) == above
        above = revealed
    assert above == SEED


def test_the_head_is_the_seed_hashed_length_times() -> None:
    layer = SEED
    for _ in range(300):
        layer = derive_hash("aichain/onion/v1", layer)
    assert onion_head(SEED, 300) == layer == Onion.build(SEED, 300).head


@pytest.mark.parametrize("remaining", [0, -1, 11])
def test_there_is_nothing_outside_the_onion(remaining: int) -> None:
    with pytest.raises(ValueError, match="no layer"):
        Onion.build(SEED, 10).reveal(remaining)


@pytest.mark.parametrize("length", [0, ONION_LENGTH_MAX + 1])
def test_an_onion_has_a_bounded_length(length: int) -> None:
    with pytest.raises(ValueError, match="layers"):
        Onion.build(SEED, length)


def test_a_key_has_one_onion_after_the_other() -> None:
    seeds = [onion_seed(SEED, renewals) for renewals in range(3)]
    assert seeds[0] == onion_seed(SEED) == derive_hash("aichain/onion-seed/v1", SEED)
    assert len({SEED, *seeds}) == 4
    assert onion_seed(bytes(32)) != seeds[0]


def test_a_seed_is_32_bytes_and_never_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Onion.build(b"short", 5)
    assert SEED.hex()[:16] not in repr(Onion.build(SEED, 5))
    assert str(SEED) not in repr(Onion.build(SEED, 5))
