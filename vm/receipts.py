"""What became of each transaction of a block: its status, its cost, and the events it caused."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from genesis.limits import ERROR_CODE_MAX_BYTES, RECEIPT_EVENTS_MAX, RECEIPT_MAX_BYTES
from genesis.units import Address, decode_amount, encode_amount, read_address
from native import codec
from native.errors import DecodeError
from native.hashing import Hash32, hash32
from native.merkle import merkle_root
from vm.transactions import SignedTransaction


class EventKind(IntEnum):
    """What happened, by its number in an encoded receipt."""

    TRANSFERRED = 1
    ACCOUNT_CREATED = 2
    VALIDATOR_REGISTERED = 3
    STAKED = 4
    UNSTAKED = 5
    WITHDRAWN = 6
    UNJAILED = 7
    ONION_RENEWED = 8
    VALIDATOR_SLASHED = 9
    VOTES_COUNTED = 10


class Form(Enum):
    """How an attribute is written, and how a reader should show it."""

    ADDRESS = auto()
    AMOUNT = auto()
    NUMBER = auto()
    BYTES = auto()


EVENT_ATTRIBUTES: dict[EventKind, tuple[tuple[str, Form], ...]] = {
    EventKind.TRANSFERRED: (
        ("sender", Form.ADDRESS),
        ("to", Form.ADDRESS),
        ("amount", Form.AMOUNT),
        ("memo", Form.BYTES),
    ),
    EventKind.ACCOUNT_CREATED: (("address", Form.ADDRESS), ("fee_burned", Form.AMOUNT)),
    EventKind.VALIDATOR_REGISTERED: (
        ("address", Form.ADDRESS),
        ("index", Form.NUMBER),
        ("stake", Form.AMOUNT),
    ),
    EventKind.STAKED: (
        ("owner", Form.ADDRESS),
        ("role", Form.NUMBER),
        ("target", Form.ADDRESS),
        ("amount", Form.AMOUNT),
    ),
    EventKind.UNSTAKED: (
        ("owner", Form.ADDRESS),
        ("role", Form.NUMBER),
        ("target", Form.ADDRESS),
        ("amount", Form.AMOUNT),
        ("matures_at", Form.NUMBER),
    ),
    EventKind.WITHDRAWN: (("owner", Form.ADDRESS), ("amount", Form.AMOUNT)),
    EventKind.UNJAILED: (("address", Form.ADDRESS),),
    EventKind.ONION_RENEWED: (
        ("address", Form.ADDRESS),
        ("epoch", Form.NUMBER),
        ("length", Form.NUMBER),
    ),
    EventKind.VALIDATOR_SLASHED: (
        ("address", Form.ADDRESS),
        ("slashed", Form.AMOUNT),
        ("reward", Form.AMOUNT),
        ("slashed_of_earlier", Form.AMOUNT),
    ),
    EventKind.VOTES_COUNTED: (("epoch", Form.NUMBER), ("votes", Form.NUMBER)),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a receipt's log: the values of EVENT_ATTRIBUTES[kind], in that order."""

    kind: EventKind
    values: tuple[int | bytes, ...]

    @property
    def attributes(self) -> tuple[tuple[str, Form, int | bytes], ...]:
        """Name, form and value of each attribute."""
        named = zip(EVENT_ATTRIBUTES[self.kind], self.values, strict=True)
        return tuple((name, form, value) for (name, form), value in named)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A charged transaction: `ok`, or the code of the rule it broke and no effect but its cost."""

    tx_id: Hash32
    ok: bool
    error: str
    fee_burned: int
    tip: int
    events: tuple[Event, ...]


def touched_accounts(
    transactions: Sequence[SignedTransaction], receipts: Sequence[Receipt]
) -> dict[Address, list[int]]:
    """Whose the transactions of a block are, by index: senders, and whoever their events name."""
    touched: dict[Address, list[int]] = {}
    for index, (signed, receipt) in enumerate(zip(transactions, receipts, strict=True)):
        named = {signed.transaction.sender}
        for event in receipt.events:
            for _, form, value in event.attributes:
                if form is Form.ADDRESS and isinstance(value, bytes):
                    named.add(Address(value))
        for address in named:
            touched.setdefault(address, []).append(index)
    return touched


def receipts_root(receipts: Sequence[Receipt]) -> Hash32:
    """Merkle root over the encoded receipts of a block, in order."""
    return merkle_root([encode_receipt(receipt) for receipt in receipts])


def encode_receipt(receipt: Receipt) -> bytes:
    return codec.encode(
        [
            receipt.tx_id,
            int(receipt.ok),
            receipt.error.encode(),
            encode_amount(receipt.fee_burned),
            encode_amount(receipt.tip),
            [[int(event.kind), _event_fields(event)] for event in receipt.events],
        ]
    )


def decode_receipt(raw: bytes) -> Receipt:
    decoded = codec.decode(raw, max_bytes=RECEIPT_MAX_BYTES, max_items=6 + 8 * RECEIPT_EVENTS_MAX)
    tx_id, ok, error, fee_burned, tip, events = codec.array(decoded, 6)
    try:
        code = codec.bounded(error, ERROR_CODE_MAX_BYTES).decode("ascii")
    except UnicodeDecodeError:
        raise DecodeError("an error code is ASCII") from None
    return Receipt(
        tx_id=hash32(tx_id),
        ok=codec.uint(ok, 1) == 1,
        error=code,
        fee_burned=decode_amount(fee_burned),
        tip=decode_amount(tip),
        events=tuple(_event(each) for each in codec.sequence(events, RECEIPT_EVENTS_MAX)),
    )


def _event_fields(event: Event) -> list[codec.Value]:
    written: list[codec.Value] = []
    for _, form, value in event.attributes:
        written.append(encode_amount(int(value)) if form is Form.AMOUNT else value)
    return written


def _event(value: codec.Value) -> Event:
    number, values_field = codec.array(value, 2)
    try:
        kind = EventKind(codec.uint(number, 8))
    except ValueError:
        raise DecodeError("an unknown kind of event") from None
    attributes = EVENT_ATTRIBUTES[kind]
    values = codec.array(values_field, len(attributes))
    return Event(
        kind,
        tuple(_attribute(form, each) for (_, form), each in zip(attributes, values, strict=True)),
    )


def _attribute(form: Form, value: codec.Value) -> int | bytes:
    match form:
        case Form.ADDRESS:
            return read_address(value)
        case Form.AMOUNT:
            return decode_amount(value)
        case Form.NUMBER:
            return codec.uint(value)
        case Form.BYTES:
            return codec.bounded(value, RECEIPT_MAX_BYTES)
