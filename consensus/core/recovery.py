"""Back from a crash: the log of our own signatures decides what we may still sign (R8)."""

from collections.abc import Iterable, Mapping

from consensus.certificates import QuorumCertificate
from consensus.core.state import CoreConfig, State, initial
from consensus.electorate import Electorate
from consensus.instance import BlockRef
from consensus.memory import changed
from consensus.records import (
    CertificateSeen,
    HeightFinal,
    ProofFound,
    ProposalCast,
    Record,
    SigningAllowed,
    VoteCast,
    record_instance,
    record_view,
)
from consensus.votes import VotePhase


def restore(
    config: CoreConfig,
    start: BlockRef,
    tip: BlockRef,
    tip_certificate: QuorumCertificate | None,
    electorates: Mapping[int, Electorate],
    records: Iterable[Record],
    *,
    abstain: bool,
) -> State:
    """The state a node may go on from, knowing its last final block and its log.

    `start` is the last block of the epoch before the one that goes on (`epoch_after`), and
    `tip_certificate` the FINAL that names `tip` (None at height 0). Electorates of that epoch and
    the next must be given. Blocks above the tip that are durable follow as `BlockExecuted`.
    """
    assert (tip_certificate is None) == (tip.height == 0), "a tip has a FINAL"
    state = changed(
        initial(config, start, electorates),
        abstain=abstain,
        final=tip,
        final_certificate=tip_certificate,
        blocks={tip.id: tip},
        executed=frozenset((tip.id,)),
    )
    if tip_certificate is not None:
        assert tip_certificate.block_id == tip.id, "the FINAL of another block"
        if tip.id == start.id:
            state = changed(state, edge_certificate=tip_certificate)
        else:
            state = changed(state, final_view=tip_certificate.view)
    return replay(state, tuple(records))


def replay(state: State, records: Iterable[Record]) -> State:
    """Put back what we signed in this instance; keep what belongs to later ones for the edge."""
    records = tuple(records)
    state = changed(state, floor=max((state.floor, *map(floor_of, records))))
    view, later = state.final_view + 1, []
    for record in records:
        if record_instance(record)[0] > state.epoch:
            later.append(record)
        elif belongs(state, record):
            state = _put_back(state, record)
            view = max(view, view_after(record))
    return changed(state, view=view, heard_since=view, later_records=tuple(later))


def belongs(state: State, record: Record) -> bool:
    """R8: a record speaks only about its own instance, and about views not yet final.

    What we signed at or below the floor is over too, though our chain may have to get there again.
    """
    view = record_view(record)
    if isinstance(record, VoteCast | ProposalCast) and (state.epoch, view) <= state.floor:
        return False
    return record_instance(record)[1] == state.instance.id and view > state.final_view


def floor_of(record: Record) -> tuple[int, int]:
    """(epoch, view) at or below which nothing is signed any more, having written this.

    The log may be ahead of the chain: a database that was lost is synced again from block 0, and
    those who sign in it meanwhile must not be us.
    """
    epoch, _ = record_instance(record)
    match record:
        case VoteCast() | ProposalCast():
            return epoch, 0
        case HeightFinal():
            return epoch, record.view
        case SigningAllowed():
            return epoch, record.view - 1
        case CertificateSeen() | ProofFound():
            return 0, 0


def view_after(record: Record) -> int:
    """The view we are at least in, having written this."""
    match record:
        case VoteCast(vote):
            return vote.view + 1 if vote.phase is VotePhase.COMMIT else vote.view
        case ProposalCast(proposal):
            return proposal.view
        case CertificateSeen(certificate):
            return certificate.view + 1
        case HeightFinal():
            return record.view + 1
        case SigningAllowed():
            return record.view
        case ProofFound():
            return 0


def _put_back(state: State, record: Record) -> State:
    known = state.at(record_view(record))
    match record:
        case VoteCast(vote):
            return state.with_view(vote.view, known.with_own_vote(vote))
        case CertificateSeen(certificate):
            return state.with_view(certificate.view, known.with_certificate(certificate))
        case ProposalCast(proposal):
            state = changed(state, blocks={**state.blocks, proposal.block.id: proposal.block})
            return state.with_view(proposal.view, known.with_own_proposal(proposal))
        case HeightFinal() | SigningAllowed() | ProofFound():
            return state
