"""`aichain_*`: the node's own namespace, which the command line, explorer and tests use."""

from typing import Annotated

from msgspec import Meta

from aichain.rpc.backend import Backend, BlockView, JoinProgress
from aichain.rpc.errors import UnknownResource, WebSocketNeeded
from aichain.rpc.methods.parameters import (
    AddressText,
    BlockText,
    HashText,
    Height,
    RawText,
    address_of,
    bytes_of,
    hash_of,
)
from aichain.rpc.registry import Context, NoParams, Params, method
from aichain.rpc.render import (
    Json,
    show_account,
    show_block,
    show_block_head,
    show_bytes,
    show_commit,
    show_peers,
    show_proof,
    show_registered,
    show_supply,
    show_transaction,
    show_transaction_view,
    show_validators,
)
from aichain.rpc.topics import Topic
from consensus.core.state import State as CoreState
from consensus.lanes.state import Lanes
from genesis.limits import RPC_LISTED_TRANSACTIONS_MAX
from genesis.validators import ValidatorSet
from vm.queries import account_view, prove_account, supply_view, validators_view

_DEFAULT_LISTED = 100


class BlockQuery(Params, frozen=True):
    height_or_hash: Height | BlockText


class ByHash(Params, frozen=True):
    hash: HashText


class ByAddress(Params, frozen=True):
    address: AddressText


class RawTransaction(Params, frozen=True):
    raw: RawText


class ByHeight(Params, frozen=True):
    height: Height


class AtHeight(Params, frozen=True):
    height: Height | None = None


class Listing(Params, frozen=True):
    limit: Annotated[int, Meta(ge=0, le=RPC_LISTED_TRANSACTIONS_MAX)] = _DEFAULT_LISTED


class BlocksSubscription(Params, frozen=True):
    topic: Annotated[str, Meta(pattern=r"\AnewBlocks\Z")]


class SubscriptionId(Params, frozen=True):
    subscription: Annotated[str, Meta(max_length=32)]


async def get_status(context: Context, _: NoParams) -> object:
    """Where this node stands."""
    status = context.backend.status()
    state = context.backend.head()
    now_ms = context.clock.now_ms()
    troubles = {
        "clockTrouble": status.clock_trouble,
        "indexTrouble": status.index_trouble,
        "archiveTrouble": status.archive_trouble,
        "engineTrouble": "; ".join(map(str, status.engines.faults)),
    }
    found = {name: trouble for name, trouble in troubles.items() if trouble}
    return (
        found
        | _joining(status.joining)
        | _lanes(context.backend.core())
        | {
            "network": status.network,
            "chainId": status.network_id,
            "genesisHash": show_bytes(status.genesis_hash),
            "nodeId": status.peer_id,
            "height": status.height,
            "blockHash": show_bytes(status.block_id),
            "stateRoot": show_bytes(status.state_root),
            "finalizedAtMs": status.finalized_at_ms,
            "finalizedAgoMs": max(0, now_ms - status.finalized_at_ms),
            "nowMs": now_ms,
            "clockOffsetMs": status.clock_offset_ms,
            "epoch": status.epoch,
            "view": status.view,
            "peers": status.peers,
            "validatorIndex": status.validator_index,
            "voting": status.voting,
            "syncing": status.syncing,
            "targetHeight": status.target_height,
            "firstHeight": status.first_height,
            "version": status.version,
            "signatureEngine": status.engines.verifies,
            "accelerators": status.engines.accelerators,
            "hashEngine": status.engines.hashes,
            "kernelsCompiled": status.engines.is_compiled,
            "baseFee": str(state.base_fee),
            "accountCreationFee": str(state.document.fees.account_creation_fee),
        }
    )


def _lanes(held: CoreState | Lanes) -> dict[str, object]:
    """How far a committee runs ahead of what is hard; nothing where everybody votes on all."""
    if not isinstance(held, Lanes):
        return {}
    fast = (block.height for term in held.terms for block in term.fast)
    return {
        "fastHeight": max(fast, default=held.hard.height),
        "checkpoint": held.checkpoint.number,
    }


def _joining(progress: JoinProgress | None) -> dict[str, object]:
    """How far a snapshot is; nothing where none is fetched."""
    if progress is None:
        return {}
    return {
        "snapshotStage": progress.stage,
        "snapshotHeight": progress.height,
        "snapshotPart": progress.part,
        "snapshotParts": progress.parts,
    }


async def get_block(context: Context, params: BlockQuery) -> object:
    """A block by height, by hash, or "latest", with its transactions; null when unknown."""
    backend = context.backend
    match params.height_or_hash:
        case int(height):
            view = await backend.block_at(height)
        case "latest":
            view = await backend.block_at(backend.status().height)
        case text:
            view = await backend.block_by_id(hash_of(text))
    if view is None:
        return None
    return show_block(view, await _validators_of(backend, view))


async def get_transaction(context: Context, params: ByHash) -> object:
    """A transaction with its status and receipt; null when this node does not hold it."""
    view = await context.backend.transaction(hash_of(params.hash))
    return None if view is None else show_transaction_view(view)


async def get_account(context: Context, params: ByAddress) -> object:
    """Balance, nonce and stake after the last final block; zeros for an unused address."""
    address = address_of(params.address)
    state = context.backend.head()
    pending_nonce = context.backend.pending_nonce(address)
    return show_account(account_view(state, address)) | {
        "pendingNonce": pending_nonce,
        "height": state.head.height,
    }


async def get_proof(context: Context, params: ByAddress) -> object:
    """The account's record with a proof of it, or of its absence, against the state root."""
    address = address_of(params.address)
    state = context.backend.head()
    found = prove_account(state, address)
    return show_proof(address, found) | {"blockHash": show_bytes(state.head.id)}


async def send_transaction(context: Context, params: RawTransaction) -> object:
    """Submit a signed transaction; its hash. Refusals carry the broken rule as data.code."""
    return show_bytes(await context.backend.submit(bytes_of(params.raw)))


async def get_validators(context: Context, params: AtHeight) -> object:
    """The validator set that votes at a height; without one, at the next, and all registered."""
    backend = context.backend
    height = backend.status().height + 1 if params.height is None else params.height
    validators = await backend.validator_set(height) if height else None
    if validators is None:
        raise UnknownResource(resource=f"validator set of height {height}")
    shown = show_validators(height, validators)
    if params.height is None:
        shown["registered"] = [show_registered(view) for view in validators_view(backend.head())]
    return shown


async def get_commit(context: Context, params: ByHeight) -> object:
    """The certificate that finalized a height, and the header path from it; null when none."""
    view = await context.backend.commit(params.height)
    return None if view is None else show_commit(params.height, view)


async def get_peers(context: Context, _: NoParams) -> object:
    """Connected peers, and what they say of themselves."""
    return show_peers(context.backend.peers())


async def get_mempool(context: Context, params: Listing) -> object:
    """Size of the mempool and its best paying transactions."""
    view = context.backend.mempool(params.limit)
    return {
        "count": view.count,
        "sizeBytes": view.size_bytes,
        "transactions": [show_transaction(signed) for signed in view.transactions],
    }


async def get_supply(context: Context, _: NoParams) -> object:
    """Every coin: what was there at genesis, minted, burned, and where the rest is now."""
    state = context.backend.head()
    return show_supply(supply_view(state))


async def subscribe(context: Context, params: BlocksSubscription) -> object:
    """Subscribe to "newBlocks": final blocks without their transactions; over WebSocket only."""
    if context.subscriber is None:
        raise WebSocketNeeded(method=f"aichain_subscribe {params.topic}")
    return context.subscriber.subscribe(Topic.NEW_BLOCKS)


async def unsubscribe(context: Context, params: SubscriptionId) -> object:
    """End a subscription; false when there was none."""
    if context.subscriber is None:
        raise WebSocketNeeded(method="aichain_unsubscribe")
    return context.subscriber.unsubscribe(params.subscription)


async def render_new_block(backend: Backend, view: BlockView) -> Json:
    """What `newBlocks` pushes."""
    return show_block_head(view, await _validators_of(backend, view))


async def _validators_of(backend: Backend, view: BlockView) -> ValidatorSet | None:
    height = view.block.header.height
    return await backend.validator_set(height) if height else None


METHODS = (
    method("aichain_status", NoParams, get_status),
    method("aichain_getBlock", BlockQuery, get_block),
    method("aichain_getTransaction", ByHash, get_transaction),
    method("aichain_getAccount", ByAddress, get_account),
    method("aichain_getProof", ByAddress, get_proof),
    method("aichain_sendTransaction", RawTransaction, send_transaction),
    method("aichain_validators", AtHeight, get_validators),
    method("aichain_commit", ByHeight, get_commit),
    method("aichain_peers", NoParams, get_peers),
    method("aichain_mempool", Listing, get_mempool),
    method("aichain_supply", NoParams, get_supply),
    method("aichain_subscribe", BlocksSubscription, subscribe),
    method("aichain_unsubscribe", SubscriptionId, unsubscribe),
)
