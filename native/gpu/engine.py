"""The engine of a GPU: batches of any size, cut into pieces that two streams take in turn."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from native.gpu.columns import Columns, pick
from native.gpu.device import Device, DeviceFailed, Mark
from native.gpu.keys import ResidentKeys
from native.gpu.pipeline import Batch, Bitmaps, Fence, Limits, Pipeline
from native.gpu.sizes import SIZES
from native.gpu.staging import read_messages
from native.signatures import PUBLIC_KEY_BYTES, Algorithm, SignatureItem, algorithm_of
from native.tally import Votes

STREAMS = 2


@dataclass(frozen=True, slots=True)
class _Question:
    items: Sequence[SignatureItem]
    pure: bool = True
    votes: Votes | None = None
    bitmaps: Bitmaps | None = None


class GpuEngine:
    """Verdicts of ML-DSA from a device. Threads may call it; they wait for each other.

    A failure of the device is final: the engine answers nothing any more.
    """

    name = "gpu"

    def __init__(self, device: Device, limits: Limits | None = None) -> None:
        self.device = device
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._failure: DeviceFailed | None = None
        self._keys = {
            algorithm: ResidentKeys(device, sizes.expanded_key_bytes, self._limits.recent_keys)
            for algorithm, sizes in SIZES.items()
        }
        fence = Fence()
        self._pipelines = [
            Pipeline(device, self._limits, self._keys, fence) for _ in range(STREAMS)
        ]

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        """One verdict an item, in order. Blocks: an event loop goes through a thread."""
        with self._at_work():
            return self._verify(_Question(items))

    def verify_internal(self, items: Sequence[SignatureItem]) -> list[bool]:
        """The same for algorithm 8: no context, the message as it is. For test vectors."""
        with self._at_work():
            return self._verify(_Question(items, pure=False))

    def verify_votes(
        self, items: Sequence[SignatureItem], votes: Votes, bitmaps: Bitmaps
    ) -> list[bool]:
        """Verdicts, and in `bitmaps` a bit for each signer of a valid vote; see votes.py."""
        with self._at_work():
            return self._verify(_Question(items, votes=votes, bitmaps=bitmaps))

    def pin(self, public_keys: Sequence[bytes]) -> None:
        """Keep these keys expanded for good, and those pinned before no longer."""
        with self._at_work():
            for algorithm, keys in self._keys.items():
                size = PUBLIC_KEY_BYTES[algorithm]
                mine = [key for key in public_keys if len(key) == size]
                addresses, memory = keys.allocate_pinned(mine)
                self._pipelines[0].expand(algorithm, addresses)
                keys.pin(addresses, memory)

    def cache_counters(self) -> dict[str, int]:
        """Hits, misses and evictions so far; pinned and recent keys now."""
        names = ("hits", "misses", "evictions", "pinned", "recent")
        return {name: sum(getattr(keys, name) for keys in self._keys.values()) for name in names}

    def expanded_keys(self, public_keys: Sequence[bytes]) -> list[bytes]:
        """What the device holds of keys that are pinned. For tests."""
        with self._at_work():
            return [
                self._pipelines[0].read_key(
                    algorithm_of(key), self._keys[algorithm_of(key)].at(key)
                )
                for key in public_keys
            ]

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._lock:
            if self._failure is not None:
                raise self._failure
            try:
                yield
            except DeviceFailed as error:
                self._failure = error
                raise

    def _verify(self, question: _Question) -> list[bool]:
        verdicts = [False] * len(question.items)
        try:
            for number, batch in enumerate(self._batches(question)):
                pipeline = self._pipelines[number % STREAMS]
                pipeline.collect(verdicts)
                pipeline.start(batch, question.bitmaps, self._under_way())
            for pipeline in self._pipelines:
                pipeline.collect(verdicts)
        finally:  # after an error, so that the next call does not get these verdicts
            for pipeline in self._pipelines:
                pipeline.abandon()
        return verdicts

    def _under_way(self) -> list[Mark]:
        return [pipeline.done for pipeline in self._pipelines if pipeline.done is not None]

    def _batches(self, question: _Question) -> Iterator[Batch]:
        """Items of one parameter set, as many at a time as the limits allow; those of a wrong
        length in none."""
        columns = Columns.of(question.items)
        for algorithm, places in columns.places_by_algorithm():
            first = 0
            while first < len(places):
                piece = places[first : first + self._limits.items]
                batch = self._fitting(question, columns, algorithm, piece)
                first += len(batch.places)
                yield batch

    def _fitting(
        self, question: _Question, columns: Columns, algorithm: Algorithm, places: Sequence[int]
    ) -> Batch:
        """The first of these places, half of them as often as it takes."""
        while True:
            mine = columns.at(places)
            messages = read_messages(mine, pure=question.pure)
            if messages.size <= self._limits.message_bytes and self._has_room(algorithm, mine):
                return Batch(algorithm, places, mine, messages, _votes_at(question.votes, places))
            places = places[: (len(places) + 1) // 2]

    def _has_room(self, algorithm: Algorithm, columns: Columns) -> bool:
        public_keys, most = columns.public_keys, self._limits.fresh_keys
        return len(public_keys) <= most or len(self._keys[algorithm].missing(public_keys)) <= most


def _votes_at(votes: Votes | None, places: Sequence[int]) -> Votes | None:
    if votes is None:
        return None
    return Votes(pick(votes.groups, places), pick(votes.signers, places))
