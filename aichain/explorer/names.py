"""Names that addresses have in the genesis document, for reading and for searching."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from genesis.document import GenesisDocument
from genesis.units import address_of_key, format_address


@dataclass(frozen=True, slots=True)
class Names:
    """Addresses are texts with their checksum; names are searched without regard to capitals."""

    by_address: Mapping[str, str]
    by_name: Mapping[str, str]

    @classmethod
    def of(cls, document: GenesisDocument) -> "Names":
        """Founders first: an account may have been given the same label."""
        pairs = [
            (format_address(address_of_key(founder.public_key)), founder.name)
            for founder in document.validators
        ]
        pairs += [
            (format_address(account.address), account.label)
            for account in document.accounts
            if account.label
        ]
        by_address: dict[str, str] = {}
        by_name: dict[str, str] = {}
        for address, name in pairs:
            by_address.setdefault(address, name)
            by_name.setdefault(name.lower(), address)
        return cls(MappingProxyType(by_address), MappingProxyType(by_name))

    def of_address(self, address: str | None) -> str | None:
        """None where the document names nobody so."""
        return None if address is None else self.by_address.get(address)

    def find(self, name: str) -> str | None:
        """The address of that name; `account:0` is read as `account-0`, as wallets write it."""
        return self.by_name.get(name.strip().lower().replace(":", "-"))
