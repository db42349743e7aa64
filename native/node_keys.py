"""Ed25519 node keys as libp2p wants them: public key of a seed, and its peer id."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NODE_SEED_BYTES = 32

# multihash "identity" of the protobuf {type: Ed25519, data: 32 bytes} (libp2p peer-ids spec)
_PEER_ID_PREFIX = bytes.fromhex("0024" + "08011220")


def node_public_key(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of a node seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def peer_id_of_seed(seed: bytes) -> bytes:
    """The raw libp2p peer id (38 bytes) of the node that holds this seed."""
    return _PEER_ID_PREFIX + node_public_key(seed)
