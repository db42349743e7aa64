"""Coverage-guided fuzzing of the decoders, where atheris is installed: python -m tests.fuzz."""

import importlib.util
import sys
import tempfile
from pathlib import Path

from tests.fuzz.decoders import decode_one

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    """Run until a failure or until the arguments say stop (-runs=N, -max_total_time=S)."""
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed: .venv/bin/pip install atheris (Python 3.11, Linux)")
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()
    with tempfile.TemporaryDirectory(prefix="aichain-fuzz-") as found:  # what it learns goes here
        folders = [found, str(CORPUS)]
        atheris.Setup([sys.argv[0], "-max_len=65536", *sys.argv[1:], *folders], decode_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
