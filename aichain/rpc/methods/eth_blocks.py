"""How callers of `eth_*` name blocks, and the blocks that they get."""

import msgspec

from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.errors import InvalidParams, StateNotKept, UnknownResource
from aichain.rpc.methods.parameters import (
    AddressText,
    EthBlockOrHashText,
    EthBlockText,
    HashText,
    hash_of,
)
from aichain.rpc.registry import Context, Params
from aichain.rpc.render.ethereum import show_eth_block
from aichain.rpc.rendering import Rendered
from aichain.rpc.results.ethereum import EthBlock
from genesis.validators import ValidatorSet

_HASH_CHARS = 66


class BlockReference(msgspec.Struct, frozen=True, rename="camel"):
    """A block as EIP-1898 names it: by number or tag, or by hash."""

    block_number: EthBlockText | None = None
    block_hash: HashText | None = None
    require_canonical: bool = False
    """Final blocks are."""


class AtBlock(Params, frozen=True):
    address: AddressText
    block: EthBlockOrHashText | BlockReference = "latest"


class BlockQuery(Params, frozen=True):
    block: EthBlockOrHashText | BlockReference


def height_of(backend: Backend, tag: str) -> int:
    return height_named(tag, backend.status().height)


def height_named(tag: str, newest: int) -> int:
    """The height of a number or a tag, where `newest` is the last final one."""
    match tag:
        case "earliest":
            return 0
        case "latest" | "pending" | "safe" | "finalized":
            return newest
        case _:
            return int(tag, 16)


async def block_of(backend: Backend, block: str | BlockReference) -> BlockView | None:
    """The final block of a number, a tag or a hash."""
    text = text_of(block)
    if len(text) != _HASH_CHARS:
        return await backend.block_at(height_of(backend, text))
    view = await backend.block_by_id(hash_of(text))
    return view if view is not None and view.final else None


async def require_head(backend: Backend, block: str | BlockReference) -> None:
    """Old states are not kept: refusing is better than the balance of another height."""
    status, text = backend.status(), text_of(block)
    if len(text) != _HASH_CHARS:
        height = height_named(text, status.height)  # a commit may move the head meanwhile
    elif hash_of(text) == status.block_id:
        return
    else:
        view = await block_of(backend, text)
        if view is None:
            raise UnknownResource(resource=f"block {text}")
        height = view.block.header.height
    if height != status.height:
        raise StateNotKept(height=height, head=status.height)


async def validators_of(backend: Backend, view: BlockView) -> ValidatorSet | None:
    """Who voted on it; nobody on block 0."""
    height = view.block.header.height
    return await backend.validator_set(height) if height else None


async def show(context: Context, view: BlockView, *, full: bool) -> Rendered[EthBlock]:
    backend, document = context.backend, context.backend.head().document
    validators = await validators_of(backend, view)
    base_fee = await context.prices.of_block(backend, view)
    kind = f"eth {full:d}" if base_fee is not None else f"eth {full:d} without a price"

    def work() -> EthBlock:
        return show_eth_block(view, validators, document, base_fee, full=full)

    return await context.renderer.json(kind, view, work)


def text_of(block: str | BlockReference) -> str:
    """The number, tag or hash. Raises InvalidParams where a reference has not exactly one."""
    if isinstance(block, str):
        return block
    given = [text for text in (block.block_number, block.block_hash) if text is not None]
    if len(given) != 1:
        raise InvalidParams(reason="a block has a blockNumber or a blockHash")
    return given[0]
