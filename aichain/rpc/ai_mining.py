"""The pseudo contract at 0x…0300: its read-only methods, its events, and where it stands.

Nothing runs there: the node answers for it. `ai_mining.json` is its ABI, for decoders.
"""

from types import MappingProxyType

from aichain.rpc.abi import selector
from genesis.units import Address
from native.hashing import Hash32, keccak256
from vm.receipts import EVENT_ATTRIBUTES, EventKind, Form

CONTRACT = Address((0x0300).to_bytes(20, "big"))
CODE = b"\xfe"
"""INVALID: tools that ask whether a contract is there hear yes, and running it would revert."""

MINING_BALANCE = "miningBalance(address)"
VERIFY_MLDSA = "verifyMLDSA(bytes,bytes,bytes)"
SECURITY_LEVEL = "getSecurityLevel(bytes)"
DERIVE_ADDRESS = "deriveAddress(bytes)"

METHODS = MappingProxyType(
    {
        selector(signature): signature
        for signature in (MINING_BALANCE, VERIFY_MLDSA, SECURITY_LEVEL, DERIVE_ADDRESS)
    }
)
"""By their first four bytes."""

REWARDED = "BlockRewarded(address,uint256)"

KINDS = MappingProxyType(
    {
        Form.ADDRESS: "address",
        Form.AMOUNT: "uint256",
        Form.NUMBER: "uint64",
        Form.BYTES: "bytes",
    }
)
"""Attributes as Solidity has them; addresses are indexed."""


def event_name(kind: EventKind) -> str:
    """As Solidity writes it."""
    return "".join(part.capitalize() for part in kind.name.split("_"))


def event_signature(kind: EventKind) -> str:
    """What the first topic is the hash of."""
    kinds = ",".join(KINDS[form] for _, form in EVENT_ATTRIBUTES[kind])
    return f"{event_name(kind)}({kinds})"


TOPICS = MappingProxyType({kind: keccak256(event_signature(kind).encode()) for kind in EventKind})
REWARDED_TOPIC: Hash32 = keccak256(REWARDED.encode())
