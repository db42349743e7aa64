"""Proposals: what a proposer signs, and the message with the header and the list of contents.

A proposal names the view of the NOTAR that justifies it. For a fresh block that is the parent's;
for a re-proposal at the last height of an epoch (R10) it is a NOTAR of the block itself.
"""

from dataclasses import dataclass
from typing import Final

from consensus.errors import MalformedProposal
from consensus.instance import BlockRef
from consensus.votes import VOTE_SIGNATURE_BYTES
from genesis.limits import BODY_TRANSACTIONS_MAX, ELECTORATE_MEMBERS_MAX, HEADER_MAX_BYTES
from genesis.signed_bytes import PROPOSAL_CONTEXT as PROPOSAL_CONTEXT
from genesis.signed_bytes import proposal_bytes
from native.codec import Value, array, blob, bounded, sequence, uint
from native.hashing import Hash32

PROPOSAL_FIELDS: Final = 7


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposer's block for one view."""

    instance_id: Hash32
    view: int
    justify_view: int
    block: BlockRef
    proposer_index: int

    def __post_init__(self) -> None:
        if not 0 < self.view < 2**64:
            raise MalformedProposal("view out of range")
        if not 0 <= self.justify_view < self.view:
            raise MalformedProposal("justified by a view that is not earlier")
        if not 0 < self.block.view <= self.view:
            raise MalformedProposal("the block is younger than its proposal")

    @property
    def is_repeat(self) -> bool:
        """True for a block of an earlier view, which R10 allows at the last height only."""
        return self.block.view < self.view

    @property
    def claim(self) -> "BareProposal":
        """The part that is signed."""
        return BareProposal(
            self.instance_id,
            self.block.epoch,
            self.view,
            self.justify_view,
            self.block.height,
            self.block.id,
            self.proposer_index,
        )

    @property
    def signing_bytes(self) -> bytes:
        """`AICP1`, instance, view, justifying view, height, block id."""
        return self.claim.signing_bytes


@dataclass(frozen=True, slots=True)
class BareProposal:
    """A proposal without its block: what a proposer put its name to, and enough for evidence."""

    instance_id: Hash32
    epoch: int
    view: int
    justify_view: int
    height: int
    block_id: Hash32
    proposer_index: int

    @property
    def signing_bytes(self) -> bytes:
        """`AICP1`, instance, view, justifying view, height, block id."""
        return proposal_bytes(
            self.instance_id, self.view, self.justify_view, self.height, self.block_id
        )


@dataclass(frozen=True, slots=True)
class SignedProposal:
    """A proposal with its proposer's signature: what the core works with."""

    proposal: Proposal
    signature: bytes


@dataclass(frozen=True, slots=True)
class ProposalMessage:
    """A proposal on the wire: the header to check and the ids of the transactions to fetch."""

    epoch: int
    view: int
    justify_view: int
    proposer_index: int
    header_raw: bytes
    tx_ids: tuple[Hash32, ...]
    signature: bytes

    @classmethod
    def of(
        cls, signed: SignedProposal, header_raw: bytes, tx_ids: tuple[Hash32, ...]
    ) -> "ProposalMessage":
        """The message that carries `signed`."""
        proposal = signed.proposal
        return cls(
            proposal.block.epoch,
            proposal.view,
            proposal.justify_view,
            proposal.proposer_index,
            header_raw,
            tx_ids,
            signed.signature,
        )

    def bind(self, instance_id: Hash32, block: BlockRef) -> SignedProposal:
        """The proposal this message makes, once the reader has decoded its header."""
        if block.epoch != self.epoch:
            raise MalformedProposal("the header belongs to another epoch")
        proposal = Proposal(instance_id, self.view, self.justify_view, block, self.proposer_index)
        return SignedProposal(proposal, self.signature)

    def encode(self) -> list[Value]:
        """The wire form."""
        return [
            self.epoch,
            self.view,
            self.justify_view,
            self.proposer_index,
            self.header_raw,
            list(self.tx_ids),
            self.signature,
        ]


def decode_proposal(value: Value) -> ProposalMessage:
    """The exact inverse of `encode`; the header inside is decoded by the reader."""
    fields = array(value, PROPOSAL_FIELDS)
    proposer_index = uint(fields[3], bits=32)
    if proposer_index >= ELECTORATE_MEMBERS_MAX:
        raise MalformedProposal("proposer index out of range")
    return ProposalMessage(
        uint(fields[0]),
        uint(fields[1]),
        uint(fields[2]),
        proposer_index,
        bounded(fields[4], HEADER_MAX_BYTES),
        tuple(Hash32(blob(item, 32)) for item in sequence(fields[5], BODY_TRANSACTIONS_MAX)),
        bounded(fields[6], VOTE_SIGNATURE_BYTES),
    )
