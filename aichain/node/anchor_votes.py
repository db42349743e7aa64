"""Votes for the last block of an epoch, brought into the first blocks after it: they are paid."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from aichain.chain import Chain
from aichain.node.ballots import PostEvent
from consensus.certificates import QuorumCertificate
from consensus.core.events import Event, VoteAccepted
from consensus.votes import SignedVote, VotePhase
from genesis.checkpoints import Checkpoint
from genesis.limits import (
    PARTICIPATION_VOTES_MAX,
    SYSTEM_TRANSACTIONS_MAX,
    VALIDITY_WINDOW_BLOCKS,
)
from genesis.units import address_of_key
from native.signatures import SigningKey
from vm.anchors import Anchor, closing_height, read_anchor
from vm.records import public_key_key
from vm.state import State
from vm.system_bodies import Participation
from vm.transactions import Transaction, VerifiedTransaction, sign_transaction

_Votes = dict[int, bytes]
"""Signatures by the voter's place in the set."""


class AnchorVotes:
    """A proposer knows the votes of the certificate, its own, and those that came to it too late.

    Who is slower than every quorum, with few turns of its own, would be counted by nobody else.
    """

    def __init__(self, key: SigningKey, chain: Chain) -> None:
        self._key = key
        self._chain = chain
        self._own: dict[int, SignedVote] = {}
        """Our last COMMIT of each epoch: of this one, and of the one whose anchor is open."""
        self._late: dict[int, dict[int, SignedVote]] = {}
        """Of the epoch whose anchor is open: what came after the certificate, by voter."""

    def watching(self, post: PostEvent) -> PostEvent:
        """`post`, with our last COMMIT noted on its way to the core."""

        def watched(event: Event) -> None:
            if isinstance(event, VoteAccepted):
                self.note(event.vote)
            post(event)

        return watched

    def note(self, signed: SignedVote) -> None:
        """We have cast this; of an epoch's last COMMIT nobody else may ever hear.

        Our turn to bring it comes when we have long been giving COMMITs in the next epoch.
        """
        if signed.vote.phase is VotePhase.COMMIT:
            open_epochs = (signed.epoch - 1, signed.epoch)
            kept = {epoch: own for epoch, own in self._own.items() if epoch in open_epochs}
            self._own = {**kept, signed.epoch: signed}

    def wants(self, signed: SignedVote, decided: QuorumCertificate) -> bool:
        """A late COMMIT for what ended an epoch; once a voter, so a set is all that is kept."""
        vote, place = signed.vote, signed.voter_index
        names_it = replace(vote, view=decided.view) == decided.vote  # at its true height, too
        if not names_it or place in decided.voter_indices:
            return False
        return place not in self._late.get(signed.epoch, {})

    def keep(self, signed: SignedVote) -> None:
        """A late vote that `wants` and that was verified, on chain it is counted, and paid; of
        older epochs they are forgotten."""
        if any(epoch > signed.epoch for epoch in self._late):
            return  # an epoch ended while it was verified
        held = self._late.get(signed.epoch, {})
        self._late = {signed.epoch: {**held, signed.voter_index: signed}}

    def missing_on(self, parent: State, epoch: int) -> Sequence[VerifiedTransaction]:
        """Transactions with the votes that a child of `parent` may still count. Blocking.

        No more than a block takes, for each is signed, and those with the most votes first: a
        late vote names what view its voter likes, and has a transaction for itself there.
        """
        if not epoch:
            return ()
        anchor, height = read_anchor(parent.get), parent.head.height + 1
        if height > closing_height(epoch - 1, parent.document.consensus):
            return ()
        certificate, checkpoint = self._proof_of(anchor, epoch - 1)
        if certificate is None:
            return ()
        parts = self._parts(certificate, epoch - 1, anchor)
        return tuple(
            self._transaction(parent, epoch - 1, view, some, checkpoint) for view, some in parts
        )

    def _parts(
        self, certificate: QuorumCertificate, epoch: int, anchor: Anchor
    ) -> list[tuple[int, _Votes]]:
        """What is not counted yet, by view: as much as one block takes, the most votes first."""
        parts: list[tuple[int, _Votes]] = []
        for view, votes in self._votes(certificate, epoch).items():
            open_ = [(at, votes[at]) for at in sorted(votes) if not anchor.has(at)]
            parts.extend(
                (view, dict(open_[start : start + PARTICIPATION_VOTES_MAX]))
                for start in range(0, len(open_), PARTICIPATION_VOTES_MAX)
            )
        parts.sort(key=lambda part: len(part[1]), reverse=True)
        return parts[:SYSTEM_TRANSACTIONS_MAX]

    def _proof_of(
        self, anchor: Anchor, epoch: int
    ) -> tuple[QuorumCertificate | None, Checkpoint | None]:
        """What made the anchor final: a certificate of it, or of a checkpoint that ends there."""
        if not self._chain.document.has_lanes:
            certificate = self._chain.blocks.certificate_at(anchor.height)
            is_of = certificate is not None and certificate.block_id == anchor.block_id
            return (certificate if is_of else None), None
        decision = self._chain.decisions.covering(anchor.height)
        if decision is None or decision.checkpoint.block_id != anchor.block_id:
            return None, None
        assert decision.checkpoint.epoch == epoch, "the first that ends there is of its own epoch"
        return decision.certificate, decision.checkpoint

    def _votes(self, certificate: QuorumCertificate, epoch: int) -> dict[int, _Votes]:
        """By their view: under R10 an anchor may have been voted for in several."""
        known: dict[int, _Votes] = defaultdict(dict)
        for signed in certificate.votes():
            known[signed.vote.view][signed.voter_index] = signed.signature
        own, late = self._own.get(epoch), self._late.get(epoch, {})
        for signed in (*late.values(), *(() if own is None else (own,))):
            place = signed.voter_index
            is_known = any(place in votes for votes in known.values())
            if signed.vote.block_id == certificate.block_id and not is_known:
                known[signed.vote.view][place] = signed.signature
        return known

    def _transaction(
        self,
        parent: State,
        epoch: int,
        view: int,
        votes: _Votes,
        checkpoint: Checkpoint | None,
    ) -> VerifiedTransaction:
        voters = parent.validators_of(epoch)
        assert voters is not None, "a state knows the set of the last epoch that ended"
        bitmap = bytearray(-(-len(voters) // 8))
        for place in votes:
            bitmap[place // 8] |= 1 << place % 8
        sender = address_of_key(self._key.public_key)
        signatures = tuple(votes[at] for at in sorted(votes))
        transaction = Transaction(
            network_id=parent.document.network_id,
            sender=sender,
            nonce=0,
            fee_max=0,
            tip=0,
            valid_until=parent.head.height + VALIDITY_WINDOW_BLOCKS,
            body=Participation(epoch, view, bytes(bitmap), signatures, checkpoint),
        )
        reveal = parent.get(public_key_key(sender)) is None
        return VerifiedTransaction(sign_transaction(transaction, self._key, reveal=reveal))
