"""Types of parameters that several methods take, and their values."""

from typing import Annotated

from msgspec import Meta

from aichain.rpc.errors import InvalidParams
from aichain.store.location import Location
from genesis.limits import (
    BODY_TRANSACTIONS_MAX,
    RPC_CALL_DATA_MAX_BYTES,
    STATE_KEY_MAX_BYTES,
    TRANSACTION_MAX_BYTES,
)
from genesis.units import Address, parse_address
from native.hashing import Hash32

_HEIGHT_MAX = 2**63 - 1

Height = Annotated[int, Meta(ge=0, le=_HEIGHT_MAX)]
HashText = Annotated[str, Meta(pattern=r"\A0x[0-9a-fA-F]{64}\Z")]
BareHashText = Annotated[str, Meta(pattern=r"\A(0x)?[0-9a-fA-F]{64}\Z")]
"""The `ledger.*` clients write hashes without 0x."""
BlockText = Annotated[str, Meta(pattern=r"\A(latest|0x[0-9a-fA-F]{64})\Z")]
AddressText = Annotated[str, Meta(pattern=r"\A0[xX][0-9a-fA-F]{40}\Z")]
RawText = Annotated[
    str, Meta(pattern=r"\A(0x)?[0-9a-fA-F]*\Z", max_length=2 * TRANSACTION_MAX_BYTES + 2)
]
StateKeyText = Annotated[
    str, Meta(pattern=r"\A0x[0-9a-fA-F]+\Z", max_length=2 * STATE_KEY_MAX_BYTES + 2)
]
CursorText = Annotated[str, Meta(pattern=r"\A[0-9]{1,19}\.[0-9]{1,9}\Z")]
EthBlockText = Annotated[
    str,
    Meta(
        pattern=r"\A(latest|pending|safe|finalized|earliest|0x(0|[1-9a-fA-F][0-9a-fA-F]{0,14}))\Z"
    ),
]
EthBlockOrHashText = Annotated[
    str,
    Meta(
        pattern=r"\A(latest|pending|safe|finalized|earliest"
        r"|0x(0|[1-9a-fA-F][0-9a-fA-F]{0,14})|0x[0-9a-fA-F]{64})\Z"
    ),
]
QuantityText = Annotated[str, Meta(pattern=r"\A0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})\Z")]
SlotText = Annotated[str, Meta(pattern=r"\A0x[0-9a-fA-F]{1,64}\Z")]
"""Clients write slots with and without leading zeros."""
IndexText = Annotated[str, Meta(pattern=r"\A0x(0|[1-9a-fA-F][0-9a-fA-F]{0,7})\Z")]
DataText = Annotated[
    str, Meta(pattern=r"\A0x([0-9a-fA-F]{2})*\Z", max_length=2 * RPC_CALL_DATA_MAX_BYTES + 2)
]


def location_of(cursor: str) -> Location:
    """Where a page ended: height and index. Raises InvalidParams."""
    height, _, index = cursor.partition(".")
    if int(height) > _HEIGHT_MAX or int(index) > BODY_TRANSACTIONS_MAX:
        raise InvalidParams(reason="a cursor comes from the `next` of a page")
    return Location(int(height), int(index))


def hash_of(text: str) -> Hash32:
    return Hash32(bytes.fromhex(text.removeprefix("0x")))


def bytes_of(text: str) -> bytes:
    digits = text.removeprefix("0x")
    if len(digits) % 2:
        raise InvalidParams(reason="hexadecimal bytes have two digits each")
    return bytes.fromhex(digits)


def address_of(text: str) -> Address:
    """Raises InvalidAddress when mixed capitals are not the EIP-55 checksum."""
    return parse_address(text)
