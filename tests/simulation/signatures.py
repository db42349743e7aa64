"""Signed bytes read back without the code that wrote them, and who can be convicted by them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consensus.instance import Instance
from consensus.votes import VotePhase
from genesis.units import Address
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class Signed:
    """What somebody signed; `phase` is None for a proposal."""

    instance_id: Hash32
    phase: VotePhase | None
    view: int
    justify_view: int
    height: int
    block_id: Hash32

    def __str__(self) -> str:
        what = "a proposal" if self.phase is None else self.phase.name
        return f"{what} in view {self.view} for {self.block_id.hex()[:8]} at height {self.height}"


def read_signed(message: bytes) -> Signed:
    """The fixed layouts of votes and proposals (consensus design 3.2)."""
    instance_id = Hash32(message[5:37])
    if message.startswith(b"AICV1"):
        phase, numbers, block_id = VotePhase(message[37]), message[38:54], message[54:]
        view, height = (int.from_bytes(numbers[at : at + 8], "big") for at in (0, 8))
        return Signed(instance_id, phase, view, 0, height, Hash32(block_id))
    assert message.startswith(b"AICP1"), "neither a vote nor a proposal"
    numbers, block_id = message[37:61], message[61:]
    view, justify, height = (int.from_bytes(numbers[at : at + 8], "big") for at in (0, 8, 16))
    return Signed(instance_id, None, view, justify, height, Hash32(block_id))


def convicted_percent(
    signed: Iterable[tuple[Address, Signed]], instances: Mapping[Hash32, Instance]
) -> int:
    """The greatest share of an electorate that signed against itself in one view."""
    said: dict[tuple[Hash32, int], dict[Address, set[Signed]]] = {}
    for address, each in signed:
        said.setdefault((each.instance_id, each.view), {}).setdefault(address, set()).add(each)
    shares = [0]
    for (instance_id, _), by_member in said.items():
        if instance_id not in instances:
            continue
        electorate = instances[instance_id].electorate
        guilty = [
            electorate.index_of(address) for address, all_ in by_member.items() if _excludes(all_)
        ]
        weight = sum(electorate.weights[index] for index in guilty if index is not None)
        shares.append(100 * weight // electorate.total)
    return max(shares)


def _excludes(signed: Iterable[Signed]) -> bool:
    """Two for one phase, or COMMIT together with CANCEL."""
    phases = [each.phase for each in signed]
    return len(phases) > len(set(phases)) or {VotePhase.COMMIT, VotePhase.CANCEL} <= set(phases)
