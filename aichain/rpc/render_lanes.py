"""Both lanes as JSON of `aichain_*`: the ballot on the next checkpoint, and the terms that run."""

from aichain.rpc.render import Json, show_bytes, show_checkpoint
from aichain.rpc.render_consensus import show_core
from consensus.lanes.accusations import BrokenClose, decode_accusation
from consensus.lanes.state import Lanes, Term, closing_seats
from native.codec import decode
from native.hashing import blake3_256

_ACCUSATION_ITEMS = 64


def show_lanes(state: Lanes, *, views: int) -> Json:
    """The hard lane first: what it decides on, then each term that blocks are made in."""
    return {
        "epoch": state.ballot.instance.epoch,
        "halted": state.halted,
        "checkpoint": show_checkpoint(state.checkpoint),
        "hardHeight": state.hard.height,
        "ballot": {
            "number": state.number,
            "armed": state.ballot.armed,
            "checkpoints": [show_checkpoint(each) for each in state.ballot.checkpoints.values()],
            "core": show_core(state.ballot.core, views=views),
        },
        "terms": [_show_term(term, views=views) for term in state.terms],
    }


def show_accusation(raw: bytes) -> Json:
    """What shows that a voter of a lane signed two things that exclude each other."""
    accusation = decode_accusation(decode(raw, max_bytes=len(raw), max_items=_ACCUSATION_ITEMS))
    broken = isinstance(accusation.evidence, BrokenClose)
    return {
        "hash": show_bytes(blake3_256(raw)),
        "kind": "close" if broken else "double",
        "lane": accusation.lane.name.lower(),
        "epoch": accusation.epoch,
        "term": accusation.term,
        "startHash": show_bytes(accusation.start_id),
        "offender": accusation.offender,
        "raw": show_bytes(raw),
    }


def _show_term(term: Term, *, views: int) -> Json:
    closed = term.closed
    return {
        "number": term.number,
        "startHeight": term.instance.start.height,
        "lastHeight": term.instance.last_height,
        "open": term.is_open,
        "closed": None
        if closed is None
        else {"atMs": closed.at_ms, "cause": closed.cause.value, "view": closed.record.tip_view},
        "seatsClosed": term.seats_closed,
        "seatsToClose": closing_seats(term),
        "fastHeight": max((block.height for block in term.fast), default=None),
        "core": show_core(term.core, views=views),
    }
