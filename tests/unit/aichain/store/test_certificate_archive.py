"""What leaves the vote log is kept within a bound, oldest first out."""

import logging
from pathlib import Path

import pytest

from aichain.store.certificate_archive import CertificateArchive
from tests.simulation.nodes.power import Power, PowerLost, supplied_by


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


def test_a_full_disk_loses_certificates_and_says_so_until_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive, power = CertificateArchive(tmp_path), Power(0)
    with supplied_by(power):
        archive.add([b"one"])
        power.fill_disk(tmp_path)
        archive.add([b"lost"])
        assert "No space left" in archive.trouble
        assert archive.trouble in caplog.text
        assert list(archive.records()) == [b"one"]
        power.spare(tmp_path)
        archive.add([b"two"])
    assert archive.trouble == ""
    assert list(archive.records()) == [b"one", b"two"]


def test_what_else_is_wrong_in_its_directory_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "my notes.certs").write_text("of an operator")
    (tmp_path / "0000000000.certs").mkdir()
    archive = CertificateArchive(tmp_path, max_bytes=1)
    archive.add([b"one"])
    assert "0000000000.certs" in archive.trouble
    (tmp_path / "file").touch()
    archive = CertificateArchive(tmp_path / "file")
    archive.add([b"two"])
    assert archive.trouble


def test_power_that_fails_ends_the_node(tmp_path: Path) -> None:
    archive, power = CertificateArchive(tmp_path), Power(0)
    power.fail_after(tmp_path, 0)
    with supplied_by(power), pytest.raises(PowerLost):
        archive.add([b"one"])
