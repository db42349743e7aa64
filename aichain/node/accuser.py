"""Turns a double signature that the core reports into a transaction, and hands it to the pool."""

import logging

from aichain.chain import Chain
from aichain.node.context import NodeContext
from aichain.node.pool import TransactionPool
from consensus.evidence import ConflictingProposals, ConflictingVotes, Evidence
from consensus.instance import Instance
from genesis.ballots import InstanceName, Lane
from genesis.limits import VALIDITY_WINDOW_BLOCKS
from genesis.units import address_of_key
from native.errors import InvalidData
from native.signatures import SigningKey
from vm.records import public_key_key
from vm.system_bodies import Evidence as EvidenceBody
from vm.system_bodies import ProposalClaim, VoteClaim
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
        """Announce the transaction and keep it for a block of ours."""
        voters = self._chain.head.epoch(instance.epoch)
        if voters is None:
            log.error("evidence of epoch %d came too late to be sent", instance.epoch)
            return
        sender = address_of_key(self._key.public_key)
        if instance.electorate.members[evidence.offender] == sender:
            log.error("another process signs with our key: this validator will be slashed")
            return
        head = self._chain.head
        name = InstanceName(
            head.document.hash,
            Lane.HARD,
            instance.epoch,
            instance.electorate.vset_hash,
            instance.start.id,
            term=0,
        )
        assert name.id == instance.id, "this is what names an instance of all validators"
        transaction = Transaction(
            network_id=head.document.network_id,
            sender=sender,
            nonce=0,
            fee_max=0,
            tip=0,
            valid_until=head.head.height + VALIDITY_WINDOW_BLOCKS,
            body=EvidenceBody(
                name, _view(evidence), voters.seats[evidence.offender].owner, _claims(evidence)
            ),
        )
        reveal = head.get(public_key_key(sender)) is None
        signed: SignedTransaction = await self._context.run_blocking(
            lambda: sign_transaction(transaction, self._key, reveal=reveal)
        )
        try:
            await self._pool.submit(signed.raw)
        except InvalidData as error:
            log.info("evidence is not needed: %s", error)


def _view(evidence: Evidence) -> int:
    match evidence:
        case ConflictingVotes(first, _):
            return first.vote.view
        case ConflictingProposals(one, _):
            return one.claim.view


def _claims(
    evidence: Evidence,
) -> tuple[VoteClaim, VoteClaim] | tuple[ProposalClaim, ProposalClaim]:
    match evidence:
        case ConflictingVotes(first, second):
            one, other = (
                VoteClaim(side.vote.phase, side.vote.height, side.vote.block_id, side.signature)
                for side in (first, second)
            )
            return one, other
        case ConflictingProposals(first_side, second_side):
            left, right = (
                ProposalClaim(
                    side.claim.justify_view, side.claim.height, side.claim.block_id, side.signature
                )
                for side in (first_side, second_side)
            )
            return left, right
