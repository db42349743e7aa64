"""Turns a double signature that the core reports into a transaction, and hands it to the pool."""

import logging

from aichain.chain import Chain
from aichain.node.context import NodeContext
from aichain.node.pool import TransactionPool
from consensus.evidence import ConflictingProposals, ConflictingVotes, Evidence, SignedClaim
from consensus.instance import Instance
from consensus.lanes.accusations import Accusation, BrokenClose
from consensus.votes import SignedVote
from genesis.limits import VALIDITY_WINDOW_BLOCKS
from genesis.signed_bytes import InstanceName, Lane
from genesis.units import address_of_key
from native.errors import InvalidData
from native.signatures import SigningKey
from vm.records import public_key_key
from vm.system_bodies import Claims, CloseClaim, ProposalClaim, VoteClaim
from vm.system_bodies import Evidence as EvidenceBody
from vm.transactions import SignedTransaction, Transaction, sign_transaction

log = logging.getLogger(__name__)


class Accuser:
    """Signs with the validator's own key: the reward is the reporter's. Never accuses itself."""

    def __init__(
        self, key: SigningKey, chain: Chain, pool: TransactionPool, context: NodeContext
    ) -> None:
        self._key = key
        self._chain = chain
        self._pool = pool
        self._context = context

    async def accuse(self, evidence: Evidence, instance: Instance) -> None:
        """A double signature in an instance of a single lane."""
        await self._bring(evidence, instance, Lane.HARD, term=0)

    async def accuse_in_lane(self, accusation: Accusation, instance: Instance) -> None:
        """One in a term or in a ballot, or a CLOSE below its seat's own COMMIT."""
        lane, term = accusation.lane, accusation.term
        await self._bring(accusation.evidence, instance, lane, term=term)

    async def _bring(
        self, evidence: Evidence | BrokenClose, instance: Instance, lane: Lane, *, term: int
    ) -> None:
        """Announce the transaction and keep it for a block of ours."""
        voters = self._chain.head.epoch(instance.epoch)
        if voters is None:
            log.error("evidence of epoch %d came too late to be sent", instance.epoch)
            return
        sender = address_of_key(self._key.public_key)
        if instance.electorate.members[evidence.offender] == sender:
            log.error("another process signs with our key: this validator will be slashed")
            return
        head, place = self._chain.head, instance.electorate.place(evidence.offender)
        name = InstanceName(
            head.document.hash,
            lane,
            instance.epoch,
            instance.electorate.vset_hash,
            instance.start.id,
            term,
        )
        assert name.id == instance.id, "this is what names an instance"
        transaction = Transaction(
            network_id=head.document.network_id,
            sender=sender,
            nonce=0,
            fee_max=0,
            tip=0,
            valid_until=head.head.height + VALIDITY_WINDOW_BLOCKS,
            body=EvidenceBody(name, _view(evidence), voters.seats[place].owner, _claims(evidence)),
        )
        reveal = head.get(public_key_key(sender)) is None
        signed: SignedTransaction = await self._context.run_blocking(
            lambda: sign_transaction(transaction, self._key, reveal=reveal)
        )
        try:
            await self._pool.submit(signed.raw)
        except InvalidData as error:
            log.info("evidence is not needed: %s", error)


def _view(evidence: Evidence | BrokenClose) -> int:
    match evidence:
        case BrokenClose(_, commit):
            return commit.vote.view
        case ConflictingVotes(first, _):
            return first.vote.view
        case ConflictingProposals(one, _):
            return one.claim.view


def _claims(evidence: Evidence | BrokenClose) -> Claims:
    match evidence:
        case BrokenClose(signed, commit):
            close = signed.close
            return CloseClaim(close.tip_view, close.tip_id, signed.signature), _vote(commit)
        case ConflictingVotes(first, second):
            return _vote(first), _vote(second)
        case ConflictingProposals(one, other):
            return _proposal(one), _proposal(other)


def _vote(signed: SignedVote) -> VoteClaim:
    vote = signed.vote
    return VoteClaim(vote.phase, vote.height, vote.block_id, signed.signature)


def _proposal(side: SignedClaim) -> ProposalClaim:
    claim = side.claim
    return ProposalClaim(claim.justify_view, claim.height, claim.block_id, side.signature)
