"""Ed25519 node keys as libp2p wants them: public key of a seed, and its peer id."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from native.errors import DecodeError

NODE_SEED_BYTES = 32
PEER_ID_TEXT_MAX = 128

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

# multihash "identity" of the protobuf {type: Ed25519, data: 32 bytes} (libp2p peer-ids spec)
_PEER_ID_PREFIX = bytes.fromhex("0024" + "08011220")


def node_public_key(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of a node seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def peer_id_of_seed(seed: bytes) -> bytes:
    """The raw libp2p peer id (38 bytes) of the node that holds this seed."""
    return _PEER_ID_PREFIX + node_public_key(seed)


def peer_id_text(peer_id: bytes) -> str:
    """The base58 form that multiaddrs show (`12D3Koo…`)."""
    number, digits = int.from_bytes(peer_id, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    zeros = len(peer_id) - len(peer_id.lstrip(b"\0"))
    return "1" * zeros + digits


def parse_peer_id(text: str) -> bytes:
    """The raw peer id of its base58 form."""
    if not 0 < len(text) <= PEER_ID_TEXT_MAX or any(digit not in _BASE58 for digit in text):
        raise DecodeError("a peer id is written in base58")
    number = 0
    for digit in text:
        number = number * 58 + _BASE58.index(digit)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes(-(-number.bit_length() // 8), "big")
