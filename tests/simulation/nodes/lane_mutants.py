"""Wrong shells around two lanes, and the run of whole nodes that shows each.

A mutant replaces methods of the node; the core and its rules are those of the product.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

import trio

from aichain.node.backend import NodeBackend
from aichain.node.bodies import Bodies
from aichain.node.lanes import assemble, ballots, instances
from aichain.node.lanes.alarms import Alarms
from aichain.node.lanes.ballots import LaneBallots
from aichain.node.lanes.certificates import LaneCertificates
from aichain.node.lanes.finalizer import LaneFinalizer
from aichain.node.lanes.fork_watch import LaneForkWatch
from aichain.node.lanes.inbound import LaneInbound
from aichain.node.lanes.performer import LanePerformer
from aichain.node.lanes.syncer import LaneSyncer
from aichain.rpc.backend import BlockView
from aichain.rpc.statuses import BlockStatus
from consensus.core import effects as core
from consensus.instance import BlockRef
from consensus.lanes import effects as asked
from consensus.lanes import rules
from consensus.lanes.effects import FinalizeHard, LaneEffect
from consensus.lanes.proofs import BoundaryFinal, CheckpointProof, WaitedOut
from consensus.lanes.records import CheckpointHard, CheckpointSeen
from consensus.lanes.state import Lanes, LanesConfig, Term
from p2p.network import GossipVerdict
from tests.simulation.nodes import world
from tests.simulation.nodes.lane_runs import run
from tests.simulation.nodes.runs import fix_hash_seed
from vm.blocks import Block, Header
from vm.state import State

PATIENCE_S: Final = 30.0
"""What stands for so long stands."""
_PUT_OFF_S: Final = 0.2

_write, _record = LaneBallots._write, ballots._record
_execute, _status_above = Bodies.execute, NodeBackend._status_above
_restore_lanes = assemble.restore_lanes


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is replaced by what, and the kind and seed of the run that dies of it."""

    wrong: tuple[tuple[object, str, Any], ...]
    kind: str
    seed: int


async def _write_later(self: LaneBallots, new: list[bytes], *, must_sync: bool) -> None:
    """Everything waits for some later write; signatures leave at once."""
    del must_sync
    await _write(self, new, must_sync=False)


def _log_all_but(*unlogged: type) -> Callable[[LaneEffect], object]:
    def record(effect: LaneEffect) -> object:
        match effect:
            case asked.InInstance(_, wish) if isinstance(wish, unlogged):
                return None
            case asked.Persist(kept) if isinstance(kept, unlogged):
                return None
            case _:
                return None if isinstance(effect, unlogged) else _record(effect)

    return record


async def _settle_first(self: LanePerformer, effect: FinalizeHard) -> None:
    """The log lets go of what the chain does not hold yet, for commits are put off."""
    services, state = self._services, self._engine.state
    if services.holder is not None and not state.abstain:
        number = effect.checkpoint.number
        floor = CheckpointHard(effect.certificate.instance_id, number)
        with patch.object(services.holder.ballots, "_prune_bytes", 0):
            await services.holder.ballots.settle(floor, frozenset(state.instances()))
    await trio.sleep(_PUT_OFF_S)
    await services.finalizer.finalize(effect)
    self._cross_edge(effect)


def _say_nothing(*_: object) -> None:
    """An operator is not told, nor are the metrics."""


def _once_fast(self: NodeBackend, header: Header) -> BlockStatus:
    """What a committee made final stays fast, whatever becomes of its term."""
    status = _status_above(self, header)
    ever = self.__dict__.setdefault("ever_fast", set())
    if status is BlockStatus.FAST:
        ever.add(header.id)
    return BlockStatus.FAST if header.id in ever else status


def _fast_is_hard(self: NodeBackend, header: Header) -> BlockStatus:
    status = _status_above(self, header)
    return BlockStatus.HARD if status is BlockStatus.FAST else status


def _publish_fast(self: LaneFinalizer, blocks: tuple[BlockRef, ...]) -> None:
    """Whoever subscribed to decided blocks is given those of a committee, and then again."""
    for block in blocks:
        entry = self._chain.executed(block.id)
        if entry is not None:
            self._feed.publish(
                BlockView(entry.block, entry.receipts, entry.state.root, BlockStatus.HARD, None)
            )


async def _execute_nothing(*_: object) -> None:
    """A decision is true, so its blocks need not be looked at."""


async def _believe(*_: object) -> None:
    """No signature is looked at."""


async def _pass_all_on(*_: object) -> GossipVerdict:
    return GossipVerdict.ACCEPT


async def _keep_in_memory(self: Bodies, block: Block, *, durable: bool = True) -> State:
    del durable
    return await _execute(self, block, durable=False)


def _forget_log(config: Any, chain: Any, _records: Iterable[object], electorates: Any) -> Lanes:
    return _restore_lanes(config, chain, (), electorates)


def _undercut(term: Term, config: LanesConfig, now_ms: int) -> CheckpointProof | None:
    """Whoever restarts a term starts before it, and nobody minds."""
    if term.boundary is not None:
        return BoundaryFinal(term.boundary)
    return WaitedOut(None) if rules.has_waited(term, config, now_ms) else None


async def _see_no_fork(*_: object, **__: object) -> bool:
    """Whatever a peer has decided, nobody compares it."""
    return False


def _never_below(*_: object) -> bool:
    return False


MUTANTS: Final[dict[str, Mutant]] = {
    "sent before it is written": Mutant(((LaneBallots, "_write", _write_later),), "power", 0),
    "votes not logged": Mutant(((ballots, "_record", _log_all_but(core.CastVote)),), "power", 0),
    "certificates not logged": Mutant(
        ((ballots, "_record", _log_all_but(core.PersistCertificate)),), "power", 0
    ),
    "checkpoints not logged": Mutant(
        ((ballots, "_record", _log_all_but(CheckpointSeen)),), "power", 1
    ),
    "CLOSED not logged": Mutant(((ballots, "_record", _log_all_but(asked.CloseTerm)),), "dead", 0),
    "log pruned before hard is on disk": Mutant(
        ((LanePerformer, "_finalize", _settle_first),), "crashes", 0
    ),
    "log not read": Mutant(((assemble, "restore_lanes", _forget_log),), "power", 0),
    "block preferred before it is on disk": Mutant(
        ((Bodies, "execute", _keep_in_memory),), "power", 0
    ),
    "taken back in silence": Mutant(((Alarms, "rolled_back", _say_nothing),), "captured", 0),
    "taken back without a reason": Mutant(
        ((rules, "best_proof", _undercut), (rules, "is_below_tip", _never_below)), "dead", 0
    ),
    "no instance is forgotten": Mutant(
        ((instances, "INSTANCES_REMEMBERED_MAX", 10**9),), "guilty", 0
    ),
    "fast for ever": Mutant(((NodeBackend, "_status_above", _once_fast),), "captured", 0),
    "fast called hard": Mutant(((NodeBackend, "_status_above", _fast_is_hard),), "captured", 0),
    "fast blocks published as hard": Mutant(
        ((LaneFinalizer, "show_fast", _publish_fast),), "captured", 0
    ),
    "skipping executes nothing": Mutant(((LaneSyncer, "_execute", _execute_nothing),), "behind", 0),
    "certificates believed": Mutant(((LaneCertificates, "_require", _believe),), "liars", 43),
    "decisions are not compared": Mutant(((LaneForkWatch, "judge", _see_no_fork),), "beyond", 0),
    "gossip passed on unseen": Mutant(((LaneInbound, "judge_gossip", _pass_all_on),), "liars", 5),
}


SHOWN_BY: Final = {name: mutant.kind for name, mutant in MUTANTS.items()}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with a wrong shell."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(world, "PATIENCE_S", PATIENCE_S))
        for target, attribute, wrong in MUTANTS[name].wrong:
            stack.enter_context(patch.object(target, attribute, wrong))
        yield


def main() -> int:
    """0 when each wrong shell dies in its run, and the right one lives in all of them."""
    logging.disable(logging.CRITICAL)
    lives = 0
    for name, mutant in MUTANTS.items():
        with mutated(name):
            cause = run(mutant.seed, mutant.kind).violation
        lives += cause is None
        print(f"{name}: {'LIVES' if cause is None else cause[:120]}")
    for kind, seed in sorted({(mutant.kind, mutant.seed) for mutant in MUTANTS.values()}):
        with patch.object(world, "PATIENCE_S", PATIENCE_S):
            violation = run(seed, kind).violation
        lives += violation is not None
        print(f"the right shell in {kind} {seed}: {violation or 'no violation'}")
    return 1 if lives else 0


if __name__ == "__main__":
    fix_hash_seed("tests.simulation.nodes.lane_mutants")
    sys.exit(main())
