"""Receipts: their bytes, their root and the names of their attributes."""

from collections.abc import Sequence

import pytest

from native import codec
from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32
from tests.builders_vm import address
from vm.receipts import (
    EVENT_ATTRIBUTES,
    Event,
    EventKind,
    Form,
    Receipt,
    decode_receipt,
    encode_receipt,
    receipts_root,
)

SAMPLE: dict[Form, int | bytes] = {
    Form.ADDRESS: address(1),
    Form.AMOUNT: 10**30,
    Form.NUMBER: 7,
    Form.BYTES: b"memo",
}


def make_receipt(*, ok: bool = True, error: str = "", events: Sequence[Event] = ()) -> Receipt:
    return Receipt(Hash32(b"\x05" * 32), ok, error, 10**20, 3, tuple(events))


def make_event(kind: EventKind) -> Event:
    return Event(kind, tuple(SAMPLE[form] for _, form in EVENT_ATTRIBUTES[kind]))


def test_every_kind_of_event_survives_encoding() -> None:
    receipt = make_receipt(events=[make_event(kind) for kind in EventKind])
    assert decode_receipt(encode_receipt(receipt)) == receipt


def test_a_failed_receipt_keeps_its_error() -> None:
    receipt = make_receipt(ok=False, error="insufficient_balance")
    assert decode_receipt(encode_receipt(receipt)) == receipt


def test_attributes_are_named() -> None:
    names = [name for name, _, _ in make_event(EventKind.TRANSFERRED).attributes]
    assert names == ["sender", "to", "amount", "memo"]


def test_the_root_depends_on_order_and_content() -> None:
    one, two = make_receipt(), make_receipt(ok=False, error="x")
    roots = {receipts_root(each) for each in ([], [one], [two], [one, two], [two, one])}
    assert len(roots) == 5
    assert receipts_root([]) == ZERO_HASH


@pytest.mark.parametrize(
    "fields",
    [
        [bytes(32), 2, b"", bytes(16), bytes(16), []],
        [bytes(31), 1, b"", bytes(16), bytes(16), []],
        [bytes(32), 1, b"\xff", bytes(16), bytes(16), []],
        [bytes(32), 1, bytes(65), bytes(16), bytes(16), []],
        [bytes(32), 1, b"", bytes(16), bytes(16), [[99, []]]],
        [bytes(32), 1, b"", bytes(16), bytes(16), [[1, []]]],
        [bytes(32), 1, b"", bytes(16), bytes(16), [[7, [bytes(20)]]] * 17],
        [bytes(32), 1, b"", bytes(16), bytes(16)],
    ],
)
def test_what_is_no_receipt_is_refused(fields: codec.Encodable) -> None:
    with pytest.raises(DecodeError):
        decode_receipt(codec.encode(fields))
