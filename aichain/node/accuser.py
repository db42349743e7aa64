"""Turns a double signature that the core reports into a transaction, and hands it to the pool."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from aichain.chain import Chain
from aichain.node.context import NodeContext
from aichain.node.fork_report import Guilty
from aichain.node.pool import TransactionPool
from aichain.node.proofs import Proofs
from consensus.evidence import ConflictingProposals, ConflictingVotes, Evidence, SignedClaim
from consensus.instance import Instance
from consensus.lanes.accusations import Accusation, BrokenClose
from consensus.records import ProofFound
from consensus.votes import SignedVote
from genesis import limits
from genesis.limits import VALIDITY_WINDOW_BLOCKS
from genesis.signed_bytes import InstanceName, Lane
from genesis.units import Address, address_of_key, read_address
from genesis.validators import Validator
from native.errors import InvalidData
from native.signatures import SigningKey
from vm.records import consensus_key_key, public_key_key
from vm.system_bodies import Claims, CloseClaim, ProposalClaim, VoteClaim
from vm.system_bodies import Evidence as EvidenceBody
from vm.transactions import SignedTransaction, Transaction, sign_transaction

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0


class Accuser:
    """Signs with the validator's own key: the reward is the reporter's. Never accuses itself."""

    def __init__(
        self,
        key: SigningKey,
        chain: Chain,
        pool: TransactionPool,
        context: NodeContext,
        proofs: Proofs,
        log_proof: Callable[[ProofFound], Awaitable[None]],
    ) -> None:
        self._key = key
        self._sender = address_of_key(key.public_key)
        self._chain = chain
        self._pool = pool
        self._context = context
        self._proofs = proofs
        self._log_proof = log_proof

    async def accuse(self, evidence: Evidence, instance: Instance) -> None:
        """A double signature in an instance of a single lane."""
        await self._bring(evidence, instance, Lane.HARD, term=0)

    async def accuse_in_lane(self, accusation: Accusation, instance: Instance) -> None:
        """One in a term or in a ballot, or a CLOSE below its seat's own COMMIT."""
        lane, term = accusation.lane, accusation.term
        await self._bring(accusation.evidence, instance, lane, term=term)

    async def accuse_of_fork(self, guilty: Guilty) -> None:
        """Whoever signed for both sides, in whatever epoch that was."""
        epoch = guilty.epoch
        validators, start_id = epoch.validators, epoch.start_id
        place = (Lane.HARD, epoch.number, validators.hash, start_id, epoch.checkpoint)
        for index, proof in guilty.proofs.items():
            owner = self._owner_of(validators[index])
            if owner is not None:
                name = InstanceName(epoch.genesis_hash, *place)
                await self._prove(EvidenceBody(name, _view(proof), owner, _claims(proof)))

    def _owner_of(self, member: Validator) -> Address | None:
        """Whose stake answers for this key, also of who has left the set since; not ourselves."""
        owner = self._chain.head.get(consensus_key_key(member.public_key))
        if owner is None or member.address == self._sender:
            return None
        return read_address(owner)

    async def run(self) -> None:
        """Bring again what was not taken or did not last, until cancelled: the list was full, the
        epoch had not begun, the transaction has expired."""
        while True:
            await trio.sleep(LOOK_EVERY_S)
            for body in self._proofs.unpunished():
                await self._submit(body)

    async def _bring(
        self, evidence: Evidence | BrokenClose, instance: Instance, lane: Lane, *, term: int
    ) -> None:
        """What the core has found, by the names of the ledger."""
        head = self._chain.head
        voters = head.epoch(instance.epoch)
        if voters is None:
            log.error("evidence of epoch %d came too late to be sent", instance.epoch)
            return
        if instance.electorate.members[evidence.offender] == self._sender:
            log.error("another process signs with our key: this validator will be slashed")
            return
        name = InstanceName(
            head.document.hash,
            lane,
            instance.epoch,
            instance.electorate.vset_hash,
            instance.start.id,
            term,
        )
        assert name.id == instance.id, "this is what names an instance"
        offender = voters.seats[instance.electorate.place(evidence.offender)].owner
        await self._prove(EvidenceBody(name, _view(evidence), offender, _claims(evidence)))

    async def _prove(self, body: EvidenceBody) -> None:
        """Remember one proof for each offender, in the log first, and submit it."""
        if not self._proofs.wants(body):
            return
        if self._proofs.is_full:
            log.error("no more than %d offenders are accused at a time", limits.ACCUSATIONS_MAX)
            return
        await self._log_proof(self._proofs.add(body))
        await self._submit(body)

    async def _submit(self, body: EvidenceBody) -> None:
        """Announce the transaction and keep it for a block of ours, unless another one waits."""
        if self._pool.accusations.has(body.offender):
            return
        head = self._chain.head
        transaction = Transaction(
            network_id=head.document.network_id,
            sender=self._sender,
            nonce=0,
            fee_max=0,
            tip=0,
            valid_until=head.head.height + VALIDITY_WINDOW_BLOCKS,
            body=body,
        )
        reveal = head.get(public_key_key(self._sender)) is None
        signed: SignedTransaction = await self._context.run_blocking(
            lambda: sign_transaction(transaction, self._key, reveal=reveal)
        )
        try:
            await self._pool.submit(signed.raw)
        except InvalidData as error:
            log.info("evidence is not taken now: %s", error)


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
