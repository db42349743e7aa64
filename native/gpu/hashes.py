"""Many hashes, and Merkle trees, on the device. The twins are `hash_batches` and `merkle`."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from native.gpu.device import Device, Mark, Memory, PinnedMemory
from native.gpu.kernels import launch
from native.gpu.sections import SECTION_EXTRA_BYTES, SectionWriter
from native.hash_batches import KECCAK_PADDING, KEYED_MODE, SHA3_PADDING, sha3_256_many
from native.hashing import HASH_BYTES, ZERO_HASH, Hash32, keccak256, keyed_hash
from native.merkle import LEAF_KEY, NODE_KEY, root_of_top

CHUNK_BYTES = 1024
"""BLAKE3 hashes longer messages as trees of such chunks: those are left to the library."""

SHA3_MAX_BYTES = 4096
"""One lane would work on a longer message while all others wait."""

_KEY_BYTES, _END_BYTES = 32, 4
_SLOTS = 2


@dataclass(frozen=True, slots=True)
class HashLimits:
    """How much goes to the device at once."""

    items: int = 1 << 16
    message_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        assert self.items > 0
        assert self.message_bytes >= SHA3_MAX_BYTES, "one message fits"


@dataclass(frozen=True, slots=True)
class _Hash:
    """A kernel, what it needs besides messages, and who hashes what is longer than `max_bytes`."""

    kernel: str
    number: int
    """The mode of BLAKE3, or the padding of Keccak."""
    key: bytes
    max_bytes: int
    on_host: Callable[[bytes], bytes]


@dataclass(slots=True)
class _Slot:
    """What one piece of a batch is packed into; two of them, so that packing overlaps hashing."""

    staging: PinnedMemory
    staged: Memory
    busy: Mark | None = None


class GpuHashes:
    """Digests side by side, in order. One caller at a time; every call blocks."""

    def __init__(self, device: Device, limits: HashLimits | None = None) -> None:
        self._device = device
        self._limits = limits or HashLimits()
        self._stream = device.open_stream()
        sections = 3 * SECTION_EXTRA_BYTES + _KEY_BYTES
        size = self._limits.message_bytes + self._limits.items * _END_BYTES + sections
        self._slots = [
            _Slot(device.allocate_pinned(size), device.allocate(size)) for _ in range(_SLOTS)
        ]

    def keyed_hash_many(self, key: bytes, messages: Sequence[bytes]) -> bytes:
        """`keyed_hash` of each message."""
        return self._digests(_keyed(key), messages)

    def keccak256_many(self, messages: Sequence[bytes]) -> bytes:
        """`keccak256` of each message."""
        return self._digests(_KECCAK, messages)

    def sha3_256_many(self, messages: Sequence[bytes]) -> bytes:
        """SHA3-256 (FIPS 202) of each message."""
        return self._digests(_SHA3, messages)

    def merkle_root(self, leaves: Sequence[bytes]) -> Hash32:
        """`merkle.merkle_root` of these leaves; if none is long, only the top comes back."""
        if not leaves:
            return ZERO_HASH
        digests = self._device.allocate(len(leaves) * HASH_BYTES)
        if max(map(len, leaves)) <= CHUNK_BYTES:
            self._hash(_keyed(LEAF_KEY), leaves, digests)
        else:
            self._upload(self.keyed_hash_many(LEAF_KEY, leaves), digests)
        top = self._fold(digests, len(leaves))
        return root_of_top(len(leaves), Hash32(self._read(top, HASH_BYTES)))

    def _digests(self, hash_: _Hash, messages: Sequence[bytes]) -> bytes:
        short = [message for message in messages if len(message) <= hash_.max_bytes]
        digests = b""
        if short:
            memory = self._device.allocate(len(short) * HASH_BYTES)
            self._hash(hash_, short, memory)
            digests = self._read(memory, memory.size)
        if len(short) == len(messages):
            return digests
        ends = range(HASH_BYTES, len(digests) + 1, HASH_BYTES)
        parts = iter([digests[end - HASH_BYTES : end] for end in ends])
        return b"".join(
            next(parts) if len(message) <= hash_.max_bytes else hash_.on_host(message)
            for message in messages
        )

    def _hash(self, hash_: _Hash, messages: Sequence[bytes], digests: Memory) -> None:
        """Begin to put the digests of messages that are all short into `digests`."""
        done = 0
        for number, piece in enumerate(self._pieces(messages)):
            slot = self._slots[number % _SLOTS]
            if slot.busy is not None:
                slot.busy.synchronize()
            writer = SectionWriter(slot.staging.view, slot.staged.address)
            key = (writer.add(hash_.key),) if hash_.key else ()
            ends = writer.add(array("I", accumulate(map(len, piece))))
            first = writer.add(b"".join(piece))
            self._stream.upload(slot.staging, slot.staged, writer.size)
            to = digests.address + done * HASH_BYTES
            arguments = (first, ends, *key, to, hash_.number, len(piece))
            launch(self._stream, hash_.kernel, len(piece), arguments)
            slot.busy = self._stream.mark()
            done += len(piece)

    def _pieces(self, messages: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        first = 0
        while first < len(messages):
            piece = messages[first : first + self._limits.items]
            while sum(map(len, piece)) > self._limits.message_bytes:
                piece = piece[: (len(piece) + 1) // 2]
            first += len(piece)
            yield piece

    def _fold(self, digests: Memory, count: int) -> Memory:
        """The top of the tree over `count` digests; they are overwritten."""
        parents = self._device.allocate(-(-count // 2) * HASH_BYTES)
        slot = self._slots[0]
        if slot.busy is not None:
            slot.busy.synchronize()
        writer = SectionWriter(slot.staging.view, slot.staged.address)
        key = writer.add(NODE_KEY)
        self._stream.upload(slot.staging, slot.staged, writer.size)
        level, above = digests, parents
        while count > 1:
            arguments = (level.address, key, above.address, KEYED_MODE, count)
            count = -(-count // 2)
            launch(self._stream, "fold_pairs", count, arguments)
            level, above = above, level
        slot.busy = self._stream.mark()
        slot.busy.synchronize()  # what is not returned may be given back now
        return level

    def _upload(self, data: bytes, target: Memory) -> None:
        staging = self._device.allocate_pinned(len(data))
        staging.view[: len(data)] = data
        self._stream.upload(staging, target, len(data))
        self._stream.mark().synchronize()

    def _read(self, source: Memory, size: int) -> bytes:
        staging = self._device.allocate_pinned(size)
        self._stream.download(source, staging, size)
        self._stream.mark().synchronize()
        return bytes(staging.view[:size])


def _keyed(key: bytes) -> _Hash:
    assert len(key) == _KEY_BYTES
    return _Hash("hash_blake3", KEYED_MODE, key, CHUNK_BYTES, lambda each: keyed_hash(key, each))


_KECCAK = _Hash("hash_sha3", KECCAK_PADDING, b"", SHA3_MAX_BYTES, keccak256)
_SHA3 = _Hash("hash_sha3", SHA3_PADDING, b"", SHA3_MAX_BYTES, lambda each: sha3_256_many([each]))
