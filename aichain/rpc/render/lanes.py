"""Both lanes as results: the ballot on the next checkpoint, and the terms that run."""

from aichain.rpc.render.blocks import show_checkpoint
from aichain.rpc.render.consensus import show_core
from aichain.rpc.render.names import LANES
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results import consensus as results
from aichain.rpc.statuses import Voting
from consensus.lanes.accusations import BrokenClose, decode_accusation
from consensus.lanes.state import Lanes, Term, closing_seats
from native.codec import decode
from native.hashing import blake3_256

_ACCUSATION_ITEMS = 64


def show_lanes(state: Lanes, *, views: int, now_ms: int, voting: Voting) -> results.LanesState:
    """The hard lane first: what it decides on, then each term that blocks are made in."""
    ballot = state.ballot
    return results.LanesState(
        now_ms=now_ms,
        voting=voting,
        epoch=ballot.instance.epoch,
        halted=state.halted,
        checkpoint=show_checkpoint(state.checkpoint),
        hard_height=state.hard.height,
        ballot=results.Ballot(
            number=state.number,
            armed=ballot.armed,
            checkpoints=[show_checkpoint(each) for each in ballot.checkpoints.values()],
            core=show_core(ballot.core, views=views),
        ),
        terms=[_show_term(term, views=views) for term in state.terms],
    )


def show_accusation(raw: bytes) -> results.DoubleSignature | results.BrokenClose:
    """What shows that a voter of a lane signed two things that exclude each other."""
    accusation = decode_accusation(decode(raw, max_bytes=len(raw), max_items=_ACCUSATION_ITEMS))
    broken = isinstance(accusation.evidence, BrokenClose)
    kind = results.BrokenClose if broken else results.DoubleSignature
    return kind(
        hash=show_bytes(blake3_256(raw)),
        lane=LANES[accusation.lane],
        epoch=accusation.epoch,
        term=accusation.term,
        start_hash=show_bytes(accusation.start_id),
        offender=accusation.offender,
        raw=show_bytes(raw),
    )


def _show_term(term: Term, *, views: int) -> results.Term:
    closed = term.closed
    return results.Term(
        number=term.number,
        start_height=term.instance.start.height,
        last_height=term.instance.last_height,
        open=term.is_open,
        closed=None
        if closed is None
        else results.Closed(
            at_ms=closed.at_ms, cause=closed.cause.value, view=closed.record.tip_view
        ),
        seats_closed=term.seats_closed,
        seats_to_close=closing_seats(term),
        fast_height=max((block.height for block in term.fast), default=None),
        core=show_core(term.core, views=views),
    )
