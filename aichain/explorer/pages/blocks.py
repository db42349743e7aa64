"""The overview, lists of blocks, and one block."""

from aichain.explorer.errors import NothingHere
from aichain.explorer.pages.reading import as_hash, as_height, before_in
from aichain.explorer.visit import Page, Visit
from aichain.rpc.block_pace import pace_of
from aichain.rpc.methods.aichain import AtHeight as ValidatorsQuery
from aichain.rpc.methods.aichain import (
    Listing,
    get_mempool,
    get_status,
    get_supply,
    get_validators,
)
from aichain.rpc.methods.parameters import hash_of
from aichain.rpc.registry import Context, NoParams
from aichain.rpc.render.blocks import show_block
from aichain.rpc.results.blocks import Block
from genesis.limits import EXPLORER_ROWS

_LIVE_ROWS = 12


async def overview(visit: Visit) -> Page:
    """How the chain is, and its last blocks, which scripts keep up to date."""
    context = visit.context
    status = get_status(context, NoParams())
    supply = await get_supply(context, NoParams())
    voters = await get_validators(context, ValidatorsQuery())
    pool = get_mempool(context, Listing(limit=0))
    recent = visit.window.newest(_LIVE_ROWS)
    pace = pace_of(visit.window.all()[-EXPLORER_ROWS:])
    return Page(
        template="overview.html",
        title="Overview",
        results={
            "aichain_status": status,
            "aichain_supply": supply,
            "aichain_mempool": pool,
            "recentBlocks": recent,
        },
        values={
            "status": status,
            "supply": supply,
            "validators": len(voters.validators),
            "voting": visit.context.backend.status().validator_index is not None,
            "pool": pool,
            "recent": recent,
            "pace": pace,
            "rows": _LIVE_ROWS,
        },
    )


async def blocks(visit: Visit) -> Page:
    """A page of blocks, the newest first."""
    context = visit.context
    status = context.backend.status()
    top = before_in(visit, status.height)
    bottom = max(status.first_height, top - EXPLORER_ROWS + 1)
    shown = list[Block]()
    for height in range(top, bottom - 1, -1):
        found = await _find(context, height)
        if found is not None:
            shown.append(found)
    return Page(
        template="blocks.html",
        title="Blocks",
        results={"aichain_getBlock": shown},
        values={
            "blocks": shown,
            "newer": top + 1 + EXPLORER_ROWS if top < status.height else None,
            "older": bottom if bottom > status.first_height else None,
            "first_height": status.first_height,
        },
    )


async def block(visit: Visit) -> Page:
    """A block with its transactions, by height, hash or `latest`."""
    text = visit.path["block"]
    head = visit.context.backend.status().height
    by_hash, height = as_hash(text), as_height(text)
    wanted = head if text == "latest" else by_hash if height is None else height
    if wanted is None:
        raise NothingHere(
            what="A block is named by its height, its hash or `latest`.",
            fix="Search for it, or begin at the list of blocks.",
        )
    found = await _find(visit.context, wanted)
    if found is None:
        raise NothingHere(
            what=f"There is no block {text[:80]}.",
            fix=f"The last final block is {head}. Of a block that is not final yet, wait for it.",
        )
    return Page(
        template="block.html",
        title=f"Block {found.height}",
        results={"aichain_getBlock": found},
        values={
            "block": found,
            "has_next": found.height < head,
            "listed": found.transactions[: 4 * EXPLORER_ROWS],
        },
        lasts=by_hash is not None and found.final and found.height < head,
    )


async def _find(context: Context, wanted: int | str) -> Block | None:
    """As aichain_getBlock answers, by height or hash; a large one is made beside the loop."""
    backend = context.backend
    if isinstance(wanted, int):
        view = await backend.block_at(wanted)
    else:
        view = await backend.block_by_id(hash_of(wanted))
    if view is None:
        return None
    height = view.block.header.height
    validators = await backend.validator_set(height) if height else None
    return await context.renderer.render(view, lambda: show_block(view, validators))
