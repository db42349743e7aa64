"""Refusals of the genesis room: amounts, addresses, parameters and documents that break a rule."""

from dataclasses import dataclass

from native.errors import InvalidData


@dataclass(eq=False)
class AmountOutOfRange(InvalidData):
    """An amount outside 0 … 2^128-1 units."""

    amount: int


@dataclass(eq=False)
class InvalidAmount(InvalidData):
    """A text that is not a decimal amount of AI with at most 18 places."""

    text: str


@dataclass(eq=False)
class InvalidAddress(InvalidData):
    """A text that is not an address, or whose checksum says that it was mistyped."""

    text: str
    reason: str


@dataclass(eq=False)
class InvalidGenesis(InvalidData):
    """A parameter, an entry or a document that no chain can start from."""

    reason: str


@dataclass(eq=False)
class NetworkUnknown(InvalidData):
    """No network of that name is packaged."""

    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class MainnetNotLaunched(InvalidData):
    """mainnet has no packaged document: its founders are found by a ceremony."""

    reason: str


@dataclass(eq=False)
class CheckpointOutOfRange(InvalidData):
    """A checkpoint with a number that no encoding holds."""

    numbers: tuple[int, ...]
