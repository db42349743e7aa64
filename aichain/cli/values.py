"""Values on the command line, each checked where it is read, before anything is asked or sent."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from aichain.config_values import is_http_url
from genesis.entries import NAME_TEXT
from genesis.errors import InvalidAddress
from genesis.limits import MEMO_MAX_BYTES, NAME_MAX_CHARS
from genesis.units import Address, parse_address, parse_amount
from native.errors import InvalidData, InvalidPeerId
from native.hashing import HASH_BYTES, Hash32, hash32
from native.node_keys import parse_peer_id

LATEST: Final = "latest"
HEIGHT_MAX: Final = 2**63 - 1
SECONDS_MAX: Final = 7 * 24 * 3600

_HASH: Final = re.compile(rf"(?:0x)?([0-9a-fA-F]{{{2 * HASH_BYTES}}})", re.ASCII)
_HEIGHT: Final = re.compile(r"[0-9]{1,19}", re.ASCII)


class Value(click.ParamType[Any]):
    """What `read` makes of a text; its ValueError says what was expected."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(
        self,
        value: Any,  # noqa: ANN401 as click declares it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 as click declares it
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SomePath(click.Path):
    """A path that is not empty: `--home "$UNSET"` must not mean the folder one stands in."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 as click declares it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 as click declares it
        if value == "":
            self.fail("it is empty; write a path", param, ctx)
        return super().convert(value, param, ctx)


def read_amount(text: str) -> int:
    """Units of 10^-18 AI."""
    try:
        return parse_amount(text)
    except InvalidData:
        raise ValueError(f"{_shown(text)} is not an amount of AI such as 1.5") from None


def read_positive_amount(text: str) -> int:
    amount = read_amount(text)
    if amount == 0:
        raise ValueError("the amount is zero; write one above it, such as 1.5")
    return amount


def read_memo(text: str) -> bytes:
    try:
        memo = text.encode()
    except UnicodeEncodeError:
        raise ValueError("the memo is not text in UTF-8") from None
    if len(memo) > MEMO_MAX_BYTES:
        raise ValueError(f"the memo has {len(memo)} bytes, and {MEMO_MAX_BYTES} are the most")
    return memo


def read_peer_id(text: str) -> bytes:
    try:
        return parse_peer_id(text)
    except InvalidPeerId:
        raise ValueError(
            f"{_shown(text)} is not the peer id of a node, such as 12D3Koo… (`aichain init`"
            " prints yours)"
        ) from None


def read_name(text: str) -> str:
    """Of a network or of a founder, as documents hold it."""
    if NAME_TEXT.fullmatch(text) is None:
        raise ValueError(f"{_shown(text)} is not a name: 1 to {NAME_MAX_CHARS} of a-z, 0-9 and -")
    return text


def read_hash(text: str) -> str:
    """As the RPC writes it."""
    found = _HASH.fullmatch(text)
    if found is None:
        raise ValueError(f"{_shown(text)} is not a hash: 0x and {2 * HASH_BYTES} digits")
    return "0x" + found[1].lower()


def read_hash_bytes(text: str) -> Hash32:
    return hash32(bytes.fromhex(read_hash(text)[2:]))


def read_height(text: str) -> int:
    if _HEIGHT.fullmatch(text) is None or int(text) > HEIGHT_MAX:
        raise ValueError(f"{_shown(text)} is not a height: a number from 0 to 2^63-1")
    return int(text)


def read_trust_point(text: str) -> tuple[int, Hash32]:
    """A height and the hash of its block."""
    height, _, block_id = text.partition(":")
    try:
        return read_height(height), read_hash_bytes(block_id)
    except ValueError:
        raise ValueError(
            f"{_shown(text)} is not a block such as 1200:0x… with its {2 * HASH_BYTES} digits"
        ) from None


def read_address(text: str) -> Address:
    try:
        return parse_address(text)
    except InvalidAddress as error:
        raise ValueError(f"{_shown(text)}: {error.reason}") from None


def read_block_id(text: str) -> int | str:
    """A height, a hash, or `latest`."""
    if text == LATEST:
        return LATEST
    try:
        return read_hash(text) if len(text) >= 2 * HASH_BYTES else read_height(text)
    except ValueError:
        raise ValueError(
            f"{_shown(text)} is neither a height such as 10 nor a hash of 0x and"
            f" {2 * HASH_BYTES} digits"
        ) from None


def read_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= SECONDS_MAX:
        raise ValueError(f"{_shown(text)} is not a time: seconds above 0, at most {SECONDS_MAX}")
    return seconds


def read_http_url(text: str) -> str:
    if not is_http_url(text):
        raise ValueError(f"{_shown(text)} is not an address such as https://HOST/PATH")
    return text


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:60] + "…")


AMOUNT: Final = Value("AI", read_amount)
POSITIVE_AMOUNT: Final = Value("AI", read_positive_amount)
MEMO: Final = Value("text", read_memo)
PEER_ID: Final = Value("peer id", read_peer_id)
NAME: Final = Value("name", read_name)
HASH: Final = Value("hash", read_hash)
RAW_HASH: Final = Value("hash", read_hash_bytes)
HEIGHT: Final = Value("height", read_height)
TRUST_POINT: Final = Value("height:hash", read_trust_point)
ADDRESS: Final = Value("address", read_address)
BLOCK: Final = Value("height|hash", read_block_id)
HTTP_URL: Final = Value("url", read_http_url)
SECONDS: Final = Value("seconds", read_seconds)
FILE: Final = SomePath(path_type=Path, dir_okay=False)
EXISTING_FILE: Final = SomePath(path_type=Path, dir_okay=False, exists=True)
FOLDER: Final = SomePath(path_type=Path, file_okay=False)
