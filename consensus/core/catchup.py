"""Getting what we lack: certificates by view, blocks by hash, on a timer no view can stop.

Both halves were learnt from simulated failures: a request bound to a view's timer never fires while
views go by quickly, and asking by view hides the block of a view that is both NOTAR and NULL.
"""

from consensus.certificates import QuorumCertificate
from consensus.core import timing, voting
from consensus.core.effects import (
    BroadcastCertificate,
    CastProposal,
    CastVote,
    CheckBlock,
    FetchBlock,
    RebroadcastProposal,
    RequestCertificates,
    SendCertificate,
    SetTimer,
    Timer,
    TimerName,
)
from consensus.core.events import CertificatesRequested
from consensus.core.state import NEVER_SYNCED, State, ViewState
from consensus.core.turn import Turn
from consensus.memory import changed
from genesis.limits import ANNOUNCING_VIEWS, CERTIFICATE_VIEWS_PER_ANSWER, VIEWS_BEHIND_MAX
from native.hashing import Hash32


def is_announcer(state: State, view: int) -> bool:
    """R0: the proposers of the next views tell all how `view` ended; at N = 20 twenty would be
    twenty times 46 KB. If they fail, what is missing is said again (R9) or asked for."""
    following = range(view + 1, view + 1 + ANNOUNCING_VIEWS)
    return state.me in {state.instance.proposer(later) for later in following}


def need(turn: Turn, block_id: Hash32) -> None:
    """Ask once per sync period for a block that must be executed before we can go on."""
    state = turn.state
    if block_id in state.executed or block_id in state.wanted or block_id in state.rejected:
        return
    turn.state = changed(state, wanted=state.wanted | {block_id})
    block = state.blocks.get(block_id)
    if block is not None and block.parent_id in state.executed:
        turn.emit(CheckBlock(block))
    else:
        turn.emit(FetchBlock(block_id))


def tick(turn: Turn) -> None:
    """The sync timer: forget what was asked, ask for all that is still missing."""
    state = turn.state
    timer = Timer(TimerName.SYNC, 0, 0)
    turn.emit(SetTimer(timer, turn.now_ms + timing.sync_ms(state.config)))
    gap = first_gap(state)
    if gap is not None or state.synced_height in (NEVER_SYNCED, state.final.height):
        low = state.final_view + 1 if gap is None else gap
        turn.emit(RequestCertificates(state.epoch, low, max(low, state.view)))
    turn.state = changed(state, wanted=frozenset(), synced_height=state.final.height)
    for block_id in _missing_blocks(state):
        need(turn, block_id)


def repeat(turn: Turn) -> None:
    """R9: say again what this view and the one before it rest on; ask the shell again, too."""
    state = turn.state
    turn.set_timer(TimerName.RETRY, turn.now_ms + timing.retry_ms(state.config))
    for view in sorted({first_gap(state) or state.view, state.view - 1, state.view}):
        for vote in state.at(view).own_votes():
            turn.emit(CastVote(vote, state.epoch))
    for signed in state.at(state.view).proposals[:1]:
        turn.emit(
            RebroadcastProposal(signed) if signed.signature else CastProposal(signed.proposal)
        )
    for certificate in state.at(state.view - 1).certificates():
        turn.emit(BroadcastCertificate(certificate))
    if state.final_certificate is not None:
        turn.emit(BroadcastCertificate(state.final_certificate))
    turn.set_view(state.view, changed(state.at(state.view), building=False))


def request_justification(turn: Turn, justify_view: int) -> None:
    """A proposal rests on certificates we do not hold: its proposer, or somebody, has them."""
    state = turn.state
    low = max(justify_view, state.final_view + 1)
    turn.emit(RequestCertificates(state.epoch, low, max(low, state.view - 1)))


def answer(turn: Turn, request: CertificatesRequested) -> None:
    """Send what a peer lacks: the latest FINAL of its epoch, then its views one by one."""
    state = turn.state
    if request.epoch == state.epoch - 1 and state.edge_certificate is not None:
        turn.emit(SendCertificate(request.peer, state.edge_certificate))
    if request.epoch != state.epoch:
        return
    latest = state.final_certificate
    if latest is not None and latest.epoch == state.epoch:
        turn.emit(SendCertificate(request.peer, latest))
    low = max(request.low_view, state.final_view + 1)
    high = min(request.high_view, state.view, low + CERTIFICATE_VIEWS_PER_ANSWER - 1)
    for view in range(low, high + 1):
        for certificate in held_certificates(state, view):
            turn.emit(SendCertificate(request.peer, certificate))


def held_certificates(state: State, view: int) -> tuple[QuorumCertificate, ...]:
    """What proves the outcome of a view; a FINAL makes its NOTAR superfluous (and NULL absurd)."""
    known = state.at(view)
    return known.certificates() if known.final is None else (known.final,)


def first_gap(state: State) -> int | None:
    """The first view we passed, or must judge a proposal by, without knowing its outcome."""
    open_view = state.first_open_view
    if open_view is not None:
        return open_view
    for signed in state.at(state.view).proposals:
        view = signed.proposal.justify_view
        if view > state.final_view and state.at(view).notarized is None:
            return view
    return None


def without_old_votes(state: State, view: int) -> dict[int, ViewState]:
    """Views far behind `view` as they are kept on; R9 may need the votes of the first open one."""
    gap = first_gap(state)
    return {
        old: known.without_votes()
        for old, known in state.views.items()
        if old < view - VIEWS_BEHIND_MAX and old != gap and not known.is_slim
    }


def _missing_blocks(state: State) -> list[Hash32]:
    """Blocks that are final or notarized, and the bases of proposals, as far as not executed."""
    missing = [known.notarized for known in state.views.values() if known.notarized is not None]
    tip = voting.tip(state)
    if tip is not None:
        missing.append(tip.block_id)
    for signed in state.at(state.view).proposals:
        if voting.is_justified(state, signed.proposal):
            block = signed.proposal.block
            missing.append(block.id if signed.proposal.is_repeat else block.parent_id)
    return [block_id for block_id in missing if block_id not in state.executed]
