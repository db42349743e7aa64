"""What waits for a block."""

from aichain.explorer.visit import Page, Visit
from aichain.rpc.methods.aichain import Listing, get_mempool
from genesis.limits import EXPLORER_POOL_ROWS


async def mempool(visit: Visit) -> Page:
    """The best paying transactions first."""
    pool = get_mempool(visit.context, Listing(limit=EXPLORER_POOL_ROWS))
    state = visit.context.backend.head()
    return Page(
        template="mempool.html",
        title="Mempool",
        results={"aichain_mempool": pool},
        values={
            "pool": pool,
            "base_fee": str(state.base_fee),
            "tip_floor": visit.context.backend.mempool(0).tip_floor,
        },
    )
