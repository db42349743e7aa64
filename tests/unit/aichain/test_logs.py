"""Log lines: fields and context are shown, secrets and forged lines are not."""

import errno
import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aichain.logs import LogStyle, configure_logging
from aichain.node.run import _log_file

log = logging.getLogger("aichain.node.engine")
SECRET = "0011223344556677"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("aichain", "p2p", "aichain.node.engine"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def logged(style: LogStyle, level: str = "info", **levels: str) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(
        style, level, stream, levels={k.replace("_", "."): v for k, v in levels.items()}
    )
    return stream


def test_json_lines_carry_time_level_module_and_fields() -> None:
    stream = logged(LogStyle.JSON)
    log.info("block final", extra={"height": 7, "block_id": b"\x01\x02"})
    line = json.loads(stream.getvalue())
    assert line["message"] == "block final"
    assert (line["level"], line["module"]) == ("info", "aichain.node.engine")
    assert (line["height"], line["block_id"]) == (7, "0x0102")
    assert line["time_ms"] > 1_600_000_000_000


def test_human_lines_are_one_line() -> None:
    stream = logged(LogStyle.HUMAN)
    log.warning("peer left", extra={"reason": "bye\n12:00:00.000 info  forged"})
    (line,) = stream.getvalue().splitlines()
    assert "warn  node.engine  peer left" in line
    assert "\\n" in line


def test_secrets_are_hidden_by_name() -> None:
    for style in LogStyle:
        stream = logged(style)
        log.info("key loaded", extra={"seed": SECRET, "node_private_key": SECRET, "index": 3})
        assert SECRET not in stream.getvalue()
        assert "index" in stream.getvalue()


def test_long_bytes_are_cut() -> None:
    stream = logged(LogStyle.JSON)
    log.info("x", extra={"raw": bytes(5000)})
    assert "5000 bytes" in json.loads(stream.getvalue())["raw"]


def test_levels_are_per_module() -> None:
    stream = logged(LogStyle.HUMAN, "warning", p2p="debug")
    logging.getLogger("p2p.network").debug("shown")
    log.info("not shown")
    logging.getLogger("libp2p.noise").info("not ours")
    assert "shown" in stream.getvalue()
    assert "not " not in stream.getvalue()


def test_configuring_again_replaces_the_handler() -> None:
    first = logged(LogStyle.HUMAN)
    second = logged(LogStyle.JSON)
    log.info("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_exceptions_are_part_of_the_line() -> None:
    stream = logged(LogStyle.JSON)
    try:
        raise KeyError("gone")
    except KeyError:
        log.exception("failed")
    assert "KeyError" in json.loads(stream.getvalue())["exception"]


def test_a_file_gets_the_log_as_well() -> None:
    shown, kept = io.StringIO(), io.StringIO()
    configure_logging(LogStyle.HUMAN, "info", shown, file=kept)
    log.info("block final")
    assert shown.getvalue() == kept.getvalue()
    assert shown.getvalue().count("block final") == 1


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_on_a_full_disk_costs_its_own_lines_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = io.StringIO()
    configure_logging(LogStyle.HUMAN, "info", FullDisk(), file=stream)
    log.info("block final")
    assert stream.getvalue().endswith("block final\n")
    assert capsys.readouterr().err == ""


def test_a_line_that_cannot_be_made_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger().handlers[:] = []  # pytest's own would raise
    logged(LogStyle.HUMAN)
    log.info("%d blocks", "no number")
    assert "Traceback" in capsys.readouterr().err


def test_a_log_file_that_is_cut_by_a_rotation_goes_on_from_its_start(tmp_path: Path) -> None:
    """`copytruncate` of logrotate: no hole of zeros is left where the old lines were."""
    config: Any = SimpleNamespace(log_file=tmp_path / "node.log")
    with _log_file(config) as file:
        assert file is not None
        configure_logging(LogStyle.JSON, "info", io.StringIO(), file=file)
        logging.getLogger("aichain.rotation").info("before")
        os.truncate(config.log_file, 0)
        logging.getLogger("aichain.rotation").info("after")
        configure_logging(LogStyle.JSON, "info", io.StringIO())
    [line] = config.log_file.read_text().splitlines()
    assert json.loads(line)["message"] == "after"
