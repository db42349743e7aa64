"""Who a node is to its peers and where it listens: what a transport needs to be built."""

from dataclasses import dataclass, field

from native.hashing import Hash32
from native.node_keys import NODE_SEED_BYTES, peer_id_of_seed, peer_id_text
from native.signatures import SigningKey


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A node's keys and the one chain it speaks of."""

    network_id: int
    genesis_hash: Hash32
    node_seed: bytes = field(repr=False)
    validator_key: SigningKey | None = None
    agent: str = "aichain"

    def __post_init__(self) -> None:
        assert len(self.node_seed) == NODE_SEED_BYTES, "a node seed is 32 bytes"

    @property
    def peer_id_raw(self) -> bytes:
        """The peer id as genesis documents and signatures hold it."""
        return peer_id_of_seed(self.node_seed)

    @property
    def peer_id(self) -> str:
        """The peer id as text."""
        return peer_id_text(self.peer_id_raw)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Where to listen and whom to dial first.

    `announce` is the address others should dial when it differs from `listen` (behind a router).
    `loopback_only` refuses peers of other machines: founders' keys are public (ruling 9).
    """

    listen: str = "/ip4/127.0.0.1/tcp/3691"
    announce: str = ""
    bootstrap: tuple[str, ...] = ()
    loopback_only: bool = False
