"""Offences that a core was shown and does not report: what it holds against what it says."""

from itertools import combinations

from consensus.certificates import QuorumCertificate
from consensus.core import Event, State
from consensus.core.events import CertificateAccepted, ProposalAccepted, VoteAccepted
from consensus.core.state import ViewState
from consensus.votes import SignedVote, VotePhase
from genesis.signed_bytes import excludes


def overlooked(state: State, event: Event) -> set[int]:
    """Members that after this event are convicted by what `state` holds of its view, unreported."""
    match event:
        case VoteAccepted(signed):
            if (signed.vote.instance_id, signed.epoch) != (state.instance.id, state.epoch):
                return set()
            known = state.at(signed.vote.view)
            guilty = _by_votes(known, signed)
            if signed.voter_index in known.tally(signed.vote.phase).votes:
                guilty |= {
                    voter
                    for certificate in known.certificates()
                    for voter in _by_certificate(known, certificate)
                }
            return guilty - known.reported
        case ProposalAccepted(signed):
            known = state.at(signed.proposal.view)
            sent = [each for each in known.proposals if each.signature]
            guilty = {each.proposal.proposer_index for each in sent} if len(sent) > 1 else set()
            return guilty - known.reported
        case CertificateAccepted(certificate):
            if certificate.instance_id != state.instance.id:
                return set()
            known = state.at(certificate.view)
            guilty = _by_certificates([*known.certificates(), certificate])
            return (guilty | _by_certificate(known, certificate)) - known.reported
        case _:
            return set()


def _by_votes(known: ViewState, signed: SignedVote) -> set[int]:
    voter = signed.voter_index
    held = known.tally(signed.vote.phase).votes.get(voter)
    is_second = held is not None and held.vote != signed.vote
    is_both = voter in known.commits.votes and voter in known.cancels.votes
    return {voter} if is_second or is_both else set()


def _by_certificate(known: ViewState, certificate: QuorumCertificate) -> set[int]:
    """Of a view that is not final yet: of the others the votes are forgotten."""
    vote, voters = certificate.vote, certificate.voter_indices
    return {
        voter
        for phase in VotePhase
        if (held := known.tally(phase).votes)
        for voter in voters
        if voter in held and excludes(phase, vote.phase, same=held[voter].vote == vote)
    }


def _by_certificates(certificates: list[QuorumCertificate]) -> set[int]:
    guilty = set[int]()
    for one, other in combinations(certificates, 2):
        phases = {one.phase, other.phase}
        is_second = one.phase is other.phase and one.vote != other.vote
        if is_second or phases == {VotePhase.COMMIT, VotePhase.CANCEL}:
            guilty |= set(one.voter_indices) & set(other.voter_indices)
    return guilty
