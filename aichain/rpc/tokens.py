"""The file of tokens: one a line, which callers of the listener show to be let in."""

import re
from pathlib import Path
from typing import Final

from aichain.errors import ConfigError
from aichain.regular_file import read_regular

TOKENS_MAX: Final = 64
FILE_MAX_BYTES: Final = 16 * 1024
_TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/-]{16,128}=*")
"""b68token of RFC 6750, and long enough that nobody guesses it."""
_OTHERS: Final = 0o077


def read_tokens(path: Path) -> tuple[bytes, ...]:
    """Lines that are empty or begin with # are skipped. ConfigError says what is wrong."""
    try:
        content, mode = read_regular(path, FILE_MAX_BYTES)
    except OSError as error:
        raise ConfigError(
            reason=f"{path}: {error.strerror}", fix="correct the path, or remove rpc.tokens"
        ) from None
    if mode & _OTHERS:
        raise ConfigError(reason=f"{path} can be read by others", fix=f"chmod 600 {path}")
    lines = [line.strip() for line in content.splitlines()]
    tokens = tuple(line for line in lines if line and not line.startswith(b"#"))
    if len(content) > FILE_MAX_BYTES or not 0 < len(tokens) <= TOKENS_MAX:
        raise ConfigError(
            reason=f"{path} holds 1 to {TOKENS_MAX} tokens, one a line",
            fix="openssl rand -hex 32 makes one",
        )
    if not all(map(_TOKEN.fullmatch, tokens)):
        raise ConfigError(
            reason=f"{path}: a token is 16 to 128 letters, digits and ._~+/-",
            fix="openssl rand -hex 32 makes one",
        )
    return tokens
