"""Batches of one parameter set on their way through the device: copied in, verified, copied out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from native.gpu.device import Device, Mark, Memory
from native.gpu.kernels import launch
from native.gpu.keys import ResidentKeys
from native.gpu.sizes import MU_BYTES, POLYNOMIAL_BYTES, SIZES, Sizes
from native.gpu.staging import Messages, Sections, staging_bytes, write
from native.signatures import Algorithm, SignatureItem
from native.tally import Votes


@dataclass(frozen=True, slots=True)
class Limits:
    """How much goes to the device at once; its memory follows from that."""

    items: int = 8192
    fresh_keys: int = 4096
    """Keys that are expanded for one batch."""
    message_bytes: int = 4 << 20
    recent_keys: int = 1024
    """Keys that are kept besides the pinned ones, of each parameter set."""

    def __post_init__(self) -> None:
        assert self.items > 0
        assert self.fresh_keys > 0
        assert self.message_bytes >= 2 * 4096, "one message fits, however long"


@dataclass(frozen=True, slots=True)
class Bitmaps:
    """Bits on the device for the signers of valid votes, `words` of 32 for each group."""

    memory: Memory
    words: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one parameter set that fit the limits, and where their verdicts belong."""

    algorithm: Algorithm
    places: Sequence[int]
    items: Sequence[SignatureItem]
    messages: Messages
    votes: Votes | None = None


@dataclass(slots=True)
class Fence:
    """The last time that expanded keys were put where all batches look."""

    changed: Mark | None = None


@dataclass(slots=True)
class _Workspace:
    """Memory of the device between the kernels of one parameter set."""

    staged: Memory
    scratch_keys: Memory
    mu: Memory
    challenges: Memory
    w1: Memory


@dataclass(slots=True)
class _InFlight:
    batch: Batch
    done: Mark


class Pipeline:
    """One stream with all memory that a batch needs: one batch at a time. Two of them overlap the
    packing and copying of one batch with the kernels of the other."""

    def __init__(
        self, device: Device, limits: Limits, keys: Mapping[Algorithm, ResidentKeys], fence: Fence
    ) -> None:
        self._device = device
        self._limits = limits
        self._keys = keys
        self._fence = fence
        self._workspaces: dict[Algorithm, _Workspace] = {}
        self._in_flight: _InFlight | None = None
        self._stream = device.open_stream()
        largest = max(self._staging_bytes(each) for each in SIZES.values())
        self._staging = device.allocate_pinned(largest)
        self._verdicts = device.allocate(limits.items)
        self._verdicts_out = device.allocate_pinned(limits.items)

    @property
    def done(self) -> Mark | None:
        """When all that was begun is over; None if nothing was."""
        return self._in_flight.done if self._in_flight else None

    def collect(self, verdicts: list[bool]) -> None:
        """Wait for the batch that is under way, if there is one; its verdicts to their places."""
        if self._in_flight is None:
            return
        self._in_flight.done.synchronize()
        places, self._in_flight = self._in_flight.batch.places, None
        answers = self._verdicts_out.view[: len(places)].tolist()
        for place, answer in zip(places, answers, strict=True):
            verdicts[place] = answer == 1

    def start(self, batch: Batch, bitmaps: Bitmaps | None, others: Sequence[Mark]) -> None:
        """Begin with a batch; `others` are batches under way elsewhere."""
        assert self._in_flight is None, "collect comes first"
        sizes, space = SIZES[batch.algorithm], self._workspace(batch.algorithm)
        public_keys = [item.public_key for item in batch.items]
        placement = self._keys[batch.algorithm].place(public_keys, space.scratch_keys)
        fresh = {key: placement.addresses[key] for key in placement.fresh}
        addresses = [placement.addresses[key] for key in public_keys]
        sections = write(
            self._staging, space.staged, batch.items, batch.messages, addresses, fresh, batch.votes
        )
        self._stream.upload(self._staging, space.staged, sections.size)
        if self._fence.changed is not None:
            self._stream.wait(self._fence.changed)
        if placement.changes_residents:
            for mark in others:  # they may still read what stood there
                self._stream.wait(mark)
        self._expand(sizes, sections, len(fresh))
        if placement.changes_residents:
            self._fence.changed = self._stream.mark()
        self._verify(sizes, space, sections, len(batch.items))
        if bitmaps is not None:
            self._mark_votes(sections, bitmaps, len(batch.items))
        self._stream.download(self._verdicts, self._verdicts_out, len(batch.items))
        self._in_flight = _InFlight(batch, self._stream.mark())

    def expand(self, algorithm: Algorithm, addresses: dict[bytes, int]) -> None:
        """Expand keys where they will stay, some at a time; returns when that is done."""
        assert self._in_flight is None, "collect comes first"
        sizes, space = SIZES[algorithm], self._workspace(algorithm)
        keys = list(addresses)
        for first in range(0, len(keys), self._limits.fresh_keys):
            fresh = {key: addresses[key] for key in keys[first : first + self._limits.fresh_keys]}
            sections = write(self._staging, space.staged, (), Messages([], b""), (), fresh, None)
            self._stream.upload(self._staging, space.staged, sections.size)
            self._expand(sizes, sections, len(fresh))
            self._stream.mark().synchronize()

    def read_key(self, algorithm: Algorithm, address: int) -> bytes:
        """The bytes of an expanded key. For tests."""
        size = SIZES[algorithm].expanded_key_bytes
        to = self._device.allocate_pinned(size)
        self._stream.download(Memory(address, size, None), to, size)
        self._stream.mark().synchronize()
        return bytes(to.view)

    def _expand(self, sizes: Sizes, sections: Sections, count: int) -> None:
        arguments = (sections.fresh_keys, sections.fresh_addresses, count)
        suffix = sizes.suffix
        launch(self._stream, f"sample_matrix_{suffix}", count * sizes.streams, arguments)
        launch(self._stream, f"hash_keys_{suffix}", count, arguments)
        launch(self._stream, f"transform_t1_{suffix}", count, arguments)

    def _verify(self, sizes: Sizes, space: _Workspace, at: Sections, count: int) -> None:
        mu, challenges, w1 = space.mu.address, space.challenges.address, space.w1.address
        verdicts, suffix = self._verdicts.address, sizes.suffix
        parse = (at.signatures, at.keys, at.messages, at.ends, at.is_hashed, mu, challenges)
        launch(self._stream, f"parse_{suffix}", count, (*parse, verdicts, count))
        recover = (at.signatures, at.keys, challenges, w1, verdicts, count)
        launch(self._stream, f"recover_{suffix}", count, recover)
        compare = (at.signatures, mu, w1, verdicts, count)
        launch(self._stream, f"compare_{suffix}", count, compare)

    def _mark_votes(self, at: Sections, bitmaps: Bitmaps, count: int) -> None:
        votes = (self._verdicts.address, at.groups, at.signers, bitmaps.memory.address)
        launch(self._stream, "mark_votes", count, (*votes, bitmaps.words, count))

    def _workspace(self, algorithm: Algorithm) -> _Workspace:
        if algorithm not in self._workspaces:
            sizes, items = SIZES[algorithm], self._limits.items
            allocate = self._device.allocate
            self._workspaces[algorithm] = _Workspace(
                staged=allocate(self._staging_bytes(sizes)),
                scratch_keys=allocate(self._limits.fresh_keys * sizes.expanded_key_bytes),
                mu=allocate(items * MU_BYTES),
                challenges=allocate(items * POLYNOMIAL_BYTES),
                w1=allocate(items * sizes.w1_bytes),
            )
        return self._workspaces[algorithm]

    def _staging_bytes(self, sizes: Sizes) -> int:
        limits = self._limits
        return staging_bytes(sizes, limits.items, limits.message_bytes, limits.fresh_keys)
