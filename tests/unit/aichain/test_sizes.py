"""Sizes as people read them."""

import pytest

from aichain.sizes import show_size


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (24_000, "23.4 KiB"),
        (1024**2 - 1, "1023.9 KiB"),
        (1024**2, "1.0 MiB"),
        (5 * 1024**3 // 2, "2.5 GiB"),
        (3 * 1024**5, "3072.0 TiB"),
    ],
)
def test_one_decimal_and_no_unit_overrun(size_bytes: int, text: str) -> None:
    assert show_size(size_bytes) == text
