"""The vote log: what was acknowledged is there, or the file is refused; nothing is ever guessed."""

import errno
import os
import struct
import time
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

from aichain.errors import StoreFailed, WalDamaged, WalForeign, WalLocked
from aichain.store.log_file import DiskFile, SlowFile
from aichain.store.wal import VoteWal, fingerprint_of, peek
from genesis import limits
from tests.integration.ledgers import record_writes

KEY = b"k" * 1952
CANCEL = b"cancel" + bytes(80)
"""Ends in zeros, as a vote for no block does."""
Groups: TypeAlias = list[list[bytes]]
GROUPS: Groups = [[b"prefer"], [CANCEL], [b"certificate" * 90, b"commit"], [CANCEL]]
RECORDS = [record for group in GROUPS for record in group]


def write_groups(directory: Path, groups: Groups = GROUPS) -> tuple[Path, list[int]]:
    """A log of these groups; its path, and where each frame ends."""
    wal = VoteWal.open(directory, KEY)
    ends = [wal.size_bytes]
    for group in groups:
        wal.append(*group)
        ends.append(wal.size_bytes)
    wal.close()
    return wal.path, ends


def reopen(directory: Path) -> list[bytes]:
    wal = VoteWal.open(directory, KEY)
    records = list(wal.records())
    wal.close()
    return records


def rest_of(groups: Groups) -> list[bytes]:
    return [record for group in groups for record in group]


def test_a_file_that_is_merely_there_says_nothing(tmp_path: Path) -> None:
    """Opening a log twice does not make it one that was signed from."""
    for _ in range(2):
        assert reopen(tmp_path) == []


def test_each_append_waits_for_a_slow_disk(tmp_path: Path) -> None:
    slow = partial(SlowFile, sync_delay_s=0.05)
    wal = VoteWal.open(tmp_path, KEY, file_of=slow)
    began = time.monotonic()
    for record in RECORDS[:3]:
        wal.append(record)
    assert time.monotonic() - began >= 3 * 0.05
    wal.close()
    assert reopen(tmp_path) == RECORDS[:3]


def test_records_come_back_in_order(tmp_path: Path) -> None:
    write_groups(tmp_path)
    assert reopen(tmp_path) == RECORDS


def test_deferred_records_travel_with_the_next_append(tmp_path: Path) -> None:
    wal = VoteWal.open(tmp_path, KEY)
    wal.defer(b"seen")
    assert wal.records() == ()
    wal.append(b"vote")
    assert wal.records() == (b"seen", b"vote")
    wal.append()
    for number in range(limits.WAL_DEFERRED_RECORDS + 5):
        wal.defer(b"%d" % number)
    wal.append()
    assert len(wal.records()) == 2 + limits.WAL_DEFERRED_RECORDS
    assert wal.records()[2] == b"5", "the oldest are the ones that are lost"
    wal.close()


def test_every_append_is_synced_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wal = VoteWal.open(tmp_path, KEY)
    order = record_writes(monkeypatch)
    wal.append(b"a", b"b", b"c")
    order.append("returned")
    assert order == ["write", "sync", "returned"], "one write and one sync for a group"
    wal.close()


def test_a_log_cut_anywhere_holds_the_whole_groups_before_the_cut(tmp_path: Path) -> None:
    path, ends = write_groups(tmp_path)
    data = path.read_bytes()
    for cut in range(ends[0], len(data)):
        path.write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends[1:])
        assert reopen(tmp_path) == rest_of(GROUPS[:whole]), f"cut at {cut}"


def test_a_cut_head_is_damage(tmp_path: Path) -> None:
    path, ends = write_groups(tmp_path)
    data = path.read_bytes()
    for cut in range(ends[0]):
        path.write_bytes(data[:cut])
        with pytest.raises(WalDamaged):
            reopen(tmp_path)


def test_any_changed_bit_is_damage_even_in_the_last_record(tmp_path: Path) -> None:
    path, _ = write_groups(tmp_path)
    data = path.read_bytes()
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        path.write_bytes(changed)
        with pytest.raises(WalDamaged):
            reopen(tmp_path)
        assert path.read_bytes() == bytes(changed), "a damaged file is kept as it is"


def test_zeros_after_the_last_record_are_a_torn_write(tmp_path: Path) -> None:
    path, _ = write_groups(tmp_path)
    data = path.read_bytes()
    for zeros in (1, 11, 12, 13, 500, 4096):
        path.write_bytes(data + bytes(zeros))
        assert reopen(tmp_path) == RECORDS
        assert path.read_bytes() == data, "the tail is cut off for good"


def test_a_last_frame_with_an_unwritten_sector_is_a_torn_write(tmp_path: Path) -> None:
    path, ends = write_groups(tmp_path, [[b"vote"], [b"certificate" * 300]])
    data = bytearray(path.read_bytes())
    sector = (ends[1] // 512 + 2) * 512
    data[sector : sector + 512] = bytes(512)
    path.write_bytes(data)
    assert reopen(tmp_path) == [b"vote"]


def test_a_last_frame_whose_first_sector_was_never_written_is_a_torn_write(tmp_path: Path) -> None:
    """Wherever in a sector it begins: no head of a frame lies in two of them."""
    for length in range(440, 530):
        path, ends = write_groups(tmp_path / str(length), [[bytes([7]) * length], [b"vote" * 200]])
        data = bytearray(path.read_bytes())
        boundary = (ends[1] // 512 + 1) * 512
        data[ends[1] : boundary] = bytes(boundary - ends[1])
        for cut in (0, 1, 300):
            path.write_bytes(data[: len(data) - cut])
            assert reopen(path.parent)[:1] == [bytes([7]) * length], (length, cut)


@pytest.mark.parametrize("length", [456, 460, 466])
def test_any_changed_bit_beside_the_end_of_a_sector_is_damage(tmp_path: Path, length: int) -> None:
    path, ends = write_groups(tmp_path, [[bytes([7]) * length], [b"vote"]])
    assert ends[1] < 512 < ends[2] - 16, "the second frame begins in the next sector"
    data = path.read_bytes()
    for offset in range(ends[1] - 20, len(data)):
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        path.write_bytes(changed)
        with pytest.raises(WalDamaged):
            reopen(tmp_path)


def test_a_hole_before_a_whole_record_is_damage(tmp_path: Path) -> None:
    path, ends = write_groups(tmp_path, [[b"certificate" * 300], [b"vote"]])
    data = bytearray(path.read_bytes())
    data[1024:1536] = bytes(512)
    path.write_bytes(data)
    with pytest.raises(WalDamaged) as caught:
        reopen(tmp_path)
    assert caught.value.offset == ends[0]


def test_a_record_that_was_taken_out_of_the_middle_is_damage(tmp_path: Path) -> None:
    path, ends = write_groups(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: ends[1]] + data[ends[1] + 3 :])
    with pytest.raises(WalDamaged):
        reopen(tmp_path)


def test_garbage_at_the_end_is_damage_not_a_torn_write(tmp_path: Path) -> None:
    path, _ = write_groups(tmp_path)
    path.write_bytes(path.read_bytes() + b"\xde\xad\xbe\xef" * 8)
    with pytest.raises(WalDamaged):
        reopen(tmp_path)


def test_appending_goes_on_after_a_torn_tail(tmp_path: Path) -> None:
    path, ends = write_groups(tmp_path)
    path.write_bytes(path.read_bytes()[: ends[-1] - 1])
    wal = VoteWal.open(tmp_path, KEY)
    assert wal.torn_bytes > 0
    wal.append(b"later")
    wal.close()
    assert reopen(tmp_path) == [*rest_of(GROUPS[:-1]), b"later"]


def test_one_signer_a_key(tmp_path: Path) -> None:
    wal = VoteWal.open(tmp_path, KEY)
    with pytest.raises(WalLocked) as caught:
        VoteWal.open(tmp_path, KEY)
    assert str(os.getpid()) in caught.value.holder
    other = VoteWal.open(tmp_path, b"another key")
    other.close()
    wal.close()
    VoteWal.open(tmp_path, KEY).close()


def test_two_homes_of_one_machine_do_not_share_a_key(tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    wal = VoteWal.open(tmp_path / "a", KEY, claims=claims)
    with pytest.raises(WalLocked) as caught:
        VoteWal.open(tmp_path / "b", KEY, claims=claims)
    assert str(os.getpid()) in caught.value.holder
    VoteWal.open(tmp_path / "b", b"another key", claims=claims).close()
    VoteWal.open(tmp_path / "c", KEY).close()  # a public key of a local network is not claimed
    wal.close()
    VoteWal.open(tmp_path / "b", KEY, claims=claims).close()


def test_a_claim_is_made_only_in_a_directory_of_our_own(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "claims").symlink_to(tmp_path / "theirs")
    with pytest.raises(StoreFailed):
        VoteWal.open(tmp_path / "a", KEY, claims=tmp_path / "claims")
    VoteWal.open(tmp_path / "a", KEY).close()


def test_the_log_of_another_key_is_refused(tmp_path: Path) -> None:
    path, _ = write_groups(tmp_path)
    other = b"another key"
    path.rename(path.with_name(fingerprint_of(other).hex() + ".wal"))
    with pytest.raises(WalForeign):
        VoteWal.open(tmp_path, other)


def test_a_refused_log_is_not_left_locked(tmp_path: Path) -> None:
    path, ends = write_groups(tmp_path)
    good = path.read_bytes()
    path.write_bytes(good[: ends[0] + 5] + b"x" + good[ends[0] + 6 :])
    with pytest.raises(WalDamaged):
        reopen(tmp_path)
    path.write_bytes(good)
    assert reopen(tmp_path) == RECORDS


def test_pruning_keeps_what_is_wanted_and_what_was_deferred(tmp_path: Path) -> None:
    wal = VoteWal.open(tmp_path, KEY)
    for number in range(50):
        wal.append(b"vote %d" % number)
    before = wal.size_bytes
    wal.defer(b"floor 47")
    wal.prune(lambda record: record.endswith((b"48", b"49", b"47")) and record != b"vote 47")
    assert wal.size_bytes < before
    assert wal.records() == (b"vote 48", b"vote 49", b"floor 47")
    wal.append(b"vote 50")
    wal.close()
    assert reopen(tmp_path) == [b"vote 48", b"vote 49", b"floor 47", b"vote 50"]


def test_a_crash_while_pruning_leaves_the_old_log(tmp_path: Path) -> None:
    path, _ = write_groups(tmp_path)
    path.with_name(path.name + ".new").write_bytes(b"half a file")
    assert reopen(tmp_path) == RECORDS


def test_after_a_failed_write_nothing_more_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wal = VoteWal.open(tmp_path, KEY)
    wal.append(b"vote")

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", no_space)
        with pytest.raises(StoreFailed):
            wal.append(b"never sent")
    with pytest.raises(StoreFailed):
        wal.append(b"not even now")
    with pytest.raises(StoreFailed):
        wal.prune(lambda record: True)
    wal.close()


def test_after_a_failed_rewrite_nothing_more_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file may have its name already: what goes to the old one would be lost."""
    wal = VoteWal.open(tmp_path, KEY)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(StoreFailed):
            wal.prune(lambda record: True)
    with pytest.raises(StoreFailed):
        wal.append(b"never sent")
    wal.close()


def test_a_refused_log_leaves_no_file_open(tmp_path: Path) -> None:
    path, _ = write_groups(tmp_path)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(WalDamaged):
        VoteWal.open(tmp_path, KEY)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_half_written_frame_is_cut_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wal = VoteWal.open(tmp_path, KEY)
    wal.append(b"vote")
    write = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        if offset > wal.size_bytes:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:7], offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", half)
        with pytest.raises(StoreFailed) as caught:
            wal.append(b"never sent")
    assert "No space left" in caught.value.reason
    wal.close()
    assert wal.path.stat().st_size == wal.size_bytes
    assert reopen(tmp_path) == [b"vote"]


def test_an_absurd_length_is_not_believed(tmp_path: Path) -> None:
    path, ends = write_groups(tmp_path)
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, ends[0], 2**31)
    path.write_bytes(data)
    with pytest.raises(WalDamaged):
        reopen(tmp_path)


def test_a_file_that_cannot_be_opened_again_is_trouble_with_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    file = DiskFile(path)
    really_open = os.open

    def refuse(name: Path, flags: int, *mode: int) -> int:
        if name == path and flags & os.O_RDWR:
            raise OSError(errno.EMFILE, "too many open files")
        return really_open(name, flags, *mode)

    with monkeypatch.context() as patched:
        patched.setattr("os.open", refuse)
        with pytest.raises(StoreFailed, match="too many open files"):
            file.replace(b"new")
    assert path.read_bytes() == b"new"
    file.close()


def test_what_a_rewrite_drops_is_shown_while_the_old_file_holds_it(tmp_path: Path) -> None:
    wal = VoteWal.open(tmp_path, KEY)
    for record in (b"one", b"two", b"three"):
        wal.append(record)
    wal.defer(b"four")
    seen: list[tuple[list[bytes], int]] = []
    wal.prune(
        lambda record: record == b"two", lambda gone: seen.append((list(gone), len(wal.records())))
    )
    assert seen == [([b"one", b"three", b"four"], 3)]
    wal.close()
    assert reopen(tmp_path) == [b"two"]


def test_anybody_may_read_a_log_without_its_key_or_its_lock(tmp_path: Path) -> None:
    """Of a torn one, what is whole; the file stays as it is."""
    path, ends = write_groups(tmp_path)
    wal = VoteWal.open(tmp_path, KEY)
    assert list(peek(path)) == RECORDS
    wal.close()
    raw = path.read_bytes()[: ends[-1] - 3]
    path.write_bytes(raw)
    assert list(peek(path)) == rest_of(GROUPS[:-1])
    assert path.read_bytes() == raw
