"""The texts that results are made of."""

from genesis.units import Address, format_address
from genesis.validators import ValidatorSet
from vm.blocks import Header


def show_bytes(value: bytes) -> str:
    return "0x" + value.hex()


def proposer_of(header: Header, validators: ValidatorSet | None) -> Address | None:
    """Nobody proposed block 0, and the sets of old epochs may not be kept."""
    if header.height == 0 or validators is None or header.proposer_index >= len(validators):
        return None
    return validators[header.proposer_index].address


def show_address(address: Address | None) -> str | None:
    return None if address is None else format_address(address)
