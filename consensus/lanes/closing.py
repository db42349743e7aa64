"""Closing a term: we sign nothing more in it, and tell everybody on which tip we stood."""

from consensus.core.state import State as CoreState
from consensus.lanes import rules
from consensus.lanes.accusations import BrokenClose, close_is_broken
from consensus.lanes.closes import CloseMessage, SignedClose
from consensus.lanes.effects import CloseTerm, ForwardCertificate, ForwardClose
from consensus.lanes.records import TermClosed
from consensus.lanes.state import Cause, Closed, Term
from consensus.lanes.turn import LaneTurn
from consensus.memory import changed
from consensus.votes import Lane, SignedVote

REPEATS_PER_ESCAPE = 4


def close(turn: LaneTurn, number: int, cause: Cause) -> None:
    """Silence first, then the word: the core of the term signs nothing from now on."""
    term = turn.term(number)
    if not term.is_open:
        return
    record = TermClosed(
        term.instance.id, term.instance.epoch, number, term.tip.view, term.tip.block_id
    )
    closed = Closed(turn.now_ms, cause, record, term.tip.notar, turn.now_ms)
    turn.put(changed(term, closed=closed, core=silenced(term.core)))
    say(turn, number)


def silenced(core: CoreState) -> CoreState:
    """The same core, counting and following, but never signing again."""
    return changed(core, abstain=True)


def sweep(turn: LaneTurn) -> None:
    """Close the term we sign in, if anything demands it."""
    for term in turn.state.terms:
        cause = rules.cause_to_close(term, turn.state.config, turn.now_ms)
        if cause is not None:
            close(turn, term.number, cause)


def freeze(turn: LaneTurn) -> None:
    """Before anything new is learnt: a tip whose time is over stays what it was."""
    for term in turn.state.terms:
        from_ms = rules.freezes_ms(term, turn.state.config)
        if term.frozen is None and from_ms is not None and turn.now_ms > from_ms:
            turn.put(changed(term, frozen=term.tip))


def say(turn: LaneTurn, number: int) -> None:
    """CLOSE with its certificate, and a higher one if we have learnt of it since."""
    term = turn.term(number)
    if term.closed is None or turn.state.abstain:
        return
    closed = changed(term.closed, said_ms=turn.now_ms)
    turn.put(changed(term, closed=closed))
    turn.emit(CloseTerm(closed.record, closed.notar))
    if term.tip.notar is not None and term.tip.view > closed.record.tip_view:
        turn.emit(ForwardCertificate(term.tip.notar))


def repeat(turn: LaneTurn) -> None:
    """A CLOSE may be lost; it is said again until the hard lane has decided."""
    pause_ms = turn.state.config.escape_ms // REPEATS_PER_ESCAPE
    for term in turn.state.terms:
        if term.closed is not None and turn.now_ms >= term.closed.said_ms + pause_ms:
            say(turn, term.number)


def on_close(turn: LaneTurn, message: CloseMessage) -> None:
    """One CLOSE of each seat holder counts, and goes on to everybody."""
    term = term_of(turn, message.signed)
    if term is not None and add_close(turn, term.number, message.signed):
        turn.emit(ForwardClose(message))


def on_vote(turn: LaneTurn, signed: SignedVote) -> None:
    """A COMMIT may come after the CLOSE that it breaks."""
    for term in turn.state.terms:
        held = term.closes.get(signed.voter_index)
        if held is not None and term.instance.id == signed.vote.instance_id:
            convict(turn, term.number, held, signed)


def add_close(turn: LaneTurn, number: int, signed: SignedClose) -> bool:
    """Count a CLOSE; True if it is its holder's first. A COMMIT above its tip convicts it."""
    term = turn.term(number)
    holder = signed.voter_index
    if holder >= len(term.instance.electorate) or holder in term.closes:
        return False
    turn.put(changed(term, closes={**term.closes, holder: signed}))
    for commit in _commits_of(term, holder):
        convict(turn, number, signed, commit)
    return True


def convict(turn: LaneTurn, number: int, signed: SignedClose, commit: SignedVote) -> None:
    """Report a seat whose CLOSE stands below its own COMMIT."""
    if close_is_broken(signed.close, commit.vote):
        turn.accuse(Lane.FAST, number, BrokenClose(signed, commit))


def term_of(turn: LaneTurn, signed: SignedClose) -> Term | None:
    """The living term a CLOSE is about."""
    for term in turn.state.terms:
        if term.instance.id == signed.close.instance_id:
            return term
    return None


def _commits_of(term: Term, holder: int) -> list[SignedVote]:
    counted = [known.commits.votes.get(holder) for known in term.core.views.values()]
    in_finals = [vote for final in term.finals for vote in final.votes()]
    found = [vote for vote in counted if vote is not None]
    return found + [vote for vote in in_finals if vote.voter_index == holder]
