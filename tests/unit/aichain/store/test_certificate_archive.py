"""What leaves the vote log is kept within a bound, oldest first out."""

import logging
from pathlib import Path

import pytest

from aichain.store.certificate_archive import CertificateArchive


def test_records_come_back_in_their_order(tmp_path: Path) -> None:
    archive = CertificateArchive(tmp_path / "certificates")
    assert list(archive.records()) == []
    archive.add([])
    assert not (tmp_path / "certificates").exists()
    archive.add([b"one", b"", b"two"])
    archive.add([b"three"])
    assert list(CertificateArchive(tmp_path / "certificates").records()) == [
        b"one",
        b"",
        b"two",
        b"three",
    ]


def test_the_oldest_file_goes_first_and_the_newest_never(tmp_path: Path) -> None:
    archive = CertificateArchive(tmp_path, max_bytes=250)
    for number in range(5):
        archive.add([bytes([number]) * 100])
    assert [record[0] for record in archive.records()] == [3, 4]
    archive.add([bytes([9]) * 1_000])
    assert [record[0] for record in archive.records()] == [9]


def test_a_damaged_file_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = CertificateArchive(tmp_path)
    archive.add([b"one"])
    archive.add([b"two"])
    (path, _) = sorted(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    with caplog.at_level(logging.WARNING):
        assert list(archive.records()) == [b"two"]
    assert str(path) in caplog.text
