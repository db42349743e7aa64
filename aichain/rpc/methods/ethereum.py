"""`eth_*`, `net_*`, `web3_*`: what web3 libraries ask of a chain, its accounts and its blocks.

Accounts sign with ML-DSA, so nothing that signs is here; unknown methods say so by being unknown.
"latest", "safe" and "finalized" are the last final block: nothing else is shown.
"""

import platform

from aichain.rpc.ai_mining import CODE, CONTRACT
from aichain.rpc.errors import NotAnAIChainTransaction
from aichain.rpc.methods.eth_blocks import (
    AtBlock,
    BlockReference,
    block_of,
    require_head,
    show,
    text_of,
)
from aichain.rpc.methods.parameters import (
    AddressText,
    DataText,
    EthBlockOrHashText,
    EthBlockText,
    HashText,
    RawText,
    SlotText,
    address_of,
    bytes_of,
)
from aichain.rpc.registry import Context, NoParams, Params, instant_method, method
from aichain.rpc.render.ethereum import quantity, show_syncing
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.rendering import Rendered
from aichain.rpc.results.ethereum import EthBlock, Syncing
from aichain.rpc.results.result import HashHex, Hex, Quantity
from native.hashing import keccak256
from vm.queries import account_view

_ENVELOPE_BYTE = b"\x92"
"""An AI-Chain transaction is a msgpack array of two; Ethereum's begin with RLP or a type byte."""
_TYPE_BYTE = b"\x6d"
"""Before the envelope, where a client writes typed transactions as EIP-2718 does."""
_EMPTY_WORD = b"\0" * 32


class BlockByNumber(Params, frozen=True):
    block: EthBlockText
    full: bool = False


class BlockByHash(Params, frozen=True):
    hash: HashText
    full: bool = False


class RawTransaction(Params, frozen=True):
    data: RawText


class StorageSlot(Params, frozen=True):
    address: AddressText
    slot: SlotText
    block: EthBlockOrHashText | BlockReference = "latest"


class Data(Params, frozen=True):
    data: DataText


def chain_id(context: Context, _: NoParams) -> Quantity:
    """The network id (EIP-695)."""
    return quantity(context.backend.head().document.network_id)


def net_version(context: Context, _: NoParams) -> str:
    """The network id in decimal."""
    return str(context.backend.head().document.network_id)


def net_listening(_: Context, __: NoParams) -> bool:
    """Always true: a node that answers listens to peers."""
    return True


def net_peer_count(context: Context, _: NoParams) -> Quantity:
    """Connected peers."""
    return quantity(context.backend.status().peers)


def client_version(context: Context, _: NoParams) -> str:
    """Name, version and platform."""
    version = context.backend.status().version
    python = f"python{platform.python_version()}"
    return f"AIChain/v{version}/{platform.system().lower()}-{platform.machine()}/{python}"


def syncing(context: Context, _: NoParams) -> bool | Syncing:
    """False, or how far the node is."""
    status = context.backend.status()
    return show_syncing(status) if status.syncing else False


def accounts(_: Context, __: NoParams) -> list[str]:
    """Empty: the node holds no keys for callers."""
    return []


def block_number(context: Context, _: NoParams) -> Quantity:
    """The last final height."""
    return quantity(context.backend.head().head.height)


async def get_balance(context: Context, params: AtBlock) -> Quantity:
    """Balance in units of 10^-18, after the last final block."""
    await require_head(context.backend, params.block)
    return quantity(account_view(context.backend.head(), address_of(params.address)).balance)


async def get_transaction_count(context: Context, params: AtBlock) -> Quantity:
    """Next nonce after the last final block; "pending" counts the mempool too."""
    address = address_of(params.address)
    if text_of(params.block) == "pending":
        return quantity(context.backend.pending_nonce(address))
    await require_head(context.backend, params.block)
    return quantity(account_view(context.backend.head(), address).nonce)


async def get_code(context: Context, params: AtBlock) -> Hex:
    """Empty: there are no contracts; of the pseudo contract one byte, so that it is seen."""
    await require_head(context.backend, params.block)
    return show_bytes(CODE if address_of(params.address) == CONTRACT else b"")


async def get_storage_at(context: Context, params: StorageSlot) -> HashHex:
    """Zero: no account has storage."""
    await require_head(context.backend, params.block)
    address_of(params.address)
    return show_bytes(_EMPTY_WORD)


async def get_block_by_number(context: Context, params: BlockByNumber) -> Rendered[EthBlock] | None:
    """A final block, or null."""
    view = await block_of(context.backend, params.block)
    return None if view is None else await show(context, view, full=params.full)


async def get_block_by_hash(context: Context, params: BlockByHash) -> Rendered[EthBlock] | None:
    """A final block, or null."""
    view = await block_of(context.backend, params.hash)
    return None if view is None else await show(context, view, full=params.full)


async def send_raw_transaction(context: Context, params: RawTransaction) -> HashHex:
    """Submit an AI-Chain envelope; transactions of Ethereum wallets are refused by name."""
    raw = bytes_of(params.data)
    envelope = raw.removeprefix(_TYPE_BYTE)
    if envelope[:1] != _ENVELOPE_BYTE:
        raise NotAnAIChainTransaction(
            reason="AI-Chain accounts sign with ML-DSA: make transactions with `aichain tx`"
        )
    return show_bytes(await context.backend.submit(envelope))


def sha3(_: Context, params: Data) -> HashHex:
    """Keccak-256 of the bytes."""
    return show_bytes(keccak256(bytes_of(params.data)))


METHODS = (
    instant_method("eth_chainId", NoParams, chain_id),
    instant_method("eth_blockNumber", NoParams, block_number),
    instant_method("eth_syncing", NoParams, syncing),
    instant_method("eth_accounts", NoParams, accounts),
    method("eth_getBalance", AtBlock, get_balance),
    method("eth_getTransactionCount", AtBlock, get_transaction_count),
    method("eth_getCode", AtBlock, get_code),
    method("eth_getStorageAt", StorageSlot, get_storage_at),
    method("eth_getBlockByNumber", BlockByNumber, get_block_by_number),
    method("eth_getBlockByHash", BlockByHash, get_block_by_hash),
    method("eth_sendRawTransaction", RawTransaction, send_raw_transaction),
    instant_method("net_version", NoParams, net_version),
    instant_method("net_listening", NoParams, net_listening),
    instant_method("net_peerCount", NoParams, net_peer_count),
    instant_method("web3_clientVersion", NoParams, client_version),
    instant_method("web3_sha3", Data, sha3),
)
