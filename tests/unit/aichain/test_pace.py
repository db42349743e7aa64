"""How old the last final block may be before a probe should look elsewhere."""

from dataclasses import replace

import pytest

from aichain.pace import stands_after_ms
from genesis.document import GenesisDocument
from genesis.networks import local_document
from tests.builders_lane_nodes import lane_document


def of_most(validators: int) -> GenesisDocument:
    document = lane_document(4)
    return replace(document, staking=replace(document.staking, max_validators=validators))


def test_with_one_lane_it_is_ten_block_times() -> None:
    document = local_document("testnet", 4)
    assert stands_after_ms(document) == 5_000
    slower = replace(document.consensus, block_time_ms=1_500)
    assert stands_after_ms(replace(document, consensus=slower)) == 15_000


@pytest.mark.parametrize(("validators", "blocks"), [(21, 2), (300, 16), (1_000, 64)])
def test_with_two_lanes_a_term_and_a_restart_come_on_top(validators: int, blocks: int) -> None:
    assert stands_after_ms(of_most(validators)) == 500 * (10 + blocks) + 2 * 10_000
