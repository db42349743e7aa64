"""Amounts and addresses: ranges, bytes, text."""

from typing import Any

import pytest

from genesis.errors import AmountOutOfRange, InvalidAddress, InvalidAmount
from genesis.units import (
    AI,
    U128_MAX,
    ZERO_ADDRESS,
    address_of_key,
    decode_amount,
    encode_amount,
    format_address,
    format_amount,
    parse_address,
    parse_amount,
    parse_hex,
    read_address,
)
from native.errors import DecodeError

# EIP-55, the examples of the proposal itself.
CHECKSUMMED = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("text", CHECKSUMMED)
def test_addresses_are_shown_with_the_eip_55_checksum(text: str) -> None:
    assert format_address(bytes.fromhex(text[2:])) == text
    assert parse_address(text).hex() == text[2:].lower()


@pytest.mark.parametrize("text", CHECKSUMMED)
def test_one_case_carries_no_checksum(text: str) -> None:
    address = parse_address(text)
    assert parse_address(text.lower()) == address
    assert parse_address("0x" + text[2:].upper()) == address
    assert parse_address("0X" + text[2:].upper()) == address


def test_a_mistyped_capital_is_refused() -> None:
    wrong = CHECKSUMMED[2].replace("Aeb", "aeb")
    with pytest.raises(InvalidAddress, match="EIP-55"):
        parse_address(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "0x1",
        "52908400098527886E0F7030069857D2E4169EE7",
        "0x" + "g" * 40,
        "0x" + "1" * 39,
        "0x" + "1" * 41,
        " 0x" + "1" * 40,
        "0x" + "1" * 40 + "\n",
        "0x" + "１" * 40,
    ],
)
def test_text_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_address(text)


def test_the_address_of_a_key_is_the_start_of_its_blake3() -> None:
    assert address_of_key(b"\1" * 32).hex() == "9515049071ed913149a80d3bb7891fcd4c6c1e3d"
    assert address_of_key(bytes(1952)).hex() == "844013f2d3b9b4a910f92eb6743c422d86a59ea6"


def test_a_decoded_address_has_20_bytes() -> None:
    assert read_address(bytes(20)) == ZERO_ADDRESS
    for value in (bytes(19), bytes(21), 5):
        with pytest.raises(DecodeError):
            read_address(value)


@pytest.mark.parametrize("amount", [0, 1, 2**64, U128_MAX])
def test_an_amount_is_16_bytes_big_endian(amount: int) -> None:
    assert encode_amount(amount) == amount.to_bytes(16, "big")
    assert decode_amount(encode_amount(amount)) == amount


@pytest.mark.parametrize("amount", [-1, U128_MAX + 1])
def test_an_amount_out_of_range_has_neither_bytes_nor_text(amount: int) -> None:
    for call in (encode_amount, format_amount):
        with pytest.raises(AmountOutOfRange) as refusal:
            call(amount)
        assert refusal.value.amount == amount


@pytest.mark.parametrize("value", [b"", bytes(15), bytes(17), 7, [1]])
def test_an_amount_of_another_size_is_refused(value: Any) -> None:
    with pytest.raises(DecodeError):
        decode_amount(value)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (1, "0.000000000000000001"),
        (AI, "1"),
        (AI * 3 // 2, "1.5"),
        (10 * AI, "10"),
        (1785 * 10**15, "1.785"),
        (U128_MAX, "340282366920938463463.374607431768211455"),
    ],
)
def test_amounts_are_written_exactly_in_ai(amount: int, text: str) -> None:
    assert format_amount(amount) == text
    assert parse_amount(text) == amount


@pytest.mark.parametrize(("text", "amount"), [("1.50", AI * 3 // 2), ("007", 7 * AI)])
def test_needless_zeros_are_read(text: str, amount: int) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1_000",
        "1,5",
        " 1",
        "1 ",
        "1\n",
        "0x10",
        "nan",
        "0." + "0" * 19,
        "1.5.5",
        "９",
        "1" * 22,
    ],
)
def test_text_that_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_amount(text)


def test_an_amount_past_128_bits_is_refused() -> None:
    with pytest.raises(AmountOutOfRange):
        parse_amount("340282366920938463463.374607431768211456")


def test_hexadecimal_is_read_within_its_bound() -> None:
    assert parse_hex("0x", 0) == b""
    assert parse_hex("0xAbcd", 2) == b"\xab\xcd"
    for text in ("", "abcd", "0xabc", "0xabcdef", "0xzz", "0X00", "0x 0", "0x0 "):
        with pytest.raises(DecodeError):
            parse_hex(text, 2)
