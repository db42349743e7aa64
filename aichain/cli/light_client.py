"""Leads a light client from what it trusts to what it asks about, through a server it does not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.light_server import LightServer, RecordClaim
from aichain.cli.light_trust import load_trust, store_trust
from aichain.client.errors import RpcRefused
from aichain.config_values import TrustPoint
from consensus.errors import (
    AncestorUnproven,
    OlderThanTrusted,
    OtherChain,
    PathBroken,
    TrustContradicted,
)
from consensus.light import (
    TRUST_MAX_MS,
    Finality,
    Trust,
    climb,
    genesis_trust,
    require_recent,
    trust_limit_ms,
    verify_ancestor_header,
    verify_receipt,
    verify_record,
    verify_transaction,
)
from genesis.document import GenesisDocument
from genesis.limits import CERTIFICATE_WINDOW_BLOCKS, PRUNED_BLOCKS_AT_ONCE
from native.batch import verify_many
from native.codec import encode
from native.errors import InvalidData
from native.hashing import HASH_BYTES, Hash32
from vm.blocks import Header
from vm.receipts import Receipt, decode_receipt

NO_TRUST: Final = "there is nothing to start from: no block that you trust was given"
NO_TRUST_FIX: Final = (
    "add --trust HEIGHT:HASH of a recent block (a node of yours or a friend's shows it: "
    "`aichain query block`), or --network for the network's block 0"
)


@dataclass(eq=False)
class KeptByAll(InvalidData):
    """The server says that it dropped a block below its last one which no honest node drops."""

    exit_code: ClassVar[int] = CommandExit.NOT_PROVEN
    height: int
    fix: str = "ask another node with --rpc: this one may hide a fork"


@dataclass(frozen=True, slots=True)
class Reliance:
    """What a light client rests on, and how long it may."""

    trust_file: Path
    point: TrustPoint | None
    document: GenesisDocument | None
    now_ms: Callable[[], int]
    allow_old: bool = False

    @property
    def limit_ms(self) -> int:
        """Two thirds of the time for which stake stays locked."""
        return TRUST_MAX_MS if self.document is None else trust_limit_ms(self.document)


@dataclass(slots=True)
class Effort:
    """What it took to believe the last answer."""

    certificates: int = 0
    proof_bytes: int = 0
    verify_ms: float = 0.0
    notes: list[str] = field(default_factory=list)
    """What could not be checked, and is not needed for the proof."""

    @contextmanager
    def timed(self) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.verify_ms += (time.perf_counter() - begun) * 1000


class LightClient:
    """Every answer is checked from the trusted block on, before anybody sees it."""

    def __init__(self, server: LightServer, reliance: Reliance) -> None:
        """Find what to start from. Raises CommandError, Unproven, ServerGarbled."""
        self._server = server
        self._reliance = reliance
        self._stored = load_trust(reliance.trust_file)
        self.effort = Effort()
        self._trust, self._below = self._begin()
        server.remember(self._trust.validators)

    @property
    def head(self) -> Header:
        """The highest final block known."""
        return self._trust.header

    def advance(self) -> Header:
        """Go to the server's last final block."""
        self.effort = Effort()
        claim = self._server.finality()
        if claim is None:
            raise OlderThanTrusted(self.head.height, 0)
        self._accept(claim)
        return self.head

    def header(self, height: int) -> Header:
        """A final header at or below the server's last one."""
        head = self.advance()
        if height > head.height:
            raise CommandError(
                f"block {height} is not final yet, the last one is {head.height}",
                "wait for it, or ask another node with --rpc",
                CommandExit.NOT_FOUND,
            )
        return head if height == head.height else self._ancestor(height, head)

    def record(self, key: bytes) -> tuple[RecordClaim, Header]:
        """A proved record and the header that carries the root of its state."""
        self.effort = Effort()
        claim = self._server.record(key)
        if claim is None:
            raise OlderThanTrusted(self.head.height, 0)
        self._accept(claim.finality)
        child = claim.finality.headers[-1]
        with self.effort.timed():
            verify_record(child, key, claim.value, claim.proof)
        self.effort.proof_bytes += len(claim.proof.encode()) + len(claim.value or b"")
        return claim, child

    def transaction(self, tx_id: Hash32) -> tuple[Header, int, Receipt | None]:
        """The proved block of a final transaction, its place there, and what came of it.

        The next header carries the receipts; None while there is none.
        """
        claim = self._server.transaction(tx_id)
        if claim is None:
            raise CommandError(
                f"the server has no final transaction 0x{tx_id.hex()}",
                "wait, or ask another node with --rpc: that one has none is no proof that none is",
                CommandExit.NOT_FOUND,
            )
        header = self.header(claim.height)
        child = None
        if self.head.height > claim.height:
            at_head = self.head.height == claim.height + 1
            child = self.head if at_head else self._ancestor(claim.height + 1, self.head)
        with self.effort.timed():
            verify_transaction(header, tx_id, claim.proof)
            if child is not None:
                verify_receipt(child, claim.receipt_raw, claim.receipt_proof)
        hashes = len(claim.proof.siblings) + len(claim.receipt_proof.siblings)
        self.effort.proof_bytes += len(claim.receipt_raw) + HASH_BYTES * hashes
        receipt = None if child is None else decode_receipt(claim.receipt_raw)
        return header, claim.proof.index, receipt

    def _begin(self) -> tuple[Trust, list[Header]]:
        """The highest trusted header; the lower ones have to turn out to be its ancestors."""
        found = [] if self._stored is None else [self._stored]
        reliance = self._reliance
        if reliance.point is not None:
            found.append(self._named(reliance.point))
        elif not found and reliance.document is not None:
            found.append(genesis_trust(reliance.document))
        if not found:
            raise CommandError(NO_TRUST, NO_TRUST_FIX, CommandExit.USAGE)
        found.sort(key=lambda trust: (trust.header.height, trust.validators is not None))
        *lower, trust = found
        expected = trust.header.genesis_hash
        if reliance.document is not None:
            expected = reliance.document.hash
        for each in found:
            if each.header.genesis_hash != expected:
                raise OtherChain(expected, each.header.genesis_hash)
        if not self._is_exempt(trust.header):
            require_recent(trust.header, reliance.now_ms(), reliance.limit_ms)
        return trust, [each.header for each in lower]

    def _is_exempt(self, header: Header) -> bool:
        """Block 0 of a network whose keys are public: nothing there is worth a fork."""
        document = self._reliance.document
        is_public = document is not None and document.public_keys and header.height == 0
        return self._reliance.allow_old or is_public

    def _named(self, point: TrustPoint) -> Trust:
        """The header whose hash was given; the server cannot make up another one."""
        claim = self._server.finality(point.height) if point.height else None
        header = claim.headers[-1] if claim else self._lowest_header(point)
        if header.id != point.block_id:
            raise TrustContradicted(point.height, point.block_id, header.id)
        is_own = claim is not None and claim.validators.hash == header.vset_hash
        return Trust(header, claim.validators if claim and is_own else None)

    def _lowest_header(self, point: TrustPoint) -> Header:
        if point.height == 0 and self._reliance.document is not None:
            return genesis_trust(self._reliance.document).header
        latest = self._server.finality()
        at = latest.height if latest else 0
        found = self._server.header_proof(point.height, at) if at > point.height else None
        if found is None:
            raise OlderThanTrusted(point.height, at)
        return found[0]

    def _accept(self, claim: Finality) -> None:
        """Believe a claim from the trusted block on, and remember how far we came."""
        before = self._trust
        path_bytes = sum(len(header.raw) for header in claim.headers)
        self.effort.proof_bytes += len(encode(claim.certificate.encode())) + path_bytes
        trust = self._climb(claim)
        if not self._is_exempt(before.header):
            require_recent(before.header, trust.header.timestamp_ms, self._reliance.limit_ms)
        for header in (*self._below, before.header):
            if header.height < trust.header.height:
                self._require_ancestor(header, trust.header)
            elif header.id != trust.header.id:
                raise TrustContradicted(header.height, header.id, trust.header.id)
        self._trust, self._below = trust, []
        if self._stored is None or trust.header.height > self._stored.header.height:
            store_trust(self._reliance.trust_file, trust)
            self._stored = trust

    def _climb(self, claim: Finality) -> Trust:
        steps = climb(self._trust, claim, verify_many)
        anchor: Finality | None = None
        while True:
            try:
                with self.effort.timed():
                    epoch = next(steps) if anchor is None else steps.send(anchor)
            except StopIteration as ended:
                trust, self.effort.certificates = ended.value
                assert isinstance(trust, Trust), "that is what climbing ends with"
                return trust
            anchor = self._server.anchor(epoch)
            if anchor is None:
                raise PathBroken(claim.height)
            self.effort.proof_bytes += len(encode(anchor.certificate.encode()))

    def _ancestor(self, height: int, head: Header) -> Header:
        found = self._server.header_proof(height, head.height)
        if found is None or found[0].height != height:
            raise AncestorUnproven(height, head.height)
        header, proof = found
        with self.effort.timed():
            verify_ancestor_header(head, header, proof)
        self.effort.proof_bytes += len(header.raw) + len(proof.encode())
        return header

    def _require_ancestor(self, trusted: Header, head: Header) -> None:
        """Nobody may lead us to a chain that the trusted block does not lie on.

        Its voters have signed already, so a server that keeps no older blocks is no liar, as long
        as the block is not one that every node keeps.
        """
        try:
            header = self._ancestor(trusted.height, head)
        except RpcRefused as refusal:
            if refusal.name != "history_pruned":
                raise
            if self._is_kept_by_all(trusted.height, head.height):
                raise KeptByAll(trusted.height) from None
            self.effort.notes.append(
                f"the server does not keep block {trusted.height}, so only its voters connect it"
            )
            return
        if header.id != trusted.id:
            raise TrustContradicted(trusted.height, trusted.id, header.id)

    def _is_kept_by_all(self, height: int, head: int) -> bool:
        """Whether pruning leaves a header: the last ones, and the last one of each epoch."""
        document = self._reliance.document
        if height == 0 or height > head - CERTIFICATE_WINDOW_BLOCKS + PRUNED_BLOCKS_AT_ONCE:
            return True
        return document is not None and height % document.consensus.epoch_blocks == 0
