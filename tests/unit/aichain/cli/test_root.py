"""The root of the command line: no way to be used ends in a traceback."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aichain.cli.exit_codes import CommandExit
from aichain.cli.root import Root

AICHAIN = (sys.executable, "-m", "aichain")


@click.command()
@click.argument("number", type=int)
@click.argument("name", default="")
def fail_at(number: int, name: str) -> None:
    """Fails as the operating system does."""
    raise OSError(number, os.strerror(number), *([name] if name else []))


ROOT = Root(name="aichain", lazy={}, purpose="", epilog="")
ROOT.add_command(fail_at, "fail-at")


def run_with(stdout: int, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*AICHAIN, *arguments),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environ,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("--help",), ("version", "--json"), ("keys", "--help")])
def test_a_reader_that_went_away_is_no_error_of_ours(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_with(writing, *arguments)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (CommandExit.OUTPUT_CLOSED, "")


def test_a_closed_output_is_no_traceback() -> None:
    command = f"{' '.join(AICHAIN)} version >&- 2>err; test ! -s err"
    assert subprocess.run(["sh", "-c", command], cwd="/tmp", check=False).returncode == 0


def test_a_full_disk_under_the_output_is_an_error_with_a_fix() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = run_with(full, "version")
    finally:
        os.close(full)
    assert done.returncode == CommandExit.FAILED
    assert re.fullmatch(r"error: No space left .+\nfix:   free .+\n", done.stderr)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_an_output_that_lacks_a_letter_shows_its_number(tmp_path: Path, encoding: str) -> None:
    folder = os.fsdecode(bytes(tmp_path) + b"/k\xff")
    (tmp_path / "pass").write_text("open sesame")
    options = ("--keys-dir", folder, "--password-file", str(tmp_path / "pass"))
    done = run_with(
        subprocess.PIPE, "keys", "new", "a", "--no-words", *options, PYTHONIOENCODING=encoding
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert r"/k\udcff/a.key" in done.stdout


@pytest.mark.parametrize(
    ("number", "name", "cause", "fix"),
    [
        (errno.ENOSPC, "", "No space left on device", "free some disk space"),
        (errno.ENOSPC, "a", "a: No space left on device", "free some disk space"),
        (errno.ENAMETOOLONG, "a", "a: File name too long", "choose a shorter name"),
        (errno.EMFILE, "a", "a: Too many open files", "ulimit -n"),
        (errno.EACCES, "a", "a: Permission denied", "check the path and its permissions"),
        (errno.ENOTDIR, "a\udcff", "a\ufffd: Not a directory", "choose another path"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_helps(
    number: int, name: str, cause: str, fix: str
) -> None:
    done = CliRunner().invoke(ROOT, ["fail-at", str(number), name])
    assert done.exit_code == CommandExit.FAILED
    shown_cause, shown_fix = done.stderr.splitlines()
    assert shown_cause == f"error: {cause}"
    assert shown_fix.startswith(f"fix:   {fix}")
