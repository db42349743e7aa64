"""Addresses and amounts: their ranges, their bytes and their text."""

import re
from functools import lru_cache
from typing import NewType

from genesis.errors import AmountOutOfRange, InvalidAddress, InvalidAmount
from native.codec import Value, blob
from native.errors import DecodeError
from native.hashing import blake3_256, keccak256

Address = NewType("Address", bytes)

ADDRESS_BYTES = 20
AMOUNT_BYTES = 16
AI_DECIMALS = 18
AI: int = 10**AI_DECIMALS
"""One coin in units of 10^-18; every amount in the code is an integer of these units."""

U64_MAX = 2**64 - 1
U128_MAX = 2**128 - 1
BPS = 10_000
"""Basis points in a whole."""

ZERO_ADDRESS = Address(bytes(ADDRESS_BYTES))

_AMOUNT_TEXT = re.compile(r"([0-9]{1,21})(?:\.([0-9]{1,18}))?", re.ASCII)
_ADDRESS_TEXT = re.compile(r"0[xX]([0-9a-fA-F]{40})", re.ASCII)


def address_of_key(public_key: bytes) -> Address:
    """The first 20 bytes of BLAKE3(public key). Two keys of one address cost about 2^80 work."""
    return Address(blake3_256(public_key)[:ADDRESS_BYTES])


def read_address(value: Value) -> Address:
    """A decoded field as an address; DecodeError if it is not 20 bytes."""
    return Address(blob(value, ADDRESS_BYTES))


@lru_cache(maxsize=4_096)
def format_address(address: bytes) -> str:
    """`0x` and 40 digits whose capitals are the EIP-55 checksum."""
    digits = address.hex()
    checksum = keccak256(digits.encode()).hex()
    shown = (
        digit.upper() if nibble >= "8" else digit
        for digit, nibble in zip(digits, checksum, strict=False)
    )
    return "0x" + "".join(shown)


def parse_address(text: str) -> Address:
    """The address in `text`. One case carries no checksum; mixed case must be the EIP-55 one."""
    found = _ADDRESS_TEXT.fullmatch(text)
    if found is None:
        raise InvalidAddress(text=text[:64], reason="an address is 0x and 40 hexadecimal digits")
    digits = found[1]
    address = Address(bytes.fromhex(digits))
    mixed = digits not in (digits.lower(), digits.upper())
    if mixed and format_address(address)[2:] != digits:
        raise InvalidAddress(text=text, reason="the checksum of its capitals is wrong (EIP-55)")
    return address


def encode_amount(amount: int) -> bytes:
    """16 bytes, big-endian: msgpack integers stop at 64 bits."""
    if not 0 <= amount <= U128_MAX:
        raise AmountOutOfRange(amount=amount)
    return amount.to_bytes(AMOUNT_BYTES, "big")


def decode_amount(value: Value) -> int:
    """The amount of a decoded field; DecodeError if it is not 16 bytes."""
    return int.from_bytes(blob(value, AMOUNT_BYTES), "big")


def format_amount(amount: int) -> str:
    """The amount in AI, exact, without needless zeros: `1.5`, `0.000000000000000001`, `7`."""
    if not 0 <= amount <= U128_MAX:
        raise AmountOutOfRange(amount=amount)
    whole, rest = divmod(amount, AI)
    return f"{whole}.{rest:0{AI_DECIMALS}}".rstrip("0").rstrip(".")


def parse_amount(text: str) -> int:
    """The amount written in AI with at most 18 decimal places; no sign, no exponent."""
    found = _AMOUNT_TEXT.fullmatch(text)
    if found is None:
        raise InvalidAmount(text=text[:64])
    amount = int(found[1]) * AI + int((found[2] or "").ljust(AI_DECIMALS, "0"))
    if amount > U128_MAX:
        raise AmountOutOfRange(amount=amount)
    return amount


def parse_hex(text: str, max_bytes: int) -> bytes:
    """The bytes of `0x…`, at most `max_bytes` of them; DecodeError otherwise."""
    digits = text[2:]
    if text[:2] != "0x" or len(digits) > 2 * max_bytes:
        raise DecodeError(f"expected 0x and at most {max_bytes} bytes in hexadecimal")
    if len(digits) % 2 or re.fullmatch(r"[0-9a-fA-F]*", digits, re.ASCII) is None:
        raise DecodeError("not hexadecimal")
    return bytes.fromhex(digits)
