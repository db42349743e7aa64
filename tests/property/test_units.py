"""Amounts, addresses and peer ids in and out of text."""

from fractions import Fraction
from typing import Any

from eth_utils.address import is_checksum_address, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from genesis.units import (
    AI,
    U128_MAX,
    decode_amount,
    encode_amount,
    format_address,
    format_amount,
    parse_address,
    parse_amount,
    parse_hex,
)
from native.errors import InvalidData
from native.node_keys import parse_peer_id, peer_id_of_seed, peer_id_text

amounts = st.one_of(
    st.integers(0, U128_MAX), st.integers(0, 10**6).map(lambda number: number * AI // 1000)
)
addresses = st.binary(min_size=20, max_size=20)


@given(amounts)
def test_an_amount_survives_its_text_and_its_bytes(amount: int) -> None:
    text = format_amount(amount)
    assert parse_amount(text) == amount
    assert Fraction(text) * AI == amount
    assert decode_amount(encode_amount(amount)) == amount


@given(amounts)
def test_an_amount_is_written_without_needless_zeros(amount: int) -> None:
    text = format_amount(amount)
    whole, point, places = text.partition(".")
    assert whole == "0" or not whole.startswith("0")
    assert bool(point) == bool(places)
    assert not places.endswith("0")


@given(st.integers(0, 10**20), st.integers(0, 10**18 - 1))
def test_places_are_tenths_hundredths_and_so_on(whole: int, rest: int) -> None:
    assert parse_amount(f"{whole}.{rest:018}") == whole * AI + rest


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    try:
        amount = parse_amount(text)
    except InvalidData:
        return
    assert 0 <= amount <= U128_MAX
    assert text.isascii()


@given(addresses)
def test_our_checksum_is_that_of_ethereum(address: bytes) -> None:
    text = format_address(address)
    assert text == to_checksum_address(address)
    assert parse_address(text) == address


@given(addresses, st.data())
def test_mixed_capitals_are_accepted_only_as_the_checksum(address: bytes, data: Any) -> None:
    digits = address.hex()
    text = "0x" + "".join(digit.upper() if data.draw(st.booleans()) else digit for digit in digits)
    one_case = text[2:] in (digits.lower(), digits.upper())
    try:
        assert parse_address(text) == address
        assert one_case or is_checksum_address(text)
    except InvalidData:
        assert not one_case
        assert not is_checksum_address(text)


@given(st.text(max_size=50))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        assert len(parse_address(text)) == 20
    except InvalidData:
        pass


@given(st.binary(max_size=60))
def test_hexadecimal_survives_its_text(raw: bytes) -> None:
    assert parse_hex("0x" + raw.hex(), 60) == raw


@given(st.binary(min_size=32, max_size=32))
def test_peer_ids_survive_their_text(seed: bytes) -> None:
    raw = peer_id_of_seed(seed)
    assert parse_peer_id(peer_id_text(raw)) == raw


@given(st.text(max_size=60))
def test_any_text_is_a_peer_id_or_refused(text: str) -> None:
    try:
        assert peer_id_text(parse_peer_id(text)) == text
    except InvalidData:
        pass
