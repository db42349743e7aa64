"""Blocks, their certificates and checkpoints as results."""

from msgspec.structs import asdict

from aichain.rpc.backend import BlockView, CommitView
from aichain.rpc.render.names import PHASES
from aichain.rpc.render.texts import proposer_of, show_address, show_bytes
from aichain.rpc.render.transactions import show_receipt, show_transaction
from aichain.rpc.results import blocks as results
from genesis.checkpoints import Checkpoint
from genesis.units import format_address
from genesis.validators import ValidatorSet
from vm.blocks import Header


def show_header(header: Header) -> results.Header:
    return results.Header(
        hash=show_bytes(header.id),
        height=header.height,
        version=header.version,
        genesis_hash=show_bytes(header.genesis_hash),
        epoch=header.epoch,
        view=header.view,
        parent_hash=show_bytes(header.parent_id),
        parent_view=header.parent_view,
        proposer_index=header.proposer_index,
        timestamp_ms=header.timestamp_ms,
        tx_root=show_bytes(header.tx_root),
        witness_root=show_bytes(header.witness_root),
        parent_state_root=show_bytes(header.parent_state_root),
        parent_receipts_root=show_bytes(header.parent_receipts_root),
        parent_outbox_root=show_bytes(header.parent_outbox_root),
        header_mmr_root=show_bytes(header.header_mmr_root),
        vset_hash=show_bytes(header.vset_hash),
        next_vset_hash=show_bytes(header.next_vset_hash),
        onion_reveal=show_bytes(header.onion_reveal),
        beacon_mix=show_bytes(header.beacon_mix),
        last_hard_height=header.last_hard_height,
        last_hard_hash=show_bytes(header.last_hard_id),
    )


def show_block_head(view: BlockView, validators: ValidatorSet | None) -> results.BlockHead:
    """A block without its transactions: what subscribers are sent."""
    return results.BlockHead(
        **asdict(show_header(view.block.header)),
        proposer=show_address(proposer_of(view.block.header, validators)),
        state_root=show_bytes(view.state_root),
        final=view.final,
        status=view.status,
        finalized_at_ms=view.finalized_at_ms,
        transaction_count=len(view.block.transactions),
    )


def show_block(view: BlockView, validators: ValidatorSet | None) -> results.Block:
    """Header, transactions, and what became of each."""
    placed = enumerate(zip(view.block.transactions, view.receipts, strict=True))
    return results.Block(
        **asdict(show_block_head(view, validators)),
        transactions=[
            show_transaction(signed, index=index, receipt=show_receipt(receipt, events=False))
            for index, (signed, receipt) in placed
        ],
    )


def show_commit(height: int, view: CommitView) -> results.Commit:
    """Headers' raw bytes hash to their `hash`, and each is the `parentHash` of the one before."""
    return results.Commit(
        height=height,
        block_hash=show_bytes(view.headers[-1].id),
        certificate=_show_certificate(view),
        checkpoint=None if view.checkpoint is None else show_checkpoint(view.checkpoint),
        headers=[
            results.RawHeader(**asdict(show_header(header)), raw=show_bytes(header.raw))
            for header in view.headers
        ],
    )


def _show_certificate(view: CommitView) -> results.Certificate:
    certificate, validators = view.certificate, view.validators
    indices = certificate.voter_indices
    return results.Certificate(
        instance_id=show_bytes(certificate.instance_id),
        epoch=certificate.epoch,
        phase=PHASES[certificate.phase],
        view=certificate.view,
        height=certificate.height,
        block_hash=show_bytes(certificate.block_id),
        voters=show_bytes(certificate.voters),
        signed_message=show_bytes(certificate.vote.signing_bytes),
        weight=str(sum(validators[index].stake for index in indices)),
        total_stake=str(validators.total_stake),
        signers=[
            results.Signer(
                index=index,
                address=format_address(validators[index].address),
                stake=str(validators[index].stake),
                signature=show_bytes(signature),
            )
            for index, signature in zip(indices, certificate.signatures, strict=True)
        ],
    )


def show_checkpoint(checkpoint: Checkpoint) -> results.Checkpoint:
    return results.Checkpoint(
        number=checkpoint.number,
        hash=show_bytes(checkpoint.id),
        parent_hash=show_bytes(checkpoint.parent_id),
        height=checkpoint.block_height,
        block_hash=show_bytes(checkpoint.block_id),
        restart=checkpoint.is_restart,
        next_vset_hash=show_bytes(checkpoint.next_vset_hash),
        epoch=checkpoint.epoch,
        view=checkpoint.view,
        proposer_index=checkpoint.proposer_index,
        timestamp_ms=checkpoint.timestamp_ms,
    )
