"""R6: a FINAL makes its block and all ancestors final; contradictions stop the node."""

from dataclasses import dataclass

from consensus.certificates import QuorumCertificate
from consensus.core.catchup import need
from consensus.core.effects import Finalize
from consensus.core.state import State
from consensus.core.turn import Turn
from consensus.instance import BlockRef
from consensus.memory import changed


@dataclass(frozen=True, slots=True)
class Chain:
    """The blocks a FINAL adds, oldest first."""

    blocks: tuple[BlockRef, ...]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Some block below the FINAL is not executed yet."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The FINAL cannot be true together with what we hold for true."""

    reason: str


def finalize_next(turn: Turn) -> bool:
    """Act on the lowest FINAL not acted on; False when there is none, or its blocks lack."""
    state = turn.state
    views = [view for view, known in state.views.items() if known.final is not None]
    if not views or state.halted is not None:
        return False
    certificate = state.at(min(views)).final
    assert certificate is not None, "chosen for its FINAL"
    match chain_below(state, certificate):
        case Chain(blocks):
            _finalize(turn, certificate, blocks)
            return True
        case Incomplete():
            need(turn, certificate.block_id)
        case Contradiction(reason):
            turn.halt(reason, certificate)
    return False


def chain_below(state: State, certificate: QuorumCertificate) -> Chain | Incomplete | Contradiction:
    """Walk from the FINAL's block down to the last final one, by parent hash.

    A chain beside ours is known by its heights: its blocks down there are never kept, so waiting
    for them would be waiting for good.
    """
    chain: list[BlockRef] = []
    block_id, height = certificate.block_id, certificate.height
    while block_id != state.final.id:
        if height <= state.final.height:
            return Contradiction("conflicting finality")
        if block_id in state.rejected:
            return Contradiction("a final block does not execute here")
        block = state.blocks.get(block_id)
        if block is None:
            return Incomplete()
        chain.append(block)
        block_id, height = block.parent_id, block.height - 1
    if certificate.block_id not in state.executed:
        return Incomplete()
    return Chain(tuple(reversed(chain)))


def has_ended(state: State) -> bool:
    """R10: an instance ends when the last block of its epoch is final, and not before."""
    return state.final.height >= state.instance.last_height


def _finalize(turn: Turn, certificate: QuorumCertificate, blocks: tuple[BlockRef, ...]) -> None:
    """Tell the world, and forget all that the new final block has decided."""
    state = turn.state
    final = blocks[-1] if blocks else state.final
    kept = {
        block.id: block
        for block in state.blocks.values()
        if block.height > final.height or block.id == final.id
    }
    turn.state = changed(
        state,
        final=final,
        final_view=certificate.view,
        final_certificate=certificate,
        views={view: known for view, known in state.views.items() if view > certificate.view},
        blocks=kept,
        executed=frozenset(state.executed & kept.keys()),
        rejected=frozenset(state.rejected & kept.keys()),
    )
    if blocks:
        turn.emit(Finalize(certificate, blocks))
