"""Proofs as results for light clients: canonical bytes in 0x hex, and what they are about."""

from aichain.rpc.backend import BlockView, CertifiedRecord, HeaderProof
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results import light as results
from consensus.light import Finality
from native.codec import encode
from native.merkle import prove_leaf
from vm.receipts import encode_receipt


def show_finality(finality: Finality) -> results.Finality:
    """The set that signed is `aichain_validators` of this height."""
    certificate, checkpoint = finality.certificate, finality.checkpoint
    return results.Finality(
        height=finality.height,
        block_hash=show_bytes(finality.headers[0].id),
        epoch=certificate.epoch,
        start_hash=show_bytes(finality.start_id),
        vset_hash=show_bytes(finality.validators.hash),
        certificate=show_bytes(encode(certificate.encode())),
        checkpoint=None if checkpoint is None else show_bytes(encode(checkpoint.encode())),
        headers=[show_bytes(header.raw) for header in finality.headers],
    )


def show_header_proof(found: HeaderProof) -> results.HeaderProof:
    return results.HeaderProof(
        height=found.header.height,
        hash=show_bytes(found.header.id),
        header=show_bytes(found.header.raw),
        at=found.at,
        proof=show_bytes(found.proof.encode()),
    )


def show_transaction_proof(view: BlockView, index: int) -> results.TransactionProof:
    """Two Merkle paths from the bottom up, over the ids and over the receipts of a block."""
    ids = [signed.id for signed in view.block.transactions]
    receipts = [encode_receipt(receipt) for receipt in view.receipts]
    return results.TransactionProof(
        hash=show_bytes(ids[index]),
        height=view.block.header.height,
        index=index,
        count=len(ids),
        siblings=[show_bytes(each) for each in prove_leaf(ids, index).siblings],
        receipt=show_bytes(receipts[index]),
        receipt_siblings=[show_bytes(each) for each in prove_leaf(receipts, index).siblings],
    )


def show_certified_record(found: CertifiedRecord) -> results.CertifiedRecord:
    """`height` is that of the state; the last of the headers is its child and carries its root."""
    record = found.record
    return results.CertifiedRecord(
        key=show_bytes(record.key),
        value=None if record.value is None else show_bytes(record.value),
        proof=show_bytes(record.proof.encode()),
        height=record.height,
        state_root=show_bytes(record.state_root),
        finality=show_finality(found.finality),
    )
