"""Makes blocks that the devnet's only founder could have made, and certificates that fit them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from aichain.chain import Chain, FinalBlock
from aichain.node.reveals import Reveals
from consensus.certificates import QuorumCertificate, assemble
from consensus.headers import block_ref
from consensus.votes import SignedVote, Vote, VotePhase
from genesis.document import GenesisDocument
from genesis.epochs import epoch_of_height
from genesis.networks import account_key, founder_key, packaged_document
from genesis.units import AI, Address, address_of_key
from native.hashing import Hash32, derive_hash
from vm.blocks import Header
from vm.build import BlockAttributes, Built, build_block
from vm.state import State
from vm.transactions import Transaction, Transfer, VerifiedTransaction, sign_transaction

NETWORK = "devnet"
FAKE_SIGNATURE = b"\x5a" * 3309
REVEALS = Reveals(founder_key(NETWORK, 0))


T = TypeVar("T")


def must(value: T | None) -> T:
    """What a test knows to be there."""
    assert value is not None
    return value


def record_writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From here on, the order of writes and syncs."""
    order: list[str] = []
    sync, write = os.fdatasync, os.pwrite

    def recorded_write(descriptor: int, data: bytes, offset: int) -> int:
        order.append("write")
        return write(descriptor, data, offset)

    def recorded_sync(descriptor: int) -> None:
        order.append("sync")
        sync(descriptor)

    monkeypatch.setattr(os, "pwrite", recorded_write)
    monkeypatch.setattr(os, "fdatasync", recorded_sync)
    return order


def make_document(*, epoch_blocks: int | None = None) -> GenesisDocument:
    document = packaged_document(NETWORK)
    if epoch_blocks is None:
        return document
    return replace(document, consensus=replace(document.consensus, epoch_blocks=epoch_blocks))


def certify(header: Header) -> QuorumCertificate:
    """A FINAL certificate of the right size; nobody below the verifier looks at signatures."""
    instance = Hash32(derive_hash("test/instance", header.epoch.to_bytes(8, "big")))
    vote = Vote(instance, VotePhase.COMMIT, header.view, header.height, header.id)
    return assemble([SignedVote(vote, header.epoch, 0, FAKE_SIGNATURE)], 1)


def build_on(
    state: State,
    transactions: Sequence[VerifiedTransaction] = (),
    *,
    view: int | None = None,
) -> Built:
    """The founder's next block; another view makes another block of the same height."""
    head, consensus = state.head, state.document.consensus
    epoch = epoch_of_height(head.height + 1, consensus.epoch_blocks)
    same_epoch = epoch == head.epoch and head.height > 0
    attributes = BlockAttributes(
        epoch=epoch,
        view=view if view is not None else (head.view + 1 if same_epoch else 1),
        parent_view=head.view if same_epoch else 0,
        proposer_index=0,
        timestamp_ms=head.timestamp_ms + consensus.block_time_ms,
        onion_reveal=must(REVEALS.next(state, epoch, 0)),
    )
    return build_block(state, transactions, attributes)


def extend(
    chain: Chain, transactions: Sequence[VerifiedTransaction] = (), *, at_ms: int | None = 1
) -> FinalBlock:
    """Build, execute and finalize one block."""
    built = build_on(chain.head, transactions)
    chain.adopt(built)
    chain.make_durable(built.block.id)
    reference = block_ref(built.block.header)
    [final] = chain.finalize([reference], certify(built.block.header), finalized_at_ms=at_ms)
    return final


def finalize(chain: Chain, *built: Built) -> tuple[FinalBlock, ...]:
    """Make a line of blocks final by one certificate."""
    headers = [each.block.header for each in built]
    return chain.finalize(
        [block_ref(header) for header in headers], certify(headers[-1]), finalized_at_ms=7
    )


@dataclass
class Purse:
    """A funded account that signs one transfer after the other."""

    index: int = 0
    nonce: int = 0
    recipient: Address = field(default=Address(b"\x77" * 20))

    def __post_init__(self) -> None:
        self._key = account_key(NETWORK, self.index)
        self.address = address_of_key(self._key.public_key)

    def pay(
        self, document: GenesisDocument, amount: int = 1, *, tip: int = 0
    ) -> VerifiedTransaction:
        transaction = Transaction(
            network_id=document.network_id,
            sender=self.address,
            nonce=self.nonce,
            fee_max=AI,
            tip=tip,
            valid_until=self.nonce + 5_000,
            body=Transfer(self.recipient, amount),
        )
        signed = sign_transaction(transaction, self._key, reveal=self.nonce == 0)
        self.nonce += 1
        return VerifiedTransaction(signed)
