"""What shows a stranger that blocks are final and a snapshot true, from the chain and its shelf."""

from typing import TypeAlias, assert_never

from aichain.chain import Chain
from aichain.store.decisions import finality_of
from aichain.store.snapshots import SnapshotShelf
from consensus.light import Finality
from p2p.wire.messages import (
    FinalityClaim,
    GetFinality,
    GetHeaderProof,
    GetManifest,
    GetPart,
    GetSnapshots,
    HeaderProof,
    SnapshotManifest,
    SnapshotOffers,
    SnapshotPart,
)

ProofRequest: TypeAlias = GetFinality | GetHeaderProof | GetSnapshots | GetManifest | GetPart
ProofAnswer: TypeAlias = (
    FinalityClaim | HeaderProof | SnapshotOffers | SnapshotManifest | SnapshotPart
)


class ProofAnswers:
    """Reads only. Answers for peers that join, and for a snapshot that is written to a file."""

    def __init__(self, chain: Chain, shelf: SnapshotShelf) -> None:
        self._chain = chain
        self._shelf = shelf

    def answer(self, request: ProofRequest) -> ProofAnswer:
        """The answer, empty where this is not kept. Blocking, but for offers and manifests."""
        match request:
            case GetFinality(height):
                return FinalityClaim(self._finality(height))
            case GetHeaderProof(height, at):
                return self._header_proof(height, at)
            case GetSnapshots():
                return SnapshotOffers(self._shelf.offers)
            case GetManifest(name):
                return SnapshotManifest(self._shelf.manifest(name) or b"")
            case GetPart(name, index):
                return SnapshotPart(self._shelf.part(name, index) or b"")
        assert_never(request)

    def _finality(self, height: int) -> Finality | None:
        if not 0 < height <= self._chain.head.head.height:
            return None
        return finality_of(self._chain.blocks, self._chain.decisions, height)

    def _header_proof(self, height: int, at: int) -> HeaderProof:
        blocks = self._chain.blocks
        if not height < at <= self._chain.head.head.height:
            return HeaderProof(b"", b"")
        header, proof = blocks.header_at(height), blocks.prove_header(height, at)
        if header is None or proof is None:
            return HeaderProof(b"", b"")
        return HeaderProof(header.raw, proof.encode())
