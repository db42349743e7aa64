"""What a block that we refuse costs the one who proposed it."""

from types import SimpleNamespace
from typing import Any

import pytest

from aichain.node.charges import charge_proposer
from genesis.upgrades import LATEST
from native.errors import InvalidData
from native.hashing import ZERO_HASH
from p2p.errors import Penalty
from vm.errors import WrongBlockVersion, WrongEpoch

PROPOSER, OTHER = b"p" * 1952, b"o" * 1952


@pytest.mark.parametrize(
    ("error", "charged"),
    [
        (WrongBlockVersion(expected=1, given=int(LATEST)), []),
        (WrongBlockVersion(expected=int(LATEST), given=1), []),
        (WrongBlockVersion(expected=1, given=LATEST + 1), [("proposer", Penalty.MALFORMED)]),
        (WrongEpoch(expected=1, given=2), [("proposer", Penalty.MALFORMED)]),
    ],
)
def test_who_upgrades_at_another_height_loses_its_turns_alone(
    error: InvalidData, charged: list[tuple[str, Penalty]]
) -> None:
    paid: list[tuple[str, Penalty]] = []
    network = SimpleNamespace(
        peers=lambda: [
            SimpleNamespace(peer_id="proposer", validator_key=PROPOSER),
            SimpleNamespace(peer_id="who passed it on", validator_key=OTHER),
        ],
        penalize=lambda peer, penalty, _reason: paid.append((peer, penalty)),
    )
    metrics = SimpleNamespace(block_refused=lambda _code: None)
    context: Any = SimpleNamespace(network=network, metrics=metrics)
    header: Any = SimpleNamespace(height=7, id=ZERO_HASH)
    charge_proposer(context, header, PROPOSER, error)
    assert paid == charged
