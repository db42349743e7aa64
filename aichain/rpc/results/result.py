"""What all results are made of: texts of a fixed form, and the base that names fields in JSON."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Hex = Annotated[str, Meta(pattern=r"\A0x([0-9a-f]{2})*\Z")]
"""Bytes."""
HashHex = Annotated[str, Meta(pattern=r"\A0x[0-9a-f]{64}\Z")]
AddressHex = Annotated[str, Meta(pattern=r"\A0x[0-9a-fA-F]{40}\Z")]
"""With the EIP-55 checksum."""
AmountText = Annotated[str, Meta(pattern=r"\A(0|[1-9][0-9]{0,38})\Z")]
"""Units of 10^-18 AI in decimal: more digits than a JSON number keeps."""
WeightText = AmountText
"""Voting weight: stake, or seats of a committee."""
Quantity = Annotated[str, Meta(pattern=r"\A0x(0|[1-9a-f][0-9a-f]*)\Z")]
"""EIP-1474 QUANTITY."""

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A height, a number of things, an index, or milliseconds since 1970."""


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """A JSON object of an answer. Fields that are UNSET are left out; readers skip unknown ones."""


def json_members(result: Result) -> dict[str, Any]:
    """The members of a result as its JSON has them."""
    members: dict[str, Any] = msgspec.to_builtins(result)
    return members
