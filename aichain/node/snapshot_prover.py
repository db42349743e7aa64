"""From a block that we trust to a snapshot that must be true, by what one peer can prove."""

from collections.abc import Callable, Generator

import trio

from aichain.config_values import TrustPoint
from aichain.errors import TrustExpired
from aichain.machine import RunBlocking
from aichain.recovery import require_version
from aichain.store.joining import SnapshotBase
from consensus.errors import AncestorUnproven, PathBroken, TrustContradicted, TrustTooOld
from consensus.light import (
    Finality,
    Trust,
    climb,
    genesis_trust,
    require_recent,
    trust_limit_ms,
    verify_ancestor_header,
)
from genesis.document import GenesisDocument
from genesis.epochs import epoch_of_height
from native.batch import verify_many
from native.errors import DecodeError
from native.hashing import Hash32
from p2p.network import Asker
from p2p.wire.messages import GetFinality, GetHeaderProof, GetManifest
from vm.blocks import Header, decode_header
from vm.mmr import MmrProof
from vm.snapshot import decode_manifest, manifest_hash

REQUEST_TIMEOUT_S = 20.0
PROOF_S = 60.0
"""A peer has so long to prove a snapshot. Each answer may come in time, and nobody else is asked
until the last one."""
ANCHOR_S = 4.0
"""And so much longer for each epoch of which an anchor is needed: 2.3 MB with 1,000 validators."""


class NotProved(Exception):
    """The peer has not all that is needed; it is not to blame."""


class SnapshotProver:
    """Asks one peer for everything, so that whatever turns out false is that peer's doing."""

    def __init__(
        self,
        document: GenesisDocument,
        point: TrustPoint | None,
        network: Asker,
        run_blocking: RunBlocking,
        now_ms: Callable[[], int],
    ) -> None:
        self._document = document
        self._point = point
        self._network = network
        self._run_blocking = run_blocking
        self._now_ms = now_ms
        self._thread = trio.CapacityLimiter(1)
        self._time = trio.CancelScope()

    async def prove(self, peer: str, name: Hash32, height: int, head: Trust) -> SnapshotBase:
        """All that has to be true before a part is fetched; `head` is our own last final block.

        Raises InvalidData if the peer lied, NotProved, RequestFailed; TrustExpired where there is
        nothing to start from, UpgradeMissed where no chain that is joined could be opened.
        """
        with trio.move_on_after(PROOF_S) as self._time:
            return await self._prove(peer, name, height, head)
        raise NotProved("its answers took too long, all of them together")

    async def _prove(self, peer: str, name: Hash32, height: int, head: Trust) -> SnapshotBase:
        raw = (await self._network.request(peer, GetManifest(name), REQUEST_TIMEOUT_S)).raw
        if not raw:
            raise NotProved("it no longer has the manifest")
        if manifest_hash(raw) != name:
            raise DecodeError("a manifest of another name")
        manifest = await self._run_blocking(decode_manifest, raw, limiter=self._thread)
        if manifest.height != height:
            raise DecodeError(f"a snapshot of {manifest.height} that was offered for {height}")
        trust = await self._start(peer, head)
        claim = await self._finality(peer, manifest.height)
        if claim.height != manifest.height:
            raise DecodeError("a snapshot of a block without a certificate of its own")
        if trust.header.height > manifest.height:
            child = await self._below(peer, trust.header, manifest.height, claim)
        else:
            child = await self._above(peer, trust, claim)
        header = claim.headers[0]
        claimed = (manifest.block_id, manifest.state_root, manifest.mmr.root)
        if claimed != (header.id, child.parent_state_root, child.header_mmr_root):
            raise DecodeError("a manifest of another state than the certified one")
        for proved in (header, child):
            require_version(self._document, proved)
        return SnapshotBase(raw, header, child, claim.certificate, claim.checkpoint)

    def require_start(self, head: Header) -> None:
        """Refuse, before anybody is asked, to start from what is too old to be trusted."""
        if self._point is None:
            self._require_recent(head)

    async def _above(self, peer: str, trust: Trust, claim: Finality) -> Header:
        """The child of a block above what we trust: both were signed by those whom we believe."""
        anchor = await self._climb(peer, trust, claim)
        await self._require_ancestor(peer, trust.header, anchor.header)
        child_claim = await self._finality(peer, claim.height + 1)
        await self._climb(peer, anchor, child_claim)
        child = child_claim.headers[-1]
        if child.parent_id != anchor.header.id:
            raise PathBroken(child.height)
        return child

    async def _below(self, peer: str, trusted: Header, height: int, claim: Finality) -> Header:
        """The child of a block below what we trust: the trusted header's range holds both."""
        header = await self._ancestor(peer, trusted, height)
        child = trusted if trusted.height == height + 1 else None
        child = child or await self._ancestor(peer, trusted, height + 1)
        if child.parent_id != header.id:
            raise PathBroken(child.height)
        await self._climb(peer, Trust(header), claim)
        return child

    async def _ancestor(self, peer: str, trusted: Header, height: int) -> Header:
        question = GetHeaderProof(height, trusted.height)
        answer = await self._network.request(peer, question, REQUEST_TIMEOUT_S)
        if not answer.header_raw:
            raise NotProved(f"it cannot show block {height} below block {trusted.height}")
        header = decode_header(answer.header_raw)
        if header.height != height:
            raise AncestorUnproven(height, trusted.height)
        verify_ancestor_header(trusted, header, MmrProof.decode(answer.proof_raw))
        return header

    async def _require_ancestor(self, peer: str, trusted: Header, certified: Header) -> None:
        """The same voters may have signed two chains: ours has the trusted block on it.

        Its voters have signed already, so a peer that keeps no older blocks is no liar.
        """
        if trusted.height == certified.height:
            return
        try:
            found = await self._ancestor(peer, certified, trusted.height)
        except NotProved:
            return
        if found.id != trusted.id:
            raise TrustContradicted(trusted.height, trusted.id, found.id)

    async def _start(self, peer: str, head: Trust) -> Trust:
        """The block that somebody vouched for, else our own last one."""
        point = self._point
        if point is None or point.height <= head.header.height:
            self._require_recent(head.header)
            return head
        if point.height == 0:
            trust = genesis_trust(self._document)
        else:
            claim = await self._finality(peer, point.height)
            header = claim.headers[-1]
            is_own = claim.validators.hash == header.vset_hash
            trust = Trust(header, claim.validators if is_own else None)
        if (trust.header.height, trust.header.id) != (point.height, point.block_id):
            raise TrustContradicted(point.height, point.block_id, trust.header.id)
        self._require_recent(trust.header)
        return trust

    def _require_recent(self, header: Header) -> None:
        if self._document.public_keys and header.height == 0:
            return  # nothing on such a network is worth a fork
        limit_ms = trust_limit_ms(self._document)
        try:
            require_recent(header, self._now_ms(), limit_ms)
        except TrustTooOld as error:
            age_days, limit_days = error.age_ms // _DAY_MS, limit_ms // _DAY_MS
            raise TrustExpired(header.height, age_days, limit_days) from None

    async def _finality(self, peer: str, height: int) -> Finality:
        answer = await self._network.request(peer, GetFinality(height), REQUEST_TIMEOUT_S)
        if answer.finality is None:
            raise NotProved(f"it cannot show that block {height} is final")
        if answer.finality.headers[-1].height != height:
            raise DecodeError("a proof of another height than was asked for")
        epoch_blocks = self._document.consensus.epoch_blocks
        for header in answer.finality.headers:
            if header.epoch != epoch_of_height(header.height, epoch_blocks):
                raise DecodeError("a header of another epoch than its height is in")
        return answer.finality

    async def _climb(self, peer: str, trust: Trust, claim: Finality) -> Trust:
        steps = climb(trust, claim, verify_many)
        anchor: Finality | None = None
        while True:
            step = await self._run_blocking(_advance, steps, anchor, limiter=self._thread)
            if isinstance(step, Trust):
                return step
            epoch_blocks = self._document.consensus.epoch_blocks
            anchor = await self._finality(peer, (step + 1) * epoch_blocks)
            self._time.deadline += ANCHOR_S


_DAY_MS = 24 * 3600 * 1000


def _advance(
    steps: Generator[int, Finality, tuple[Trust, int]], anchor: Finality | None
) -> int | Trust:
    """The epoch whose anchor is needed next, or what is trusted in the end."""
    try:
        return next(steps) if anchor is None else steps.send(anchor)
    except StopIteration as ended:
        trust, _ = ended.value
        assert isinstance(trust, Trust), "that is what climbing ends with"
        return trust
