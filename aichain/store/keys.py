"""Database key layout: one prefix byte, then big-endian integers, so that order is numeric."""

from native.hashing import Hash32

SCHEMA_VERSION = 3

STATE = b"s|"
BLOCK = b"b|"
HEIGHT = b"h|"
CERTIFICATE = b"c|"
RECEIPTS = b"r|"
TRANSACTION = b"t|"
VALIDATORS = b"v|"
NODE = b"n|"
ANCHOR = b"a|"
DECISION = b"d|"
PART = b"j|"

TIP = b"m|tip"
SCHEMA = b"m|schema"
CHAIN = b"m|chain"
INDEXED = b"m|indexed"
FIRST = b"m|first"
DECIDED = b"m|decided"

HEIGHT_BYTES = 8


def state_key(key: bytes) -> bytes:
    """A key of the state tree (vm's own layout) as it lies in the database."""
    return STATE + key


def block_key(height: int) -> bytes:
    """Height to where its block lies, what it is and when it became final."""
    return BLOCK + height.to_bytes(HEIGHT_BYTES, "big")


def height_key(block_id: Hash32) -> bytes:
    """Final block id to its height."""
    return HEIGHT + block_id


def certificate_key(height: int) -> bytes:
    """Height to the FINAL certificate of its block, where one is kept."""
    return CERTIFICATE + height.to_bytes(HEIGHT_BYTES, "big")


def receipts_key(height: int) -> bytes:
    return RECEIPTS + height.to_bytes(HEIGHT_BYTES, "big")


def validators_key(epoch: int) -> bytes:
    """Epoch to its validator set, where it is another than that of the epoch before."""
    return VALIDATORS + epoch.to_bytes(HEIGHT_BYTES, "big")


def anchor_key(height: int) -> bytes:
    """The last height of an epoch to its header, where the block itself is pruned."""
    return ANCHOR + height.to_bytes(HEIGHT_BYTES, "big")


def decision_key(number: int) -> bytes:
    """The number of a checkpoint to what the hard lane decided, with its FINAL."""
    return DECISION + number.to_bytes(HEIGHT_BYTES, "big")


def part_key(index: int) -> bytes:
    """In a chain that is being joined: a part of the snapshot that is here."""
    return PART + index.to_bytes(4, "big")


def node_key(level: int, number: int) -> bytes:
    """A perfect tree of the header range to its root; level 0 are the leaves."""
    return NODE + level.to_bytes(1, "big") + number.to_bytes(HEIGHT_BYTES, "big")


def transaction_key(tx_id: Hash32) -> bytes:
    """In the index database: transaction id to height and place in the block."""
    return TRANSACTION + tx_id


def height_in(key: bytes, prefix: bytes) -> int:
    """The height that `key`, made with `prefix`, names."""
    return int.from_bytes(key[len(prefix) :], "big")
