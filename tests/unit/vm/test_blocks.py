"""Headers and bodies: ids, roots and exact decoding."""

from dataclasses import fields, replace
from typing import Any

import pytest

from native import codec
from native.errors import DecodeError, InvalidData
from native.hashing import ZERO_HASH, Hash32, derive_hash
from tests.builders_vm import build, make_state, make_transaction, seal
from vm.blocks import (
    Header,
    assemble_block,
    body_bytes,
    decode_body,
    decode_header,
    encode_body,
    genesis_header,
    item_bytes,
    require_body,
    transactions_root,
    witnesses_root,
)
from vm.errors import BodyMismatch

ORDER = [
    "version",
    "genesis_hash",
    "epoch",
    "view",
    "height",
    "parent_id",
    "parent_view",
    "proposer_index",
    "timestamp_ms",
    "tx_root",
    "witness_root",
    "parent_state_root",
    "parent_receipts_root",
    "parent_outbox_root",
    "header_mmr_root",
    "vset_hash",
    "next_vset_hash",
    "onion_reveal",
    "beacon_mix",
    "last_hard_height",
    "last_hard_id",
]


def make_header(**changes: Any) -> Header:
    header = build(make_state()).block.header
    return replace(header, **changes)


def test_a_header_has_the_fields_of_the_design_in_their_order() -> None:
    assert [each.name for each in fields(Header) if each.init] == ORDER
    header = make_header()
    assert codec.decode(header.raw, max_bytes=2_000, max_items=30) == [
        getattr(header, name) for name in ORDER
    ]


def test_the_block_id_commits_to_every_field() -> None:
    header = make_header()
    ids = {header.id}
    for name in ORDER:
        value = getattr(header, name)
        other: Any = value + 1 if isinstance(value, int) else b"\x01" * 32
        ids.add(replace(header, **{name: other}).id)
    assert len(ids) == len(ORDER) + 1
    assert header.id == derive_hash("aichain/block/v1", header.raw)


def test_a_header_survives_the_wire() -> None:
    header = make_header(view=2**63, timestamp_ms=2**64 - 1)
    assert decode_header(header.raw) == header
    assert decode_header(header.raw).id == header.id


def test_every_truncation_of_a_header_is_refused() -> None:
    raw = make_header().raw
    for size in range(len(raw)):
        with pytest.raises(DecodeError):
            decode_header(raw[:size])
    with pytest.raises(DecodeError):
        decode_header(raw + b"\x00")


@pytest.mark.parametrize(
    "fields_",
    [[], [1] * 21, [1] * 20, [bytes(32)] * 21, [[1]] * 21],
    ids=["empty", "integers", "short", "hashes", "nested"],
)
def test_an_array_of_other_things_is_no_header(fields_: codec.Encodable) -> None:
    with pytest.raises(DecodeError):
        decode_header(codec.encode(fields_))


def test_a_negative_field_cannot_be_built() -> None:
    with pytest.raises(TypeError):
        make_header(view=-1)


def test_a_body_survives_the_wire() -> None:
    for count in (0, 1, 15, 16):
        body = [seal(make_transaction(nonce=nonce)) for nonce in range(count)]
        raw = encode_body(body)
        assert decode_body(raw) == tuple(body)
        assert len(raw) == body_bytes(body)


def test_item_bytes_is_the_length_of_an_encoded_item() -> None:
    for size in (0, 255, 256, 65_535, 65_536):
        assert item_bytes(size) == len(codec.encode([bytes(size)])) - 1


def test_a_body_of_something_else_is_refused() -> None:
    values: list[codec.Encodable] = [[1], [[]], [b""], [b"\x92\x90\x90"]]
    for value in values:
        with pytest.raises(InvalidData):
            decode_body(codec.encode(value))
    with pytest.raises(DecodeError):
        decode_body(b"\xc0")


def test_another_body_blames_its_sender_and_not_the_block() -> None:
    first, second = seal(make_transaction()), seal(make_transaction(nonce=1))
    other_witness = seal(make_transaction(), reveal=False)
    header = make_header(
        tx_root=transactions_root([first, second]), witness_root=witnesses_root([first, second])
    )
    assert assemble_block(header, [first, second]).transactions == (first, second)
    for body, root in (
        ([], "tx_root"),
        ([first], "tx_root"),
        ([second, first], "tx_root"),
        ([first, second, second], "tx_root"),
        ([other_witness, second], "witness_root"),
    ):
        with pytest.raises(BodyMismatch) as caught:
            require_body(header, body)
        assert caught.value.root == root


def test_the_genesis_header_is_zero_but_for_what_it_means() -> None:
    header = genesis_header(Hash32(b"\x01" * 32), 5, Hash32(b"\x02" * 32), Hash32(b"\x03" * 32))
    assert header.beacon_mix == b"\x03" * 32
    assert header.height == header.view == header.epoch == 0
    assert header.vset_hash == header.next_vset_hash == b"\x02" * 32
    assert header.parent_id == header.tx_root == header.parent_state_root == ZERO_HASH
