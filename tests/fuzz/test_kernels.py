"""The kernels under sanitizers, fuzzed for a few seconds: `kernels/run` does it for longer."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "kernels"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler here")
def test_damaged_keys_and_signatures_get_one_verdict_from_all_kernels() -> None:
    environment = {**os.environ, "CXX": "g++"}
    done = subprocess.run(
        [FOLDER / "run", "10"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    inputs = re.search(r"^(\d+) inputs\n(\d+) of them valid$", done.stdout, re.MULTILINE)
    assert inputs is not None
    assert int(inputs[1]) > 100
    assert int(inputs[2]) > 0
