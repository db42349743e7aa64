"""The rules of the two lanes, alone on one page: when a term closes, and which block may end it.

Everything here reads values and changes nothing. README.md tells what each clause prevents; each
is a mutant of its own in tests/simulation/lanes/mutants.py.
"""

from consensus.certificates import QuorumCertificate
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import seats_closed
from consensus.lanes.proofs import BoundaryFinal, CheckpointProof, CommitteeClosed, WaitedOut
from consensus.lanes.state import Cause, LanesConfig, Proofs, Term, Tip, closing_seats
from consensus.quorum import reaches_quorum

AGE_PER_BLOCK = 4
"""Block times a term may take for each of its blocks, beside one escape time."""

# --- closing a term -----------------------------------------------------------------------------


def cause_to_close(term: Term, config: LanesConfig, now_ms: int) -> Cause | None:
    """Why an open term must be closed now; a fifth cause is a proof of rule (b)."""
    if not term.is_open:
        return None
    if is_contradictory(term):
        return Cause.CONFLICT
    if is_abandoned(term):
        return Cause.CONTAGION
    if now_ms >= stalls_ms(term, config):
        return Cause.STALL
    if now_ms >= ages_ms(term, config):
        return Cause.AGE
    return None


def is_contradictory(term: Term) -> bool:
    """Two FINALs exclude each other, or one is of a block that does not execute."""
    return len(term.finals) > 1 or term.core.halted is not None


def is_abandoned(term: Term) -> bool:
    """Those who have closed are so many that the others are no quorum."""
    return term.seats_closed >= closing_seats(term)


def stalls_ms(term: Term, config: LanesConfig) -> int:
    """No new final block, executed here, since the escape time. The clock starts with the term,
    and a term begins only within the lead of two: waiting for the hard lane is no stall."""
    return term.last_final_ms + config.escape_ms


def ages_ms(term: Term, config: LanesConfig) -> int:
    """One block in every escape time keeps a stall away for ever; age does not."""
    blocks = term.instance.last_height - term.instance.start.height
    return term.began_ms + config.escape_ms + AGE_PER_BLOCK * blocks * config.core.block_time_ms


# --- the tip we stand on ------------------------------------------------------------------------


def rises_above(certificate: QuorumCertificate, tip: Tip) -> bool:
    """Tips compare by the view of their NOTAR alone: a captured committee forks, views do not."""
    return certificate.view > tip.view


def freezes_ms(term: Term, config: LanesConfig) -> int | None:
    """From then on our tip never rises, as far as (c) asks for it: a moving target is no target."""
    return None if term.closed is None else term.closed.at_ms + config.escape_ms


def own_tip(term: Term) -> Tip:
    """What (c) compares with."""
    return term.tip if term.frozen is None else term.frozen


def waited_ms(term: Term, config: LanesConfig) -> int | None:
    """(c) holds from here: we closed, and saw nothing final, so long ago that whoever still
    finalizes is more than an escape time behind us."""
    if term.closed is None:
        return None
    return max(term.closed.at_ms, term.last_final_ms + config.escape_ms) + config.escape_ms


def has_waited(term: Term, config: LanesConfig, now_ms: int) -> bool:
    """Whether the time of (c) has come."""
    from_ms = waited_ms(term, config)
    return from_ms is not None and now_ms >= from_ms


# --- which block may end a term -----------------------------------------------------------------


def best_proof(term: Term, config: LanesConfig, now_ms: int) -> CheckpointProof | None:
    """What we can propose: the end of the term (a), or our tip by (b) or (c)."""
    if term.boundary is not None:
        return BoundaryFinal(term.boundary)
    below = tuple(each for each in term.closes.values() if each.close.tip_view <= term.tip.view)
    committee = term.instance.electorate
    if reaches_quorum(seats_closed(below, committee), committee.total):
        return CommitteeClosed(term.tip.notar, below)
    if has_waited(term, config, now_ms):
        return WaitedOut(term.tip.notar)
    return None


def may_prefer_checkpoint(
    term: Term, checkpoint: Checkpoint, proofs: Proofs, config: LanesConfig, now_ms: int
) -> bool:
    """A fresh checkpoint, its block executed: (a), (b), or (c). Proofs are valid on their own."""
    if proofs.boundary is not None:
        return True
    if term.boundary is not None and term.boundary.block_id == checkpoint.block_id:
        return True
    if proofs.closes is not None:
        return True
    return has_waited(term, config, now_ms) and not is_below_tip(term, proofs)


def is_below_tip(term: Term, proofs: Proofs) -> bool:
    """(c): we stand on a higher view than all we are shown."""
    shown = proofs.closes or proofs.waited
    return shown is None or own_tip(term).view > shown.view
