"""What is checked in runs of whole nodes is checked: each planted fault is named."""

from collections import Counter
from dataclasses import replace

import pytest

from genesis.networks import founder_key
from genesis.units import Address, address_of_key
from tests.builders_evidence import make_evidence, report
from tests.builders_vm import make_block, make_state
from tests.simulation.nodes.checkers import Checker, Violation
from tests.simulation.nodes.lane_plan import lane_guilty
from tests.simulation.nodes.offenders import SLASHED, Offenders
from vm.blocks import Block

EVIL, HONEST = 1, 2
PLAN = replace(lane_guilty(0), liars=(EVIL,))


def block_against(offender: Address) -> Block:
    """A block that slashes somebody."""
    state = make_state()
    return make_block(state, [report(replace(make_evidence(state), offender=offender))])


def founder(index: int) -> Address:
    return address_of_key(founder_key("testnet", index).public_key)


def test_whoever_is_slashed_was_evil() -> None:
    faults: Counter[str] = Counter()
    offenders = Offenders(PLAN, Checker(()), lambda kind: faults.update([kind]))
    offenders.on_final(block_against(founder(EVIL)))
    assert faults[SLASHED] == 1
    for innocent in (founder(HONEST), Address(bytes(20))):
        with pytest.raises(Violation, match="false evidence"):
            offenders.on_final(block_against(innocent))
