"""`aichain_*` about agreement: what the core holds, who votes, who was away, who signed twice."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import asdict

from aichain.rpc.errors import UnknownResource
from aichain.rpc.methods.parameters import HashText, Height, hash_of
from aichain.rpc.registry import Context, Params, method
from aichain.rpc.render.consensus import (
    read_evidence,
    show_committee,
    show_core,
    show_evidence,
)
from aichain.rpc.render.lanes import show_accusation, show_lanes
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.render.validators import show_uptime
from aichain.rpc.results.consensus import (
    Committee,
    CoreState,
    Evidence,
    EvidencePage,
    LanesState,
)
from aichain.rpc.results.validators import Uptime
from consensus.electorate import SCHEDULE_SLOTS
from consensus.lanes.state import Lanes, Term
from genesis.epochs import last_height
from genesis.limits import (
    CERTIFICATE_WINDOW_BLOCKS,
    RPC_LISTED_EVIDENCE_MAX,
    RPC_UPTIME_PARTS_MAX,
    VIEWS_BEHIND_MAX,
)
from native.hashing import blake3_256

_DEFAULT_VIEWS = 4
_DEFAULT_TURNS = 16
_DEFAULT_EVIDENCE = 16
_DEFAULT_WINDOW = 256


class CoreQuery(Params, frozen=True):
    views: Annotated[int, Meta(ge=1, le=VIEWS_BEHIND_MAX)] = _DEFAULT_VIEWS


class CommitteeQuery(Params, frozen=True):
    height: Height | None = None
    views: Annotated[int, Meta(ge=0, le=SCHEDULE_SLOTS)] = _DEFAULT_TURNS


class Page(Params, frozen=True):
    cursor: HashText | None = None
    limit: Annotated[int, Meta(ge=1, le=RPC_LISTED_EVIDENCE_MAX)] = _DEFAULT_EVIDENCE


class Window(Params, frozen=True):
    window_blocks: Annotated[int, Meta(ge=1, le=CERTIFICATE_WINDOW_BLOCKS)] = _DEFAULT_WINDOW
    parts: Annotated[int, Meta(ge=1, le=RPC_UPTIME_PARTS_MAX)] = 1


async def get_consensus_state(context: Context, params: CoreQuery) -> CoreState | LanesState:
    """Epoch, view, votes, tallies and certificates of the consensus core, as they are now."""
    held, now_ms = context.backend.core(), context.clock.now_ms()
    voting = context.backend.status().voting
    if isinstance(held, Lanes):
        return show_lanes(held, views=params.views, now_ms=now_ms, voting=voting)
    core = show_core(held, views=params.views)
    return CoreState(**asdict(core), now_ms=now_ms, voting=voting)


async def get_committee(context: Context, params: CommitteeQuery) -> Committee:
    """Who votes on a height (without one: the next) with which weight, and in which turns."""
    backend = context.backend
    height = backend.status().height + 1 if params.height is None else params.height
    held = backend.core()
    if isinstance(held, Lanes):
        term = next((each for each in held.terms if _decides(each, height)), None)
        if term is not None:  # its seats; of what is hard, all validators stand for it
            seats = term.instance.electorate
            first_view = max(1, term.core.view)
            return show_committee(
                height, seats, first_view=first_view, views=params.views, term=term.number
            )
    electorate = await backend.electorate(height)
    if electorate is None:
        raise UnknownResource(resource=f"committee of height {height}")
    core = held.ballot.core if isinstance(held, Lanes) else held
    first_view = max(1, core.view) if electorate.epoch == core.epoch else 1
    return show_committee(height, electorate, first_view=first_view, views=params.views)


def _decides(term: Term, height: int) -> bool:
    return term.instance.first_height <= height <= term.instance.last_height


async def get_evidence(context: Context, params: Page) -> EvidencePage:
    """Evidence of double signatures that this node holds, the newest first."""
    backend = context.backend
    held = _below(backend.evidence()[::-1], params.cursor)
    document, shown = backend.head().document, list[Evidence]()
    blocks = document.consensus.epoch_blocks
    for raw in held[: params.limit]:
        if document.has_lanes:
            shown.append(show_accusation(raw))
            continue
        evidence = read_evidence(raw)
        validators = await backend.validator_set(last_height(evidence.epoch, blocks))
        shown.append(show_evidence(raw, evidence, validators))
    more = len(held) > params.limit
    last = show_bytes(blake3_256(held[params.limit - 1])) if more else None
    return EvidencePage(count=len(backend.evidence()), evidence=shown, next=last)


def _below(held: Sequence[bytes], cursor: str | None) -> Sequence[bytes]:
    """What follows the piece of that hash; nothing where it is forgotten: older ones are, too."""
    if cursor is None:
        return held
    names = [blake3_256(raw) for raw in held]
    wanted = hash_of(cursor)
    return held[names.index(wanted) + 1 :] if wanted in names else ()


async def get_validator_uptime(context: Context, params: Window) -> Uptime:
    """Turns taken and missed, and certificates signed, in the last final blocks."""
    whole = await context.backend.uptime(params.window_blocks)
    if params.parts == 1:
        return show_uptime(whole)
    parts = await context.backend.uptime_parts(params.window_blocks, params.parts)
    return show_uptime(whole, parts)


METHODS = (
    method("aichain_consensusState", CoreQuery, get_consensus_state),
    method("aichain_committee", CommitteeQuery, get_committee),
    method("aichain_evidence", Page, get_evidence),
    method("aichain_validatorUptime", Window, get_validator_uptime),
)
