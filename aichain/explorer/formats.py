"""Values as people read them: pure, and all text is escaped later, by the templates."""

from datetime import UTC, datetime
from typing import Final

from aichain.rpc.results.result import Result
from genesis.units import AI_DECIMALS

_SHOWN_DECIMALS: Final = 6
_THOUSAND: Final = 1000
_THIN: Final = "\u202f"
"""A narrow space that does not break: groups of digits stay one number."""
_YEAR_9999_MS: Final = 253_402_300_799_999


def count(value: int | str) -> str:
    """Digits in groups of three."""
    return f"{int(value):,}".replace(",", _THIN)


def amount(text: str) -> str:
    """Units of 10^-18 as AI with at most six decimals, cut off; `exact_amount` has them all."""
    whole, rest = divmod(int(text), 10**AI_DECIMALS)
    digits = f"{rest:0{AI_DECIMALS}}"[:_SHOWN_DECIMALS].rstrip("0")
    if not whole and not digits and rest:
        return "<0.000001"
    return count(whole) + (f".{digits}" if digits else "")


def coins(text: str) -> str:
    """As `amount`, and of thousands without decimals: for large figures."""
    whole = int(text) // 10**AI_DECIMALS
    return count(whole) if whole >= _THOUSAND else amount(text)


def exact_amount(text: str) -> str:
    """All 18 decimals, without needless zeros."""
    whole, rest = divmod(int(text), 10**AI_DECIMALS)
    digits = f"{rest:0{AI_DECIMALS}}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def utc(time_ms: int) -> str:
    """A moment, in seconds, as everybody's clock shows it."""
    if not 0 <= time_ms <= _YEAR_9999_MS:
        return f"{time_ms} ms"
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(time_ms: int) -> str:
    """The same for programs, with milliseconds."""
    if not 0 <= time_ms <= _YEAR_9999_MS:
        return ""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03}Z"


def short(text: str, digits: int = 6) -> str:
    """Both ends of a hash or an address."""
    if len(text) <= 2 * digits + 3:
        return text
    return f"{text[: digits + 2]}…{text[-digits:]}"


def permille(part: int, whole: int) -> int:
    """Rounded down; 0 of nothing."""
    return 1000 * part // whole if whole else 0


def percent(part: int, whole: int) -> str:
    """With one decimal, rounded down: 99.9 % is not all."""
    tenths = permille(part, whole)
    return f"{tenths // 10}.{tenths % 10} %"


def memo(text: str) -> str | None:
    """The bytes of `0x…` as text, where they are text and nothing else; None otherwise.

    Control characters, and those that turn the direction of writing, are no text here.
    """
    try:
        read = bytes.fromhex(text.removeprefix("0x")).decode()
    except ValueError:
        return None
    return read if read and read.isprintable() else None


def kind(result: Result) -> str:
    """Which of its alternatives a result is: the tag that its JSON carries."""
    return str(type(result).__struct_config__.tag)


def words(identifier: str) -> str:
    """`register_validator` and `registerValidator` as words."""
    spaced = "".join(f" {each.lower()}" if each.isupper() else each for each in identifier)
    return spaced.replace("_", " ").strip()
