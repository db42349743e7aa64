"""Rules replaced by wrong ones, from outside: each must be caught, or the simulator is blind."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from consensus import certificates, guard
from consensus.core import recovery, tally, voting
from consensus.core.state import State
from consensus.core.turn import Turn
from consensus.instance import BlockRef, Instance
from consensus.proposals import Proposal
from consensus.records import Record, record_view
from tests.simulation.disk import Disk
from tests.simulation.shell import Node

Patch = tuple[object, str, Any]

core_step: Any = importlib.import_module("consensus.core.step")  # the name `step` is its function


def half_is_enough(weight: int, total: int) -> bool:
    return 2 * weight >= total


def commit_after_cancel(state: State, view: int) -> bool:
    return state.may_sign and view >= state.view and state.at(view).committed is None


def cancel_after_commit(state: State) -> bool:
    return state.may_sign and state.at(state.view).cancelled is None


def prefer_again(state: State) -> bool:
    return state.may_sign and state.at(state.view).cancelled is None


def prefer_after_cancel(state: State) -> bool:
    return state.may_sign and state.at(state.view).preferred is None


def propose_again(state: State) -> bool:
    return state.may_sign and state.instance.proposer(state.view) == state.me


def any_parent(state: State, proposal: Proposal) -> bool:
    return (proposal.is_repeat and HAS_NOTAR(state, proposal)) or not proposal.is_repeat


def any_repeat(state: State, proposal: Proposal) -> bool:
    return proposal.is_repeat or HAS_NOTAR(state, proposal)


def no_nulls(state: State, low: int, high: int) -> bool:
    return True


def never_repeat(instance: Instance, block: BlockRef) -> bool:
    return False


def any_height(instance: Instance, block: BlockRef) -> bool:
    return True


def any_fit(state: State, proposal: Proposal, parent: BlockRef) -> bool:
    """Everything but the spacing of timestamps."""
    block = proposal.block
    lenient = replace(block, timestamp_ms=parent.timestamp_ms + state.config.block_time_ms)
    return FITS_PARENT(state, replace(proposal, block=lenient), parent)


def any_stamp(state: State, block: BlockRef) -> int:
    return 0


def record_of_any_instance(state: State, record: Record) -> bool:
    return record_view(record) > state.final_view


def settle_on_notar(turn: Turn) -> None:
    """The next instance starts as soon as the last height is NOTAR."""
    state = turn.state
    for known in state.views.values():
        block = state.blocks.get(known.notarized) if known.notarized else None
        if block and block.id in state.executed and block.height == state.instance.last_height:
            turn.state = replace(state, final=block, final_certificate=known.certificates()[0])
            core_step.begin_epoch(turn)
            return
    SETTLE(turn)


def no_log(node: Node) -> list[Record]:
    return []


def forget_bodies(node: Node) -> None:
    """Bodies above the final tip were never made durable."""
    CRASH(node)
    tip = node.disk.chain[-1].height
    node.disk.blocks = {
        block.id: block for block in node.disk.blocks.values() if block.height <= tip
    }


def append_without_fsync(disk: Disk, record: Record, *, sync: bool) -> None:
    APPEND(disk, record, sync=False)


def sign_at_once(probation: object, *, epoch: int, final_view: int) -> bool:
    return True


def sign_in_a_new_instance(probation: guard.Probation, *, epoch: int, final_view: int) -> bool:
    """Without waiting for its first FINAL: we may have voted there before anybody we heard."""
    last_epoch = max((head.epoch for head in probation.heard.values()), default=0)
    first_final = final_view if epoch == last_epoch else max(1, final_view)
    return MAY_START_SIGNING(probation, epoch=epoch, final_view=first_final)


def sign_below_the_floor(state: State) -> bool:
    return state.me is not None and not state.abstain


HAS_NOTAR = voting.has_notar
FITS_PARENT = voting.fits_parent
SETTLE = core_step.settle
CRASH = Node.crash
APPEND = Disk.append
MAY_START_SIGNING = guard.may_start_signing

MUTANTS: dict[str, tuple[Patch, ...]] = {
    "quorum of 50 %": (
        (tally, "reaches_quorum", half_is_enough),
        (certificates, "reaches_quorum", half_is_enough),
    ),
    "COMMIT after CANCEL": ((voting, "may_commit", commit_after_cancel),),
    "double PREFER": ((voting, "may_prefer", prefer_again),),
    "no parent check": ((voting, "has_notar", any_parent),),
    "no log": ((Node, "remembered", no_log),),
    "no re-proposal": ((voting, "may_repeat", never_repeat),),
    "next instance on NOTAR": ((core_step, "settle", settle_on_notar),),
    "past the edge": (
        (voting, "may_repeat", never_repeat),
        (voting, "is_within_epoch", any_height),
    ),
    "no NOTAR check": ((voting, "has_notar", any_repeat),),
    "no NULL check": ((voting, "is_nullified_between", no_nulls),),
    "log without instance": ((recovery, "belongs", record_of_any_instance),),
    "body not durable": ((Node, "crash", forget_bodies),),
    "PREFER after CANCEL": ((voting, "may_prefer", prefer_after_cancel),),
    "second proposal": ((voting, "may_propose", propose_again),),
    "early timestamps": ((voting, "fits_parent", any_fit),),
    "no fsync": ((Disk, "append", append_without_fsync),),
    "signs below its log's floor": ((State, "may_sign", property(sign_below_the_floor)),),
    "wiped disk signs at once": ((guard, "may_start_signing", sign_at_once),),
    "wiped disk signs in a new instance": ((guard, "may_start_signing", sign_in_a_new_instance),),
}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with one rule replaced."""
    patches = [patch.object(target, attribute, wrong) for target, attribute, wrong in MUTANTS[name]]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def first_caught(name: str, seeds: range, run: Callable[[int], Any]) -> tuple[int, str] | None:
    """The first seed whose run shows the mutant, and what it shows."""
    with mutated(name):
        for seed in seeds:
            found = run(seed).violation
            if found is not None:
                return seed, found
    return None
