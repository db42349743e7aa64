"""`ledger.*`: the seven calls of existing mining clients, with exactly the shapes they read.

Their BlockHeader writes hashes and keys as arrays of byte values, their hashes have no 0x, and any
`error` member, even null, is a failure to them.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from aichain.rpc.errors import LegacyTransaction, UnknownResource
from aichain.rpc.methods.parameters import (
    AddressText,
    BareHashText,
    Height,
    RawText,
    address_of,
    bytes_of,
    hash_of,
)
from aichain.rpc.registry import Context, NoParams, Params, method
from aichain.rpc.render.transactions import transaction_status
from aichain.rpc.results.ledger import (
    LedgerBlock,
    LedgerHeight,
    LedgerRewards,
    LedgerSubmission,
    LedgerTransaction,
)

_STATUSES = {"pending": "mempool", "included": "included", "final": "finalized", "failed": "failed"}


class ByAddress(Params, frozen=True):
    address: AddressText


class ById(Params, frozen=True):
    id: Annotated[str, Meta(max_length=128)]


class ByHash(Params, frozen=True):
    hash: BareHashText


class ByHeight(Params, frozen=True):
    height: Height


class Submission(Params, frozen=True):
    tx: RawText


async def get_height(context: Context, _: NoParams) -> LedgerHeight:
    """The last final height."""
    return LedgerHeight(context.backend.status().height)


async def get_miner(_: Context, params: ByAddress) -> None:
    """State of a miner, or null: no transaction registers miners on this chain yet."""
    address_of(params.address)
    return


async def get_pending_rewards(_: Context, params: ByAddress) -> LedgerRewards:
    """Claimable rewards, in units of 10^-18: nothing accrues to single miners yet."""
    address_of(params.address)
    return LedgerRewards("0")


async def get_teleport_status(_: Context, params: ById) -> None:
    """Status of a teleport; every id is unknown while the chain has no outbox."""
    raise UnknownResource(resource=f"teleport {params.id}")


async def get_transaction_status(context: Context, params: ByHash) -> LedgerTransaction:
    """pending | mempool | included | finalized; or failed, with the reason."""
    view = await context.backend.transaction(hash_of(params.hash))
    if view is None:
        raise UnknownResource(resource=f"transaction {params.hash}")
    placement = view.placement
    return LedgerTransaction(
        status=_STATUSES[transaction_status(placement)],
        block_height=None if placement is None else placement.height,
        reason=None if placement is None else placement.receipt.error or None,
    )


async def get_block(context: Context, params: ByHeight) -> LedgerBlock:
    """A final block's header."""
    view = await context.backend.block_at(params.height)
    if view is None:
        raise UnknownResource(resource=f"block {params.height}")
    header = view.block.header
    validators = await context.backend.validator_set(header.height) if header.height else None
    return LedgerBlock(
        height=header.height,
        parent_hash=list(header.parent_id),
        hash=list(header.id),
        timestamp=header.timestamp_ms,
        proposer=list(validators[header.proposer_index].public_key) if validators else [],
        tx_root=list(header.tx_root),
        state_root=list(view.state_root),
        tx_count=len(view.block.transactions),
    )


async def submit_transaction(context: Context, params: Submission) -> LedgerSubmission:
    """Submit our envelope in hexadecimal."""
    raw = bytes_of(params.tx)
    if raw.startswith((b"{", b'"')):
        raise LegacyTransaction(variant=_variant(raw))
    tx_id = await context.backend.submit(raw)
    return LedgerSubmission(tx_id.hex())


def _variant(raw: bytes) -> str:
    """The name of a MiningTransaction's variant, for the message."""
    try:
        value = msgspec.json.decode(raw, type=dict[str, msgspec.Raw] | str)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "unreadable"
    name = value if isinstance(value, str) else next(iter(value), "empty")
    return name[:64]


METHODS = (
    method("ledger.getHeight", NoParams, get_height),
    method("ledger.getMiner", ByAddress, get_miner),
    method("ledger.getPendingRewards", ByAddress, get_pending_rewards),
    method("ledger.getTeleportStatus", ById, get_teleport_status),
    method("ledger.getTransactionStatus", ByHash, get_transaction_status),
    method("ledger.getBlock", ByHeight, get_block),
    method("ledger.submitTransaction", Submission, submit_transaction),
)
