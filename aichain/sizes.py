"""Sizes as people read them."""

from typing import Final

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def show_size(size_bytes: int) -> str:
    """`900 B`, `23.4 KiB`, `1.0 MiB`: one decimal, rounded down, so that no unit is overrun."""
    if size_bytes < _STEP:
        return f"{size_bytes} B"
    tenths, unit = 10 * size_bytes // _STEP, 0
    while tenths >= 10 * _STEP and unit < len(_UNITS) - 1:
        tenths, unit = tenths // _STEP, unit + 1
    return f"{tenths // 10}.{tenths % 10} {_UNITS[unit]}"
