"""Takes the state of a recent epoch's end from peers instead of executing the chain up to it.

While it runs the node stays where it is; when the new chain is ready the node starts anew on it.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import trio

from aichain.chain import Chain
from aichain.node.context import NodeContext
from aichain.node.lanes.syncer import LaneSyncer
from aichain.node.snapshot_prover import (
    REQUEST_TIMEOUT_S,
    NotProved,
    SnapshotProver,
)
from aichain.node.sources import Unreliable, steady_ms
from aichain.node.syncer import Syncer
from aichain.rpc.backend import JoinProgress
from aichain.rpc.statuses import JoinStage
from aichain.store.failpoints import CrashPoint
from aichain.store.joining import JoiningChain, SnapshotBase
from aichain.store.paths import DataPaths
from consensus.errors import TrustContradicted
from consensus.light import Trust, genesis_trust
from genesis import limits
from native.errors import DecodeError, InvalidData
from native.hashing import Hash32
from p2p.errors import Penalty, RequestFailed
from p2p.peers import PeerTable
from p2p.wire.messages import GetPart, GetSnapshots
from p2p.wire.parts import PartAsk, PartPlan
from vm.commitment import StateTree, Subtree
from vm.snapshot import Part, read_part

log = logging.getLogger(__name__)

POLL_S = 0.5
NEAR_S = 1.0
"""Who has been level with its peers for so long needs none."""
DECIDE_S = 15.0
"""Peers that are far ahead have so long to offer a snapshot, before blocks are synced instead."""
OFFERS_EVERY_S = 5.0
NOBODY_S = 60.0
"""A snapshot that nobody has offered for so long is given up for a newer one."""

T = TypeVar("T")

_Offers: TypeAlias = dict[tuple[int, Hash32], list[str]]
_Taken: TypeAlias = tuple[PartAsk, Subtree | None]


class ChainReady(Exception):
    """The new chain lies ready: whoever runs the services ends them and starts anew on it."""

    def __init__(self, tree: StateTree) -> None:
        super().__init__()
        self.tree = tree
        """Its state, which was compared with the certified root."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What a node passes on to the one that starts anew on the chain that it joined."""

    tree: StateTree
    standings: PeerTable
    """What is held against whom: a ban does not end with the old chain."""


def tree_of(group: BaseExceptionGroup[ChainReady]) -> StateTree:
    """The tree of the one that is in the group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ChainReady), "the group holds nothing else"
    return error.tree


class Joiner:
    """Holds the syncer back while it looks for a snapshot, and lets it go where none is needed."""

    def __init__(
        self,
        chain: Chain,
        paths: DataPaths,
        prover: SnapshotProver,
        syncer: Syncer | LaneSyncer,
        context: NodeContext,
        reached: CrashPoint,
    ) -> None:
        self._chain = chain
        self._paths = paths
        self._prover = prover
        self._syncer = syncer
        self._context = context
        self._reached = reached
        self._thread = trio.CapacityLimiter(1)
        self._disk = trio.CapacityLimiter(1)
        self._unreliable = Unreliable()
        self._sources: list[str] = []
        syncer.joining = JoinProgress(JoinStage.LOOKING)

    async def run(self) -> None:
        """Until a chain is ready (raises ChainReady). TrustExpired, StoreFailed end the node."""
        self._prover.require_start(self._chain.head.head)
        while True:
            await self._look()
            self._syncer.joining = None
            while not self._syncer.sources.is_lacking:  # noqa: ASYNC110 the syncer sets it
                await trio.sleep(POLL_S)
            self._syncer.joining = JoinProgress(JoinStage.LOOKING)

    async def _look(self) -> None:
        """Join by a snapshot that is worth it; return when blocks are to be synced instead."""
        met_s: float | None = None
        while True:
            claims, head = self._syncer.sources.claims(), self._chain.head.head.height
            waited_s = 0.0 if met_s is None else trio.current_time() - met_s
            if claims and met_s is None:
                met_s = trio.current_time()
            ahead = self._worth_blocks()
            is_far = max(claims.values(), default=0) >= head + ahead
            if is_far:
                offers = await self._ask_offers()
                useful = {offer: offers[offer] for offer in offers if offer[0] >= head + ahead}
                if useful:
                    await self._join(useful)
            if not is_far and waited_s > NEAR_S:
                return
            if waited_s > DECIDE_S:
                log.warning("no peer offers a snapshot that helps: blocks are synced instead")
                return
            await trio.sleep(POLL_S)

    def _worth_blocks(self) -> int:
        """How many blocks a snapshot has to save: those of an epoch where there are none yet."""
        if self._syncer.sources.is_lacking:
            return 1
        epoch_blocks = self._context.document.consensus.epoch_blocks
        return limits.SNAPSHOT_GAP_BLOCKS if self._chain.head.head.height else epoch_blocks

    async def _ask_offers(self) -> _Offers:
        """Height and manifest hash to those who serve it, the best sources first."""
        offers: _Offers = defaultdict(list)
        peers = list(self._syncer.sources.claims())[: limits.SNAPSHOT_PEERS_MAX]
        found: dict[str, tuple[tuple[int, Hash32], ...]] = {}

        async def ask(peer: str) -> None:
            try:
                answer = await self._context.network.request(peer, GetSnapshots(), OFFERS_EVERY_S)
            except RequestFailed:
                return
            found[peer] = answer.offers

        async with trio.open_nursery() as nursery:
            for peer in peers:
                if not self._unreliable.is_out(peer, steady_ms()):
                    nursery.start_soon(ask, peer)
        for peer in peers:
            for offer in dict.fromkeys(found.get(peer, ())):
                offers[offer].append(peer)
        return offers

    async def _join(self, offers: _Offers) -> None:
        """Raises ChainReady; returns if this came to nothing."""
        joining = await self._blocking(JoiningChain.resume, self._paths, self._reached)
        if joining is not None and (joining.base.header.height, joining.base.name) not in offers:
            joining.close()
            joining = None
        if joining is None:
            base = await self._prove(offers)
            if base is None:
                return
            joining = await self._blocking(JoiningChain.begin, self._paths, base, self._reached)
        try:
            subtrees = await self._fetch(joining)
            if subtrees is None:
                return
            parts = joining.base.manifest.parts
            self._progress(JoinStage.CHECKING, joining.base, len(parts))
            tree: StateTree | None = None
            if len(subtrees) == len(parts):
                depths = [part.depth for part in parts]
                tree = StateTree.of_subtrees((depths[at], subtrees[at]) for at in sorted(subtrees))
            tree = await self._blocking(joining.finish, self._context.document, tree)
        finally:
            joining.close()
        raise ChainReady(tree)

    async def _prove(self, offers: _Offers) -> SnapshotBase | None:
        """The newest snapshot that one of its peers can prove."""
        trust = self._own_trust()
        for (height, name), peers in sorted(offers.items(), reverse=True):
            for peer in peers:
                try:
                    base = await self._prover.prove(peer, name, height, trust)
                except (NotProved, RequestFailed) as error:
                    self._unreliable.failed(peer, steady_ms())
                    log.info("snapshot of %d from %s: %s", height, peer, error)
                except TrustContradicted as error:
                    self._unreliable.failed(peer, steady_ms())
                    log.error("peer %s follows another chain than --trust: %s", peer, error)
                except InvalidData as error:
                    self._penalize(peer, f"a false proof of a snapshot: {error}")
                else:
                    log.info("joining by the snapshot of height %d", height)
                    return base
        return None

    def _own_trust(self) -> Trust:
        head = self._chain.head
        if head.head.height == 0:
            return genesis_trust(self._context.document)
        return Trust(head.head, head.validators_of(head.head.epoch))

    async def _fetch(self, joining: JoiningChain) -> dict[int, Subtree] | None:
        """Fetch what is missing, and answer the subtrees of that; None: nobody has it any more."""
        send, receive = trio.open_memory_channel[_Taken](0)
        base = joining.base
        parts = tuple(zip(base.manifest.parts, base.manifest.prefixes(), strict=True))
        plan = PartPlan(await self._blocking(joining.missing))
        last_s, subtrees = trio.current_time(), dict[int, Subtree]()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_sources, base)
            while not plan.is_done and trio.current_time() < last_s + NOBODY_S:
                self._progress(JoinStage.FETCHING, base, len(parts) - plan.left)
                plan, asks = plan.assign(self._reliable_sources())
                for ask in asks:
                    nursery.start_soon(self._take_part, joining, ask, *parts[ask.index], send)
                taken: _Taken | None = None
                with trio.move_on_after(POLL_S):
                    taken = await receive.receive()
                if taken is None:
                    continue
                ask, subtree = taken
                if subtree is None:
                    plan = plan.failed(ask)
                    continue
                subtrees[ask.index] = subtree
                plan, last_s = plan.arrived(ask), trio.current_time()
            nursery.cancel_scope.cancel()
        return subtrees if plan.is_done else None

    async def _take_part(
        self,
        joining: JoiningChain,
        ask: PartAsk,
        part: Part,
        prefix: int,
        send: trio.MemorySendChannel[_Taken],
    ) -> None:
        """While one part is verified, another one may be written, and others be on their way."""
        raw, subtree = await self._ask_part(joining.base.name, ask), None
        try:
            read = await self._blocking(read_part, raw, part, prefix)
        except DecodeError as error:
            self._refuse(ask, raw, error)
        else:
            write, blocking = joining.write_part, self._context.run_blocking
            await blocking(write, ask.index, read.records, limiter=self._disk)
            self._unreliable.delivered(ask.peer)
            subtree = read.subtree
        await send.send((ask, subtree))

    async def _ask_part(self, name: Hash32, ask: PartAsk) -> bytes:
        """Nothing where the peer gives none."""
        try:
            question = GetPart(name, ask.index)
            answer = await self._context.network.request(ask.peer, question, REQUEST_TIMEOUT_S)
        except RequestFailed as error:
            log.info("part %d from %s: %s", ask.index, ask.peer, error)
            return b""
        return answer.raw

    def _refuse(self, ask: PartAsk, raw: bytes, error: DecodeError) -> None:
        """Nothing is no lie: the peer may have a newer snapshot by now."""
        self._unreliable.failed(ask.peer, steady_ms())
        if raw:
            self._penalize(ask.peer, f"a false part of a snapshot: {error}")

    async def _watch_sources(self, base: SnapshotBase) -> None:
        while True:
            offers = await self._ask_offers()
            self._sources = offers.get((base.header.height, base.name), [])
            await trio.sleep(OFFERS_EVERY_S)

    def _reliable_sources(self) -> list[str]:
        now_ms = steady_ms()
        return [peer for peer in self._sources if not self._unreliable.is_out(peer, now_ms)]

    def _progress(self, stage: JoinStage, base: SnapshotBase, done: int) -> None:
        parts = len(base.manifest.parts)
        self._syncer.joining = JoinProgress(stage, base.header.height, done, parts)

    def _penalize(self, peer: str, reason: str) -> None:
        log.warning("snapshot from %s refused: %s", peer, reason)
        self._unreliable.failed(peer, steady_ms())
        self._context.network.penalize(peer, Penalty.FORGED, reason)

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        return await self._context.run_blocking(function, *arguments, limiter=self._thread)
