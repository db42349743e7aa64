"""Batches of one parameter set on their way through the device: copied in, verified, copied out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from native.gpu.columns import Columns
from native.gpu.device import Device, Mark, Memory
from native.gpu.kernels import launch
from native.gpu.keys import Placement, ResidentKeys
from native.gpu.packing import Messages
from native.gpu.sizes import SIZES, Sizes
from native.gpu.staging import Sections, staging_bytes, write
from native.gpu.steps import Order, Workspace, orders_to_expand, orders_to_verify
from native.signatures import Algorithm
from native.tally import Votes

_NO_MESSAGES = Messages(None, (), b"", 0)


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
    """Items of one parameter set that fit the limits, part by part, and where their verdicts
    belong."""

    algorithm: Algorithm
    places: Sequence[int]
    columns: Columns
    messages: Messages
    votes: Votes | None = None


@dataclass(slots=True)
class Fence:
    """The last time that expanded keys were put where all batches look."""

    changed: Mark | None = None


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
        self._workspaces: dict[Algorithm, Workspace] = {}
        self._in_flight: _InFlight | None = None
        self._stream = device.open_stream()
        largest = max(self._staging_bytes(each) for each in SIZES.values())
        self._staging = device.allocate_pinned(largest)
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
        answers = map(bool, self._verdicts_out.view[: len(places)])
        if isinstance(places, range):
            verdicts[places.start : places.stop] = answers
        else:
            for place, answer in zip(places, answers, strict=True):
                verdicts[place] = answer

    def abandon(self) -> None:
        """Wait for the batch that is under way, if there is one, and forget it."""
        under_way, self._in_flight = self._in_flight, None
        if under_way is not None:
            under_way.done.synchronize()

    def start(self, batch: Batch, bitmaps: Bitmaps | None, others: Sequence[Mark]) -> None:
        """Begin with a batch; `others` are batches under way elsewhere."""
        assert self._in_flight is None, "collect comes first"
        sizes, space = SIZES[batch.algorithm], self._workspace(batch.algorithm)
        keys, public_keys = self._keys[batch.algorithm], batch.columns.public_keys
        with keys.placed(public_keys, space.scratch_keys) as placement:
            sections = self._stage(batch, space, placement)
            if self._fence.changed is not None:
                self._stream.wait(self._fence.changed)
            if placement.changes_residents:
                for mark in others:  # they may still read what stood there
                    self._stream.wait(mark)
            self._launch(orders_to_expand(sizes, sections, len(placement.fresh)))
            if placement.changes_residents:
                self._fence.changed = self._stream.mark()
        self._launch(orders_to_verify(sizes, space, sections, len(batch.places)))
        if bitmaps is not None:
            self._mark_votes(space, sections, bitmaps, len(batch.places))
        self._stream.download(space.verdicts, self._verdicts_out, len(batch.places))
        self._in_flight = _InFlight(batch, self._stream.mark())

    def expand(self, algorithm: Algorithm, addresses: dict[bytes, int]) -> None:
        """Expand keys where they will stay, some at a time; returns when that is done."""
        assert self._in_flight is None, "collect comes first"
        sizes, space = SIZES[algorithm], self._workspace(algorithm)
        keys = list(addresses)
        for first in range(0, len(keys), self._limits.fresh_keys):
            fresh = {key: addresses[key] for key in keys[first : first + self._limits.fresh_keys]}
            sections = write(self._staging, space.staged, (), _NO_MESSAGES, (), fresh, None)
            self._stream.upload(self._staging, space.staged, sections.size)
            self._launch(orders_to_expand(sizes, sections, len(fresh)))
            self._stream.mark().synchronize()

    def read_key(self, algorithm: Algorithm, address: int) -> bytes:
        """The bytes of an expanded key. For tests."""
        size = SIZES[algorithm].expanded_key_bytes
        to = self._device.allocate_pinned(size)
        self._stream.download(Memory(address, size, None), to, size)
        self._stream.mark().synchronize()
        return bytes(to.view)

    def _stage(self, batch: Batch, space: Workspace, placement: Placement) -> Sections:
        sections = write(
            self._staging,
            space.staged,
            batch.columns.signatures,
            batch.messages,
            placement.addresses,
            placement.fresh,
            batch.votes,
        )
        self._stream.upload(self._staging, space.staged, sections.size)
        return sections

    def _launch(self, orders: Sequence[Order]) -> None:
        for order in orders:
            launch(self._stream, *order)

    def _mark_votes(self, space: Workspace, at: Sections, bitmaps: Bitmaps, count: int) -> None:
        votes = (space.verdicts.address, at.groups, at.signers, bitmaps.memory.address)
        launch(self._stream, "mark_votes", count, (*votes, bitmaps.words, count))

    def _workspace(self, algorithm: Algorithm) -> Workspace:
        if algorithm not in self._workspaces:
            sizes, limits = SIZES[algorithm], self._limits
            self._workspaces[algorithm] = Workspace.allocate(
                self._device, sizes, limits.items, limits.fresh_keys, self._staging_bytes(sizes)
            )
        return self._workspaces[algorithm]

    def _staging_bytes(self, sizes: Sizes) -> int:
        limits = self._limits
        return staging_bytes(sizes, limits.items, limits.message_bytes, limits.fresh_keys)
