"""Wrong rules, one each: the runs that must notice them are named in test_lanes.py."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from consensus.certificates import QuorumCertificate
from consensus.core import voting
from consensus.core.state import State as CoreState
from consensus.electorate import Electorate
from consensus.instance import BlockRef, Instance
from consensus.lanes import fast, finality, forks, rules
from consensus.lanes.proofs import BoundaryFinal, CheckpointProof, WaitedOut
from consensus.lanes.records import CheckpointSeen, LaneRecord
from consensus.lanes.state import Lanes, LanesConfig, Proofs, Term, Tip
from consensus.lanes.turn import LaneTurn
from consensus.memory import changed
from consensus.records import CertificateSeen
from consensus.votes import VotePhase
from tests.simulation.lanes.node import Node
from tests.simulation.lanes.scenario import DELTA_MS

NEVER_MS = 2**62
Patch = tuple[Any, str, Any]

MAY_REPEAT = voting.may_repeat
LEARN = fast.learn
WAITED_MS = rules.waited_ms
REMEMBERED = Node.remembered


def never_repeat(instance: Instance, block: BlockRef) -> bool:
    """A NOTAR checkpoint is forgotten; the last block of a term is not."""
    is_ballot = instance.first_height == instance.last_height
    return False if is_ballot and block.parent_view == 0 else MAY_REPEAT(instance, block)


def tip_by_height(certificate: QuorumCertificate, tip: Tip) -> bool:
    """The highest block instead of the highest view."""
    return tip.notar is None or certificate.height > tip.notar.height


def unexecuted_is_fine(state: Lanes, term: Term, certificate: QuorumCertificate) -> bool:
    """A certificate alone moves the tip."""
    return certificate.block_id != term.instance.start.id


def never_frozen(term: Term) -> Tip:
    """The target keeps moving."""
    return term.tip


def unexecuted_final_resets_the_clock(
    turn: LaneTurn, number: int, certificate: QuorumCertificate
) -> None:
    """Any FINAL keeps the stall away."""
    if certificate.phase is VotePhase.COMMIT:
        turn.put(changed(turn.term(number), last_final_ms=turn.now_ms))
    LEARN(turn, number, certificate)


def long_wait(term: Term, config: LanesConfig) -> int | None:
    """Nothing breaks, but whoever waits for (c) does so for a minute and more."""
    waited_ms = WAITED_MS(term, config)
    return None if waited_ms is None else waited_ms + 6 * config.escape_ms


def short_wait(term: Term, config: LanesConfig) -> int | None:
    """No CLOSEs are counted, so everybody waits 3 delta and no more."""
    if term.closed is None:
        return None
    return max(term.closed.at_ms, term.last_final_ms + config.escape_ms) + 3 * DELTA_MS


def best_without_closes(term: Term, config: LanesConfig, now_ms: int) -> CheckpointProof | None:
    if term.boundary is not None:
        return BoundaryFinal(term.boundary)
    return WaitedOut(term.tip.notar) if rules.has_waited(term, config, now_ms) else None


def short_wait_from_closing(term: Term, config: LanesConfig) -> int | None:
    """What is still being made final is not waited for."""
    return None if term.closed is None else term.closed.at_ms + 3 * DELTA_MS


def never_abandoned(term: Term) -> bool:
    """Nobody follows those who closed."""
    return False


def never_old(term: Term, config: LanesConfig) -> int:
    """A trickle of blocks keeps a term alive."""
    return NEVER_MS


def without_certificates(node: Node) -> list[LaneRecord]:
    """Votes are in the log, what they rest on is not."""
    return [record for record in REMEMBERED(node) if not isinstance(record, CertificateSeen)]


def commit_unseen(state: CoreState, view: int) -> bool:
    """COMMIT to what is not executed here."""
    own = state.at(view)
    return state.may_sign and view >= state.view and own.committed is None and own.cancelled is None


def any_checkpoint(
    term: Term, checkpoint: object, proofs: Proofs, config: LanesConfig, now_ms: int
) -> bool:
    """PREFER whatever is executed."""
    return True


def any_tip(term: Term, proofs: Proofs) -> bool:
    """(c) without comparing tips."""
    return False


def checkpoint_not_durable(node: Node) -> list[LaneRecord]:
    """Votes on checkpoints are in the log, the checkpoints are not."""
    return [record for record in REMEMBERED(node) if not isinstance(record, CheckpointSeen)]


def any_number_of_seats(certificate: QuorumCertificate, electorate: Electorate) -> None:
    """A certificate proves what it says, whoever signed it."""
    certificate.check_shape(len(electorate))


def one_chain(one: object, other: object) -> bool:
    """Two decisions are never compared."""
    return False


def no_log(node: Node) -> list[LaneRecord]:
    """A restart knows nothing of what it signed."""
    return []


MUTANTS: dict[str, tuple[Patch, ...]] = {
    "checkpoints not re-proposed": ((voting, "may_repeat", never_repeat),),
    "tips compared by height": ((rules, "rises_above", tip_by_height),),
    "a tip that is not executed": ((fast, "is_executed", unexecuted_is_fine),),
    "a tip that never freezes": ((rules, "own_tip", never_frozen),),
    "FINALs of withheld blocks count": ((fast, "learn", unexecuted_final_resets_the_clock),),
    "CLOSEs not counted": (
        (rules, "waited_ms", short_wait),
        (rules, "best_proof", best_without_closes),
    ),
    "a long wait": ((rules, "waited_ms", long_wait),),
    "FINALs not waited for": ((rules, "waited_ms", short_wait_from_closing),),
    "nobody follows those who close": ((rules, "is_abandoned", never_abandoned),),
    "terms of any age": ((rules, "ages_ms", never_old),),
    "certificates not logged": ((Node, "remembered", without_certificates),),
    "COMMIT before execution": ((voting, "may_commit", commit_unseen),),
    "any checkpoint preferred": ((rules, "may_prefer_checkpoint", any_checkpoint),),
    "tips not compared": ((rules, "is_below_tip", any_tip),),
    "log not read": ((Node, "remembered", no_log),),
    "checkpoints not logged": ((Node, "remembered", checkpoint_not_durable),),
    "lead of three": ((finality, "LEAD_MAX", 3),),
    "forks unseen": ((forks, "are_of_two_chains", one_chain),),
    "13 of 20 seats": ((QuorumCertificate, "check_quorum", any_number_of_seats),),
}

CATCHABLE: dict[str, tuple[str, range]] = {
    "checkpoints not re-proposed": ("part", range(4)),
    "a tip that is not executed": ("feed", range(4)),
    "a tip that never freezes": ("chase", range(2)),
    "FINALs of withheld blocks count": ("feed", range(3, 7)),
    "CLOSEs not counted": ("cut3s", range(2, 22)),
    "a long wait": ("cut3s", range(4)),
    "FINALs not waited for": ("split31", range(9, 39)),
    "terms of any age": ("drip", range(4)),
    "certificates not logged": ("amnesia", range(6)),
    "COMMIT before execution": ("cap14", range(1, 7)),
    "tips compared by height": ("cap14", range(3, 11)),
    "any checkpoint preferred": ("split31", range(1, 7)),
    "tips not compared": ("strike", range(6, 46)),
    "log not read": ("crash", range(4)),
    "checkpoints not logged": ("dark", range(4)),
    "lead of three": ("mixed", range(4)),
    "forks unseen": ("beyond", range(2)),
    "13 of 20 seats": ("cap8", range(4)),
}
"""The scenario that shows each, and in which seeds: the first did, the others are room for luck."""

SLOW = {
    "checkpoints not re-proposed",
    "a tip that is not executed",
    "a tip that never freezes",
    "checkpoints not logged",
}
"""These stand still until a long run ends."""

SPEED_ONLY = {"nobody follows those who close"}
"""These make restarts slower or rarer, and nothing wrong: README.md says so."""

SHOWN_BY = {
    **{name: kind for name, (kind, _) in CATCHABLE.items()},
    **dict.fromkeys(SPEED_ONLY, "clean"),
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


def first_caught(name: str, run: Callable[[int, str], Any]) -> tuple[int, str] | None:
    """The first seed whose run shows the mutant, and what it shows."""
    kind, seeds = CATCHABLE[name]
    with mutated(name):
        for seed in seeds:
            found = run(seed, kind).violation
            if found is not None:
                return seed, found
    return None
