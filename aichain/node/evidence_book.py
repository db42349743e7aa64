"""Keeps the evidence of double signatures that this node has seen, ready to be handed over."""

from collections import OrderedDict

from consensus.evidence import Evidence, encode_evidence
from consensus.lanes.accusations import Accusation, encode_accusation
from genesis.limits import EVIDENCE_KEPT_MAX
from native.codec import encode
from native.hashing import Hash32, blake3_256


class EvidenceBook:
    """In memory, the oldest forgotten first: for who asks. `Accuser` brings them on chain."""

    def __init__(self, limit: int = EVIDENCE_KEPT_MAX) -> None:
        self._limit = limit
        self._held: OrderedDict[Hash32, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, evidence: Evidence) -> Hash32:
        """Keep it once; answers the BLAKE3 of its canonical bytes."""
        return self._keep(encode(encode_evidence(evidence)))

    def accuse(self, accusation: Accusation) -> Hash32:
        """The same for what was signed in a lane, which names its term and start, too."""
        return self._keep(encode(encode_accusation(accusation)))

    def _keep(self, raw: bytes) -> Hash32:
        name = blake3_256(raw)
        self._held[name] = raw
        while len(self._held) > self._limit:
            self._held.popitem(last=False)
        return name

    def held(self) -> tuple[bytes, ...]:
        """All of them, oldest first, as `consensus.evidence.decode_evidence` reads them."""
        return tuple(self._held.values())
