"""Names of the protocols and gossip topics of one chain; two chains share the hello alone."""

from dataclasses import dataclass

from native.hashing import Hash32

HELLO = "/aichain/hello/1"
"""For every chain, so that nodes of two chains can tell each other, and their operators, so."""

_GENESIS_HASH_SHOWN_BYTES = 8


@dataclass(frozen=True, slots=True)
class Topics:
    """The libp2p protocol ids, one per stream kind, and the gossip topics."""

    hello: str
    consensus: str
    announcements: str
    requests: str
    finals: str

    @property
    def streams(self) -> tuple[str, str, str, str]:
        """The protocols that a node answers on."""
        return (self.hello, self.consensus, self.announcements, self.requests)


def topics_of(network_id: int, genesis_hash: Hash32) -> Topics:
    """The names that belong to this chain and, but for the hello's, to no other."""
    prefix = f"/aichain/{network_id}/{genesis_hash[:_GENESIS_HASH_SHOWN_BYTES].hex()}"
    return Topics(
        hello=HELLO,
        consensus=f"{prefix}/consensus/1",
        announcements=f"{prefix}/announcements/1",
        requests=f"{prefix}/requests/1",
        finals=f"{prefix}/finals/1",
    )
