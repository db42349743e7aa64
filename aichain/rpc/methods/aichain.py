"""`aichain_*`: the node's own namespace, which the command line, explorer and tests use."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.errors import NotIndexed, UnknownResource
from aichain.rpc.methods.parameters import (
    AddressText,
    BlockText,
    CursorText,
    HashText,
    Height,
    RawText,
    address_of,
    bytes_of,
    hash_of,
    location_of,
)
from aichain.rpc.registry import Context, NoParams, Params, instant_method, method
from aichain.rpc.render.accounts import (
    show_account,
    show_history,
    show_proof,
    show_rewards,
    show_supply,
)
from aichain.rpc.render.blocks import show_block, show_commit
from aichain.rpc.render.node import show_mempool, show_peers, show_status
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.render.transactions import show_transaction_status
from aichain.rpc.render.validators import show_validators
from aichain.rpc.rendering import Rendered
from aichain.rpc.results.accounts import (
    Account,
    AccountHistory,
    AccountProof,
    Rewards,
    Supply,
)
from aichain.rpc.results.blocks import Block, Commit
from aichain.rpc.results.node import Mempool, Peer, Status
from aichain.rpc.results.result import HashHex
from aichain.rpc.results.transactions import TransactionStatus
from aichain.rpc.results.validators import Validators
from genesis.limits import (
    RPC_HISTORY_ENTRIES_MAX,
    RPC_LISTED_TRANSACTIONS_MAX,
    RPC_RENDERED_INLINE,
)
from genesis.validators import ValidatorSet
from vm.queries import (
    account_view,
    prove_account,
    rewards_view,
    supply_view,
    validators_view,
)

_DEFAULT_LISTED = 100
_DEFAULT_HISTORY = 25


class BlockQuery(Params, frozen=True):
    height_or_hash: Height | BlockText


class ByHash(Params, frozen=True):
    hash: HashText


class ByAddress(Params, frozen=True):
    address: AddressText


class HistoryQuery(Params, frozen=True):
    address: AddressText
    cursor: CursorText | None = None
    limit: Annotated[int, Meta(ge=1, le=RPC_HISTORY_ENTRIES_MAX)] = _DEFAULT_HISTORY


class RawTransaction(Params, frozen=True):
    raw: RawText


class ByHeight(Params, frozen=True):
    height: Height


class AtHeight(Params, frozen=True):
    height: Height | None = None


class Listing(Params, frozen=True):
    limit: Annotated[int, Meta(ge=0, le=RPC_LISTED_TRANSACTIONS_MAX)] = _DEFAULT_LISTED


def get_status(context: Context, _: NoParams) -> Status:
    """Where this node stands."""
    backend = context.backend
    now_ms = context.clock.now_ms()
    return show_status(backend.status(), backend.head(), backend.core(), now_ms)


async def get_block(context: Context, params: BlockQuery) -> Rendered[Block] | None:
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
    validators = await _validators_of(backend, view)
    return await context.renderer.json("aichain", view, lambda: show_block(view, validators))


async def get_transaction(context: Context, params: ByHash) -> TransactionStatus | None:
    """A transaction with its status and receipt; null when this node does not hold it."""
    view = await context.backend.transaction(hash_of(params.hash))
    return None if view is None else show_transaction_status(view)


def get_account(context: Context, params: ByAddress) -> Account:
    """Balance, nonce and stake after the last final block; zeros for an unused address."""
    address = address_of(params.address)
    state = context.backend.head()
    pending_nonce = context.backend.pending_nonce(address)
    view = account_view(state, address)
    return show_account(view, pending_nonce=pending_nonce, height=state.head.height)


async def get_account_history(context: Context, params: HistoryQuery) -> AccountHistory:
    """The final transactions of an account, the newest first; `next` continues below them."""
    address = address_of(params.address)
    before = None if params.cursor is None else location_of(params.cursor)
    view = await context.backend.account_history(address, before, params.limit)
    if view is None:
        raise NotIndexed
    return show_history(address, view, limit=params.limit)


async def get_rewards(context: Context, params: ByAddress) -> Rewards:
    """What is on its way to a validator for its votes, and what its next block would pay it."""
    address = address_of(params.address)
    return show_rewards(address, rewards_view(context.backend.head(), address))


async def get_proof(context: Context, params: ByAddress) -> AccountProof:
    """The account's record with a proof of it, or of its absence, against the state root."""
    address = address_of(params.address)
    state = context.backend.head()
    return show_proof(address, prove_account(state, address), state.head.id)


async def send_transaction(context: Context, params: RawTransaction) -> HashHex:
    """Submit a signed transaction; its hash. Refusals carry the broken rule as data.code."""
    return show_bytes(await context.backend.submit(bytes_of(params.raw)))


async def get_validators(context: Context, params: AtHeight) -> Validators:
    """The validator set that votes at a height; without one, at the next, and all registered."""
    backend = context.backend
    height = backend.status().height + 1 if params.height is None else params.height
    validators = await backend.validator_set(height) if height else None
    if validators is None:
        raise UnknownResource(resource=f"validator set of height {height}")
    registered = validators_view(backend.head()) if params.height is None else None
    return show_validators(height, validators, registered)


async def get_commit(context: Context, params: ByHeight) -> Commit | None:
    """The certificate that finalized a height, and the header path from it; null when none."""
    view = await context.backend.commit(params.height)
    return None if view is None else show_commit(params.height, view)


def get_peers(context: Context, _: NoParams) -> list[Peer]:
    """Connected peers, and what they say of themselves."""
    return show_peers(context.backend.peers())


def get_mempool(context: Context, params: Listing) -> Mempool:
    """The same for who asks for few."""
    return show_mempool(context.backend.mempool(params.limit))


async def list_mempool(context: Context, params: Listing) -> Rendered[Mempool]:
    """Size of the mempool and its best paying transactions."""
    view = context.backend.mempool(params.limit)
    context.charge(len(view.transactions) // RPC_RENDERED_INLINE)

    def work() -> Rendered[Mempool]:
        return Rendered(msgspec.json.encode(show_mempool(view)))

    return await context.renderer.listing(len(view.transactions), work)


async def get_supply(context: Context, _: NoParams) -> Supply:
    """Every coin: what was there at genesis, minted, burned, and where the rest is now."""
    state = context.backend.head()
    return show_supply(supply_view(state))


async def _validators_of(backend: Backend, view: BlockView) -> ValidatorSet | None:
    height = view.block.header.height
    return await backend.validator_set(height) if height else None


METHODS = (
    instant_method("aichain_status", NoParams, get_status),
    method("aichain_getBlock", BlockQuery, get_block),
    method("aichain_getTransaction", ByHash, get_transaction),
    instant_method("aichain_getAccount", ByAddress, get_account),
    method("aichain_getAccountHistory", HistoryQuery, get_account_history),
    method("aichain_getRewards", ByAddress, get_rewards),
    method("aichain_getProof", ByAddress, get_proof),
    method("aichain_sendTransaction", RawTransaction, send_transaction),
    method("aichain_validators", AtHeight, get_validators),
    method("aichain_commit", ByHeight, get_commit),
    instant_method("aichain_peers", NoParams, get_peers),
    method("aichain_mempool", Listing, list_mempool),
    method("aichain_supply", NoParams, get_supply),
)
