"""The script for a machine with a GPU: that it runs whole, notices wrong answers, needs a GPU."""

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from native.gpu.emulated_device import emulation
from native.gpu.engine import GpuEngine
from native.signatures import SignatureItem

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"
SCRIPT = BENCHMARKS / "gpu_verify.py"

needs_emulation = pytest.mark.skipif(emulation is None, reason="installed without a C++ compiler")


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


@needs_emulation
def test_it_runs_whole_on_the_emulated_device() -> None:
    done = run("--emulated", "--signatures", "100")
    assert done.returncode == 0, done.stderr
    for line in ("device: emulated", "differ: 0", "kernel recover_65", "Merkle root", "counted"):
        assert line in done.stdout


def test_without_a_gpu_it_says_so() -> None:
    done = run(CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert done.stderr.startswith("no GPU to measure: ")
    assert done.stdout == ""


@needs_emulation
def test_a_wrong_answer_is_noticed_and_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = GpuEngine.verify
    calls = []

    def wrong_once(self: GpuEngine, items: Sequence[SignatureItem]) -> list[bool]:
        verdicts = truth(self, items)
        calls.append(len(items))
        if len(calls) == 2:
            verdicts[-1] = not verdicts[-1]
        return verdicts

    monkeypatch.setattr(GpuEngine, "verify", wrong_once)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", ["gpu_verify", "--emulated", "--signatures", "100"])
    assert importlib.import_module("gpu_verify").main() == 1
    told = capsys.readouterr()
    assert "60 asked, 1 differ" in told.err
    assert told.out == ""
