"""How many bytes of a block honest nodes take: the limits of the codec say so, nobody else."""

from functools import cache
from typing import Final

from genesis.limits import RESPONSE_MAX_BYTES
from native.errors import InvalidData
from native.hashing import ZERO_HASH
from p2p.wire.encoding import decode_response, encode_message
from p2p.wire.messages import BlockData, Blocks, GetBlocks

OVERSIZED_BYTES: Final = RESPONSE_MAX_BYTES


@cache
def is_taken(size_bytes: int) -> bool:
    """Whether a peer's answer with a body of this size is read."""
    payload = encode_message(Blocks((BlockData(b"", bytes(size_bytes)),)))
    try:
        decode_response(GetBlocks((ZERO_HASH,)), payload)
    except InvalidData:
        return False
    return True
