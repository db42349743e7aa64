"""Ed25519 node keys as libp2p wants them: public key of a seed, its peer id, what is one, and
signatures that a peer id alone checks."""

from cryptography.exceptions import InvalidSignature as _Refused
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from native.errors import InvalidPeerId

# multihash "identity" of the protobuf {type: Ed25519, data: 32 bytes} (libp2p peer-ids spec)
_PEER_ID_PREFIX = bytes.fromhex("0024" + "08011220")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

NODE_SEED_BYTES = 32
PEER_ID_BYTES = len(_PEER_ID_PREFIX) + 32
PEER_ID_MAX_CHARS = 64
NODE_SIGNATURE_BYTES = 64


def node_public_key(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of a node seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def peer_id_of_seed(seed: bytes) -> bytes:
    """The raw libp2p peer id (38 bytes) of the node that holds this seed."""
    return _PEER_ID_PREFIX + node_public_key(seed)


def sign_as_node(seed: bytes, message: bytes) -> bytes:
    """A node's signature; `message` begins with what it is for: libp2p signs with this key, too."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verify_node_signature(peer_id: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the node of this peer id signed that; False for what is no peer id or no key."""
    if not is_peer_id(peer_id):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(peer_id[len(_PEER_ID_PREFIX) :])
        key.verify(signature, message)
    except (_Refused, ValueError):
        return False
    return True


def is_peer_id(raw: bytes) -> bool:
    """Whether a libp2p node with an Ed25519 key could have this id."""
    return len(raw) == PEER_ID_BYTES and raw.startswith(_PEER_ID_PREFIX)


def peer_id_text(peer_id: bytes) -> str:
    """The base58 form that multiaddrs show (`12D3Koo…`)."""
    number, digits = int.from_bytes(peer_id, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    zeros = len(peer_id) - len(peer_id.lstrip(b"\0"))
    return "1" * zeros + digits


def parse_peer_id(text: str) -> bytes:
    """The raw peer id of its base58 form; InvalidPeerId if it is not one."""
    if len(text) > PEER_ID_MAX_CHARS or any(digit not in _BASE58 for digit in text):
        raise InvalidPeerId(text[:PEER_ID_MAX_CHARS])
    number = 0
    for digit in text:
        number = number * 58 + _BASE58.index(digit)
    zeros = len(text) - len(text.lstrip("1"))
    raw = bytes(zeros) + number.to_bytes(-(-number.bit_length() // 8), "big")
    if not is_peer_id(raw):
        raise InvalidPeerId(text)
    return raw
