"""What a genesis document lists: funded accounts, and founding validators with their proofs."""

import re
from dataclasses import dataclass, field, replace
from typing import Self

from genesis import limits
from genesis.errors import InvalidGenesis
from genesis.units import ADDRESS_BYTES, BPS, U128_MAX, Address, address_of_key, encode_amount
from genesis.validators import VALIDATOR_ALGORITHM, Validator
from native.codec import Encodable, encode
from native.hashing import HASH_BYTES, Hash32
from native.node_keys import is_peer_id
from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify

GENESIS_CONTEXT = b"aichain/genesis/v1"
"""FIPS 204 context of the proof of possession in a founder's entry."""

NAME_TEXT = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{limits.NAME_MAX_CHARS - 1}}}", re.ASCII)
_LABEL_TEXT = re.compile(rf"[A-Za-z0-9 ._-]{{0,{limits.LABEL_MAX_CHARS}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class GenesisAccount:
    """Coins that exist before block 1."""

    address: Address
    balance: int
    label: str = ""

    def __post_init__(self) -> None:
        if len(self.address) != ADDRESS_BYTES or not any(self.address):
            raise InvalidGenesis("an account has the zero address or none")
        if not 1 <= self.balance <= U128_MAX:
            raise InvalidGenesis(f"account {self.label!r} has no balance or too large a one")
        if _LABEL_TEXT.fullmatch(self.label) is None:
            raise InvalidGenesis(
                f"the label {self.label[:64]!r} has characters that are not allowed"
            )

    def encodable(self) -> list[Encodable]:
        """Its row in the canonical document."""
        return [self.address, encode_amount(self.balance), self.label.encode()]


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """A founder's entry, signed by the key that it registers."""

    name: str
    public_key: bytes = field(repr=False)
    stake: int
    peer_id: bytes
    onion_head: Hash32
    onion_length: int
    commission_bps: int
    possession: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if NAME_TEXT.fullmatch(self.name) is None:
            raise InvalidGenesis(f"{self.name[:64]!r} is not a name (a-z, 0-9, -)")
        self._require(len(self.public_key) == PUBLIC_KEY_BYTES[VALIDATOR_ALGORITHM], "public_key")
        self._require(1 <= self.stake <= U128_MAX, "stake")
        if not is_peer_id(self.peer_id):
            raise InvalidGenesis(f"validator {self.name}: peer_id is not that of a libp2p node")
        self._require(len(self.onion_head) == HASH_BYTES, "onion_head")
        self._require(1 <= self.onion_length <= limits.ONION_LENGTH_MAX, "onion_length")
        self._require(0 <= self.commission_bps <= BPS, "commission_bps")
        sizes = (0, SIGNATURE_BYTES[VALIDATOR_ALGORITHM])
        self._require(len(self.possession) in sizes, "possession")

    @property
    def address(self) -> Address:
        """The account that owns the stake."""
        return address_of_key(self.public_key)

    def encodable(self) -> list[Encodable]:
        """Its row in the canonical document; the proof is a witness and stays outside the hash."""
        return [
            self.name.encode(),
            self.public_key,
            encode_amount(self.stake),
            self.peer_id,
            self.onion_head,
            self.onion_length,
            self.commission_bps,
        ]

    def signing_bytes(self, network_id: int) -> bytes:
        """What the founder signs: the whole entry, for one network."""
        return encode([network_id, *self.encodable()])

    def signed(self, key: SigningKey, network_id: int) -> Self:
        """The same entry with its proof of possession."""
        if key.public_key != self.public_key:
            raise InvalidGenesis(f"validator {self.name}: signed by another key")
        signature = key.sign(self.signing_bytes(network_id), GENESIS_CONTEXT)
        return replace(self, possession=signature)

    def is_possessed(self, network_id: int) -> bool:
        """Whether the proof verifies for that network."""
        message = self.signing_bytes(network_id)
        return verify(self.public_key, message, GENESIS_CONTEXT, self.possession)

    def as_validator(self) -> Validator:
        """The voter that this founder is in epoch 0."""
        return Validator(
            address=self.address,
            public_key=self.public_key,
            stake=self.stake,
            peer_id=self.peer_id,
        )

    def _require(self, holds: bool, name: str) -> None:
        if not holds:
            raise InvalidGenesis(f"validator {self.name}: {name} is out of range")
