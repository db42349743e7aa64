"""Which expanded keys stay on the device, and where; the rule is that of the CPU's key cache.

Validators' keys are pinned. A key that was never seen is expanded for its batch alone, so that a
flood of new keys evicts nothing; at its second sight it is kept, in place of the one that was not
used for the longest time.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from native.gpu.device import Device, Memory

SEEN_KEYS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the expanded keys of a batch are, one address an item; those of `fresh` will be there
    once they are expanded."""

    addresses: list[int]
    fresh: dict[bytes, int]
    changes_residents: bool
    """Whether one of them comes where another batch may look, or may still read another key."""


class ResidentKeys:
    """The expanded keys of one parameter set. Its owner serializes the calls."""

    def __init__(self, device: Device, key_bytes: int, recent_max: int) -> None:
        self._device = device
        self._key_bytes = key_bytes
        self._recent_max = recent_max
        self._pinned: dict[bytes, int] = {}
        self._pinned_memory: Memory | None = None
        self._recent: OrderedDict[bytes, int] = OrderedDict()  # the latest last
        self._recent_memory: Memory | None = None
        self._free: list[int] = []
        self._seen = [0] * SEEN_KEYS_MAX
        self.hits = self.misses = self.evictions = 0

    @property
    def pinned(self) -> int:
        """How many are kept for good."""
        return len(self._pinned)

    @property
    def recent(self) -> int:
        """How many others are kept."""
        return len(self._recent)

    def at(self, public_key: bytes) -> int:
        """Where a pinned key is."""
        return self._pinned[public_key]

    def missing(self, public_keys: Sequence[bytes]) -> list[bytes]:
        """Those that are not on the device, each once, in order."""
        if self._pinned_addresses(public_keys) is not None:
            return []
        distinct = dict.fromkeys(public_keys)
        return [key for key in distinct if key not in self._pinned and key not in self._recent]

    def place(self, public_keys: Sequence[bytes], scratch: Memory) -> Placement:
        """A place for each key: where it is, where it will stay, or in `scratch`, which has room
        for all that are missing."""
        pinned = self._pinned_addresses(public_keys)
        if pinned is not None:
            self.hits += len(public_keys)
            return Placement(pinned, {}, False)
        strangers, distinct = self.missing(public_keys), dict.fromkeys(public_keys)
        fresh: dict[bytes, int] = dict.fromkeys(strangers, 0)
        known = {key: self._find(key) for key in distinct if key not in fresh}
        changes = False
        for number, key in enumerate(strangers):
            kept = self._keep(key, distinct) if self._is_seen_again(key) else None
            changes = changes or kept is not None
            fresh[key] = scratch.address + number * self._key_bytes if kept is None else kept
        hits = sum(key in known for key in public_keys)
        self.hits += hits
        self.misses += len(public_keys) - hits
        places = {**known, **fresh}
        return Placement([places[key] for key in public_keys], fresh, changes)

    @contextmanager
    def placed(self, public_keys: Sequence[bytes], scratch: Memory) -> Iterator[Placement]:
        """`place` for those who expand the fresh keys inside; after an error there, none of them
        counts as being on the device."""
        placement = self.place(public_keys, scratch)
        try:
            yield placement
        except BaseException:
            for key in placement.fresh:
                if key in self._recent:
                    self._free.append(self._recent.pop(key))
            raise

    def _pinned_addresses(self, public_keys: Sequence[bytes]) -> list[int] | None:
        """What is usual: all keys are pinned."""
        addresses = list(map(self._pinned.get, public_keys))
        return None if None in addresses else addresses  # type: ignore[return-value]  # no None

    def allocate_pinned(self, public_keys: Sequence[bytes]) -> tuple[dict[bytes, int], Memory]:
        """Room for keys that will be pinned, each once."""
        distinct = dict.fromkeys(public_keys)
        memory = self._device.allocate(max(1, len(distinct)) * self._key_bytes)
        places = range(memory.address, memory.address + memory.size, self._key_bytes)
        return dict(zip(distinct, places, strict=False)), memory

    def pin(self, addresses: dict[bytes, int], memory: Memory) -> None:
        """These are expanded there and stay; those pinned before do not."""
        self._pinned, self._pinned_memory = addresses, memory
        for key in addresses:  # nothing is kept twice
            if key in self._recent:
                self._free.append(self._recent.pop(key))

    def _find(self, key: bytes) -> int:
        pinned = self._pinned.get(key)
        if pinned is not None:
            return pinned
        self._recent.move_to_end(key)
        return self._recent[key]

    def _is_seen_again(self, key: bytes) -> bool:
        """By a table of the last hash at each place: it forgets, and being wrong about who was
        seen costs or wins a place and nothing else."""
        number = hash(key)  # under a secret of this process
        place = number % SEEN_KEYS_MAX
        is_seen = self._seen[place] == number
        self._seen[place] = number
        return is_seen

    def _keep(self, key: bytes, in_use: dict[bytes, None]) -> int | None:
        """A place that stays; None if all belong to keys of this very batch."""
        if self._recent_max == 0:
            return None
        if self._recent_memory is None:
            memory = self._device.allocate(self._recent_max * self._key_bytes)
            self._recent_memory = memory
            self._free = list(range(memory.address, memory.address + memory.size, self._key_bytes))
        if self._free:
            address = self._free.pop()
        else:
            oldest = next(iter(self._recent))
            if oldest in in_use:  # then all are: those of this batch were used last
                return None
            address = self._recent.pop(oldest)
            self.evictions += 1
        self._recent[key] = address
        return address
