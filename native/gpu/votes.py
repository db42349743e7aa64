"""Votes that are verified and counted on the device in one go: only verdicts and sums come back."""

from array import array
from collections.abc import Sequence

from native.gpu.device import Device, Memory
from native.gpu.engine import GpuEngine
from native.gpu.kernels import launch
from native.gpu.pipeline import Bitmaps
from native.gpu.sections import SECTION_EXTRA_BYTES, SectionWriter
from native.signatures import SignatureItem
from native.tally import Tally, Votes, require_countable

_WORD_BITS, _WORD_BYTES, _STAKE_BYTES = 32, 4, 8

COUNTED_BYTES_MAX = 64 << 20
"""Bitmaps and sums of all groups of one call."""


class VoteCounter:
    """Counts with an engine. One caller at a time."""

    def __init__(self, engine: GpuEngine) -> None:
        self._engine = engine
        self._device: Device = engine.device
        self._stream = engine.device.open_stream()

    def verify_and_tally(
        self, items: Sequence[SignatureItem], votes: Votes, stakes: Sequence[int], groups: int
    ) -> tuple[list[bool], list[Tally]]:
        """The verdicts, and what `tally_votes` makes of them. Blocks."""
        require_countable(items, votes, stakes, groups)
        words = max(1, -(-len(stakes) // _WORD_BITS))
        bitmap_bytes, sums_bytes = groups * words * _WORD_BYTES, groups * _STAKE_BYTES
        assert bitmap_bytes + sums_bytes <= COUNTED_BYTES_MAX, "too many groups to count at once"
        bitmaps = self._device.allocate(max(1, bitmap_bytes))
        self._stream.clear(bitmaps)
        self._stream.mark().synchronize()
        verdicts = self._engine.verify_votes(items, votes, Bitmaps(bitmaps, words))
        sums = self._device.allocate(max(1, sums_bytes))
        self._sum(bitmaps, stakes, words, sums, groups)
        bits, totals = self._read(bitmaps, bitmap_bytes), array("Q", self._read(sums, sums_bytes))
        size = -(-len(stakes) // 8)
        rows = [bits[group * words * _WORD_BYTES :][:size] for group in range(groups)]
        return verdicts, [Tally(row, total) for row, total in zip(rows, totals, strict=True)]

    def _sum(
        self, bitmaps: Memory, stakes: Sequence[int], words: int, sums: Memory, groups: int
    ) -> None:
        """Returns when the sums are there."""
        bits = words * _WORD_BITS
        size = bits * _STAKE_BYTES + SECTION_EXTRA_BYTES
        staging, staged = self._device.allocate_pinned(size), self._device.allocate(size)
        writer = SectionWriter(staging.view, staged.address)
        at = writer.add(array("Q", [*stakes, *[0] * (bits - len(stakes))]))
        self._stream.upload(staging, staged, writer.size)
        launch(self._stream, "sum_stakes", groups, (bitmaps.address, at, sums.address, words))
        self._stream.mark().synchronize()

    def _read(self, source: Memory, size: int) -> bytes:
        staging = self._device.allocate_pinned(max(1, size))
        self._stream.download(source, staging, size)
        self._stream.mark().synchronize()
        return bytes(staging.view[:size])
