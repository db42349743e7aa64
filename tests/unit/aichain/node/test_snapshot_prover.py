"""What a join may start from: nothing that is so old that its signers may have left."""

from dataclasses import replace
from typing import Any

import pytest

from aichain.config_values import TrustPoint
from aichain.errors import TrustExpired
from aichain.node.snapshot_prover import SnapshotProver
from consensus.light import genesis_trust
from genesis.networks import packaged_document
from native.hashing import ZERO_HASH
from vm.blocks import Header

DAY_MS = 24 * 3600 * 1000
PUBLIC = packaged_document("testnet")
SECRET = replace(PUBLIC, public_keys=False)
BLOCK_0 = genesis_trust(PUBLIC).header


def prover(now_ms: int, *, document: Any = SECRET, point: TrustPoint | None = None) -> Any:
    nothing: Any = None
    return SnapshotProver(document, point, nothing, nothing, lambda: now_ms)


def block_1(at_ms: int) -> Header:
    return replace(BLOCK_0, height=1, parent_id=BLOCK_0.id, timestamp_ms=at_ms)


def limit_days() -> int:
    return SECRET.staking.unbonding_blocks * SECRET.consensus.block_time_ms * 2 // 3 // DAY_MS


def test_a_last_block_of_lately_is_trusted() -> None:
    now_ms = BLOCK_0.timestamp_ms + 400 * DAY_MS
    prover(now_ms).require_start(block_1(now_ms - (limit_days() - 1) * DAY_MS))


@pytest.mark.parametrize("header", [BLOCK_0, block_1(BLOCK_0.timestamp_ms + DAY_MS)])
def test_an_old_last_block_is_refused_with_what_to_do(header: Header) -> None:
    with pytest.raises(TrustExpired) as raised:
        prover(header.timestamp_ms + (limit_days() + 2) * DAY_MS).require_start(header)
    assert raised.value.age_days == limit_days() + 2
    assert raised.value.limit_days == limit_days() == 14
    assert "--trust HEIGHT:HASH" in raised.value.fix


def test_with_a_block_that_somebody_vouches_for_the_own_one_may_be_old() -> None:
    point = TrustPoint(7, ZERO_HASH)
    prover(BLOCK_0.timestamp_ms + 400 * DAY_MS, point=point).require_start(BLOCK_0)


def test_block_0_of_a_network_with_public_keys_is_never_too_old() -> None:
    prover(BLOCK_0.timestamp_ms + 400 * DAY_MS, document=PUBLIC).require_start(BLOCK_0)
