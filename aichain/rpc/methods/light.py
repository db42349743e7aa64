"""What a light client asks: certificates, anchors, headers and records with their proofs.

Headers, certificates and proofs are given as the canonical bytes that are hashed and signed, so
that a client checks what it was sent and not what it was told about it.
"""

from typing import Annotated

from msgspec import Meta

from aichain.rpc.errors import InvalidParams, StateNotCertified
from aichain.rpc.methods.parameters import HashText, Height, StateKeyText, bytes_of, hash_of
from aichain.rpc.registry import Context, Params, method
from aichain.rpc.render.light import (
    show_certified_record,
    show_finality,
    show_header_proof,
    show_transaction_proof,
)
from aichain.rpc.results.light import CertifiedRecord, Finality, HeaderProof, TransactionProof
from genesis.epochs import last_height
from genesis.limits import RPC_ANCHORS_MAX

EPOCH_MAX = 2**48


class MaybeHeight(Params, frozen=True):
    height: Height | None = None


class HeaderQuery(Params, frozen=True):
    height: Height
    at: Height | None = None


class Anchors(Params, frozen=True):
    from_epoch: Annotated[int, Meta(ge=0, le=EPOCH_MAX)]
    count: Annotated[int, Meta(ge=1, le=RPC_ANCHORS_MAX)] = 1


class ByKey(Params, frozen=True):
    key: StateKeyText


class ByHash(Params, frozen=True):
    hash: HashText


async def get_finality(context: Context, params: MaybeHeight) -> Finality | None:
    """What makes a height final, the last one by default: certificate, start, headers; or null."""
    height = context.backend.status().height if params.height is None else params.height
    finality = await context.backend.finality(height)
    return None if finality is None else show_finality(finality)


async def get_anchors(context: Context, params: Anchors) -> list[Finality]:
    """The FINAL certificates of the last blocks of epochs, as many of them as are over."""
    epoch_blocks = context.backend.head().document.consensus.epoch_blocks
    anchors = list[Finality]()
    for epoch in range(params.from_epoch, params.from_epoch + params.count):
        finality = await context.backend.finality(last_height(epoch, epoch_blocks))
        if finality is None:
            break
        anchors.append(show_finality(finality))
    return anchors


async def get_header_proof(context: Context, params: HeaderQuery) -> HeaderProof | None:
    """A header with its proof under a later one, the last final one by default; null when none."""
    at = context.backend.status().height if params.at is None else params.at
    if params.at is not None and params.height >= at:
        raise InvalidParams(reason=f"height {params.height} does not lie under {at}")
    found = await context.backend.header_proof(params.height, at)
    return None if found is None else show_header_proof(found)


async def get_state_proof(context: Context, params: ByKey) -> CertifiedRecord:
    """A state record, or its absence, proved against a root that a final header carries."""
    found = await context.backend.certified_record(bytes_of(params.key))
    if found is None:
        raise StateNotCertified(height=context.backend.status().height)
    return show_certified_record(found)


async def get_transaction_proof(context: Context, params: ByHash) -> TransactionProof | None:
    """Where a final transaction stands, what came of it, and proof of both; or null."""
    view = await context.backend.transaction(hash_of(params.hash))
    if view is None or view.placement is None or not view.placement.final:
        return None
    block = await context.backend.block_at(view.placement.height)
    assert block is not None, "a final transaction is in a final block"
    return show_transaction_proof(block, view.placement.index)


METHODS = (
    method("aichain_getFinality", MaybeHeight, get_finality),
    method("aichain_getAnchors", Anchors, get_anchors),
    method("aichain_getHeaderProof", HeaderQuery, get_header_proof),
    method("aichain_getStateProof", ByKey, get_state_proof),
    method("aichain_getTransactionProof", ByHash, get_transaction_proof),
)
