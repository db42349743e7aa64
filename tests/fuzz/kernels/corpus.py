"""Valid inputs of the target, one a parameter set and a few with every kind of message."""

import sys
from pathlib import Path

from native.signatures import Algorithm, SigningKey

MESSAGES = (b"", b"message", bytes(200))
CONTEXTS = (b"", b"aichain/vote/v1", bytes(255))


def write_corpus(folder: Path) -> None:
    """As `target.cpp` lays them out."""
    for selector, algorithm in enumerate(Algorithm):
        for number, (message, context) in enumerate(zip(MESSAGES, CONTEXTS, strict=True)):
            key = SigningKey.from_seed(bytes([number]) * 32, algorithm)
            signature = key.sign(message, context)
            parts = (signature, key.public_key, bytes([len(context)]), context, message)
            path = folder / f"{algorithm.name.lower()}-{number}"
            path.write_bytes(bytes([selector]) + b"".join(parts))


if __name__ == "__main__":
    write_corpus(Path(sys.argv[1]))
