"""`eth_*`, `net_*`, `web3_*`: what web3 libraries need to watch balances and blocks, and no more.

Accounts sign with ML-DSA, so nothing that sends or signs is here; unknown methods say so by being
unknown. "latest", "safe" and "finalized" are the last final block: nothing else is shown.
"""

import platform
from typing import Annotated

from msgspec import Meta

from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.errors import NotAnAIChainTransaction, StateNotKept, WebSocketNeeded
from aichain.rpc.interests import NewHeads
from aichain.rpc.methods.parameters import (
    AddressText,
    EthBlockText,
    HashText,
    RawText,
    address_of,
    bytes_of,
    hash_of,
)
from aichain.rpc.registry import Context, NoParams, Params, method
from aichain.rpc.render.ethereum import quantity, show_eth_block
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results.ethereum import EthBlock, Syncing
from aichain.rpc.results.result import HashHex, Quantity
from vm.queries import account_view

_ENVELOPE_BYTE = 0x92
"""An AI-Chain transaction is a msgpack array of two; Ethereum's begin with RLP or a type byte."""


class AtBlock(Params, frozen=True):
    address: AddressText
    block: EthBlockText = "latest"


class BlockByNumber(Params, frozen=True):
    block: EthBlockText
    full: bool = False


class BlockByHash(Params, frozen=True):
    hash: HashText
    full: bool = False


class RawTransaction(Params, frozen=True):
    data: RawText


class HeadsSubscription(Params, frozen=True):
    topic: Annotated[str, Meta(pattern=r"\AnewHeads\Z")]


class SubscriptionId(Params, frozen=True):
    subscription: Annotated[str, Meta(max_length=32)]


async def chain_id(context: Context, _: NoParams) -> Quantity:
    """The network id (EIP-695)."""
    return quantity(context.backend.status().network_id)


async def net_version(context: Context, _: NoParams) -> str:
    """The network id in decimal."""
    return str(context.backend.status().network_id)


async def net_listening(_: Context, __: NoParams) -> bool:
    """Always true: a node that answers listens to peers."""
    return True


async def net_peer_count(context: Context, _: NoParams) -> Quantity:
    """Connected peers."""
    return quantity(context.backend.status().peers)


async def client_version(context: Context, _: NoParams) -> str:
    """Name, version and platform."""
    version = context.backend.status().version
    python = f"python{platform.python_version()}"
    return f"AIChain/v{version}/{platform.system().lower()}-{platform.machine()}/{python}"


async def syncing(context: Context, _: NoParams) -> bool | Syncing:
    """False, or how far the node is."""
    status = context.backend.status()
    if not status.syncing:
        return False
    return Syncing(
        starting_block=quantity(0),
        current_block=quantity(status.height),
        highest_block=quantity(max(status.height, status.target_height)),
    )


async def accounts(_: Context, __: NoParams) -> list[str]:
    """Empty: the node holds no keys for callers."""
    return []


async def block_number(context: Context, _: NoParams) -> Quantity:
    """The last final height."""
    return quantity(context.backend.status().height)


async def get_balance(context: Context, params: AtBlock) -> Quantity:
    """Balance in units of 10^-18, after the last final block."""
    _require_head(context.backend, params.block)
    return quantity(account_view(context.backend.head(), address_of(params.address)).balance)


async def get_transaction_count(context: Context, params: AtBlock) -> Quantity:
    """Next nonce after the last final block; "pending" counts the mempool too."""
    address = address_of(params.address)
    if params.block == "pending":
        return quantity(context.backend.pending_nonce(address))
    _require_head(context.backend, params.block)
    return quantity(account_view(context.backend.head(), address).nonce)


async def get_block_by_number(context: Context, params: BlockByNumber) -> EthBlock | None:
    """A final block, or null."""
    view = await context.backend.block_at(_height_of(context.backend, params.block))
    return None if view is None else await _show(context.backend, view, full=params.full)


async def get_block_by_hash(context: Context, params: BlockByHash) -> EthBlock | None:
    """A final block, or null."""
    view = await context.backend.block_by_id(hash_of(params.hash))
    if view is None or not view.final:
        return None
    return await _show(context.backend, view, full=params.full)


async def send_raw_transaction(context: Context, params: RawTransaction) -> HashHex:
    """Submit an AI-Chain envelope; transactions of Ethereum wallets are refused by name."""
    raw = bytes_of(params.data)
    if raw[:1] != bytes([_ENVELOPE_BYTE]):
        raise NotAnAIChainTransaction(
            reason="AI-Chain accounts sign with ML-DSA: make transactions with `aichain tx`"
        )
    return show_bytes(await context.backend.submit(raw))


async def subscribe(context: Context, params: HeadsSubscription) -> str:
    """Subscribe to "newHeads"; over WebSocket only."""
    if context.subscriber is None:
        raise WebSocketNeeded(method=f"eth_subscribe {params.topic}")
    return context.subscriber.subscribe(NewHeads())


async def unsubscribe(context: Context, params: SubscriptionId) -> bool:
    """End a subscription; false when there was none."""
    if context.subscriber is None:
        raise WebSocketNeeded(method="eth_unsubscribe")
    return context.subscriber.unsubscribe(params.subscription)


async def _show(backend: Backend, view: BlockView, *, full: bool) -> EthBlock:
    height = view.block.header.height
    validators = await backend.validator_set(height) if height else None
    return show_eth_block(view, validators, gas_limit=_gas_limit(backend), full=full)


def _gas_limit(backend: Backend) -> int:
    return backend.head().document.fees.max_block_weight


def _height_of(backend: Backend, tag: str) -> int:
    match tag:
        case "earliest":
            return 0
        case "latest" | "pending" | "safe" | "finalized":
            return backend.status().height
        case _:
            return int(tag, 16)


def _require_head(backend: Backend, tag: str) -> None:
    """Old states are not kept: refusing is better than the balance of another height."""
    head = backend.status().height
    height = _height_of(backend, tag)
    if height != head:
        raise StateNotKept(height=height, head=head)


METHODS = (
    method("eth_chainId", NoParams, chain_id),
    method("eth_blockNumber", NoParams, block_number),
    method("eth_syncing", NoParams, syncing),
    method("eth_accounts", NoParams, accounts),
    method("eth_getBalance", AtBlock, get_balance),
    method("eth_getTransactionCount", AtBlock, get_transaction_count),
    method("eth_getBlockByNumber", BlockByNumber, get_block_by_number),
    method("eth_getBlockByHash", BlockByHash, get_block_by_hash),
    method("eth_sendRawTransaction", RawTransaction, send_raw_transaction),
    method("eth_subscribe", HeadsSubscription, subscribe),
    method("eth_unsubscribe", SubscriptionId, unsubscribe),
    method("net_version", NoParams, net_version),
    method("net_listening", NoParams, net_listening),
    method("net_peerCount", NoParams, net_peer_count),
    method("web3_clientVersion", NoParams, client_version),
)
