"""Segments give back what was appended, cut off a torn tail, and report all other damage."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from aichain.errors import StoreCorrupt, StoreFailed
from aichain.store.segments import BodyRecord, Position, SegmentFiles
from tests.integration.ledgers import record_writes


def make_record(height: int, size: int = 100) -> BodyRecord:
    return BodyRecord(height, b"header %d" % height, bytes([height % 251]) * size)


def make_files(directory: Path, heights: Iterable[int], **settings: int) -> list[Position]:
    files = SegmentFiles.create(directory, **settings)
    positions = [files.append([make_record(height)])[0] for height in heights]
    files.close()
    return positions


def open_after(directory: Path, position: Position, **settings: int) -> list[BodyRecord]:
    files, tail = SegmentFiles.open(directory, position, **settings)
    files.close()
    return [record for _, record in tail]


def test_records_are_read_back_with_their_headers_alone(tmp_path: Path) -> None:
    files = SegmentFiles.create(tmp_path / "blocks")
    positions = files.append([make_record(height) for height in range(5)])
    for height, position in enumerate(positions):
        assert files.read(position) == make_record(height)
        assert files.read_header(position) == b"header %d" % height
    files.close()


def test_a_group_is_synced_once_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = SegmentFiles.create(tmp_path / "blocks")
    order = record_writes(monkeypatch)
    files.append([make_record(1), make_record(2)])
    assert order == ["write", "write", "sync"]
    files.close()


def test_segments_are_bounded_and_the_old_ones_are_synced_first(tmp_path: Path) -> None:
    positions = make_files(tmp_path / "blocks", range(30), segment_bytes=1_000)
    assert positions[-1].segment > 1
    assert all(path.stat().st_size <= 1_000 for path in (tmp_path / "blocks").iterdir())
    found = open_after(tmp_path / "blocks", positions[2], segment_bytes=1_000)
    assert found == [make_record(height) for height in range(3, 30)]


def test_a_record_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    files = SegmentFiles.create(tmp_path / "blocks", segment_bytes=500)
    small, large, after = files.append([make_record(1), make_record(2, 2_000), make_record(3)])
    assert (small.segment, large.segment, after.segment) == (1, 2, 3)
    assert files.read(large) == make_record(2, 2_000)
    files.close()


def test_a_tail_torn_anywhere_is_cut_and_appending_goes_on(tmp_path: Path) -> None:
    directory = tmp_path / "blocks"
    positions = make_files(directory, [1, 2, 3])
    path = directory / "000001.seg"
    data = path.read_bytes()
    for cut in range(positions[0].end, len(data)):
        path.write_bytes(data[:cut])
        files, tail = SegmentFiles.open(directory, positions[0])
        whole = [p for p in positions[1:] if p.end <= cut]
        assert [record for _, record in tail] == [make_record(2), make_record(3)][: len(whole)]
        [again] = files.append([make_record(9)])
        assert files.read(again) == make_record(9)
        files.close()


@pytest.mark.parametrize("tail", [bytes(700), b"AISG", b"AISG" + b"\xff" * 40, b"\x01" * 4096])
def test_a_tail_of_zeros_or_noise_is_cut(tmp_path: Path, tail: bytes) -> None:
    directory = tmp_path / "blocks"
    positions = make_files(directory, [1, 2])
    path = directory / "000001.seg"
    data = path.read_bytes()
    path.write_bytes(data + tail)
    assert open_after(directory, positions[0]) == [make_record(2)]
    assert path.read_bytes() == data


def test_any_changed_bit_is_an_error_or_drops_the_last_record_only(tmp_path: Path) -> None:
    directory = tmp_path / "blocks"
    first, middle, last = make_files(directory, [1, 2, 3])
    path = directory / "000001.seg"
    data = path.read_bytes()
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        path.write_bytes(changed)
        if offset < last.offset:
            with pytest.raises(StoreCorrupt):
                open_after(directory, first)
        else:
            assert open_after(directory, first) == [make_record(2)]
        path.write_bytes(changed)
        damaged = next(p for p in (first, middle, last) if p.offset <= offset < p.end)
        files = SegmentFiles(directory)
        with pytest.raises(StoreCorrupt):
            files.read(damaged)


def test_damage_at_the_end_of_a_finished_segment_is_an_error(tmp_path: Path) -> None:
    directory = tmp_path / "blocks"
    positions = make_files(directory, range(20), segment_bytes=1_000)
    path = directory / "000001.seg"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreCorrupt):
        open_after(directory, positions[0], segment_bytes=1_000)


def test_a_missing_segment_is_an_error(tmp_path: Path) -> None:
    directory = tmp_path / "blocks"
    positions = make_files(directory, range(40), segment_bytes=1_000)
    (directory / "000002.seg").unlink()
    with pytest.raises(StoreCorrupt, match="missing"):
        open_after(directory, positions[-1], segment_bytes=1_000)
    with pytest.raises(StoreCorrupt, match="missing"):
        SegmentFiles(directory).read(Position(2, 0, 100))


def test_an_empty_last_segment_is_what_a_crash_while_rolling_over_leaves(tmp_path: Path) -> None:
    directory = tmp_path / "blocks"
    positions = make_files(directory, [1, 2])
    (directory / "000002.seg").touch()
    files, tail = SegmentFiles.open(directory, positions[0])
    assert len(tail) == 1
    [after] = files.append([make_record(3)])
    assert after == Position(2, 0, after.length)
    files.close()


def test_a_full_disk_is_a_typed_failure_and_ends_appending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = SegmentFiles.create(tmp_path / "blocks")
    [first] = files.append([make_record(1)])

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", no_space)
        with pytest.raises(StoreFailed):
            files.append([make_record(2)])
    with pytest.raises(StoreFailed):
        files.append([make_record(2)])
    assert files.read(first) == make_record(1)
    files.close()
    assert open_after(tmp_path / "blocks", first) == []


def test_a_folder_that_may_not_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [position] = make_files(tmp_path / "blocks", [1])

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        for reads in ("listdir", "scandir"):
            patch.setattr(os, reads, refuse)
        with pytest.raises(StoreFailed, match="Permission denied"):
            open_after(tmp_path / "blocks", position)
    assert open_after(tmp_path / "blocks", position) == []
