"""From what a visitor typed to the page that shows it."""

from aichain.explorer.errors import NothingHere
from aichain.explorer.pages.reading import as_hash, as_height
from aichain.explorer.visit import Page, Redirect, Visit
from genesis.errors import InvalidAddress
from genesis.units import format_address, parse_address
from native.hashing import Hash32

_PAGES = frozenset(
    {"blocks", "validators", "consensus", "mempool", "supply", "rewards", "network", "charts"}
)


async def search(visit: Visit) -> Page | Redirect:
    """A height, a hash of a block or a transaction, an address, a name, or a page's own name."""
    text = visit.query.get("q", "").strip()
    if not text:
        return Redirect("/")
    if text.lower() in _PAGES:
        return Redirect(f"/{text.lower()}")
    if text.lower() in ("latest", "head"):
        return Redirect("/block/latest")
    digits = text.removeprefix("#").replace(",", "").replace(" ", "")
    height = as_height(digits)
    if height is not None:
        return Redirect(f"/block/{height}")
    wanted = as_hash(text)
    if wanted is not None:
        return await _find_hash(visit, wanted)
    named = visit.names.find(text)
    if named is not None:
        return Redirect(f"/address/{named}")
    try:
        return Redirect(f"/address/{format_address(parse_address(text))}")
    except InvalidAddress:
        raise NothingHere(
            what=f"Nothing was found for “{text[:120]}”.",
            fix="Search for a height, the whole hash of a block or a transaction, an address "
            "(0x…), or a name of the genesis document.",
        ) from None


async def _find_hash(visit: Visit, wanted: str) -> Redirect:
    hash32 = Hash32(bytes.fromhex(wanted[2:]))
    if await visit.context.backend.block_by_id(hash32) is not None:
        return Redirect(f"/block/{wanted}")
    if await visit.context.backend.transaction(hash32) is not None:
        return Redirect(f"/tx/{wanted}")
    raise NothingHere(
        what=f"This node holds no block and no transaction {wanted}.",
        fix="Check the hash. A transaction that was dropped from the mempool is forgotten.",
    )
