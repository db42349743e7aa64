"""Messages signed with an account's key: proof that its owner said something, and nothing else.

    signed bytes  =  BLAKE3 in derive-key mode, context "aichain/msg/v1", of the message  (32 bytes)
    signature     =  ML-DSA.Sign (FIPS 204 §5.2, pure) of them under the context "aichain/msg/v1"

The context string goes into every ML-DSA signature. Transactions are signed under "aichain/tx/v1",
votes, proposals, proofs of possession and greetings under others of their own, so that a signed
message can be none of them, whatever it says, and none of them is a signed message.
"""

import json
from dataclasses import dataclass
from typing import Final, Self

from aichain.shallow_json import load_shallow
from genesis.units import Address, address_of_key, format_address, parse_address, parse_hex
from native.errors import DecodeError, InvalidSignature
from native.hashing import Hash32, derive_hash
from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify

MESSAGE_CONTEXT: Final = b"aichain/msg/v1"
MESSAGE_MAX_BYTES: Final = 16 << 20
SIGNED_MESSAGE_MAX_CHARS: Final = 65_536
FORMAT: Final = "aichain-message-v1"
_DOMAIN: Final = "aichain/msg/v1"


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """Who signed, with which key, and the signature; the message travels beside it."""

    address: Address
    public_key: bytes
    signature: bytes

    def to_json(self) -> str:
        return json.dumps(
            {
                "format": FORMAT,
                "address": format_address(self.address),
                "publicKey": "0x" + self.public_key.hex(),
                "signature": "0x" + self.signature.hex(),
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """DecodeError or InvalidAddress where it is none; nothing of it is verified yet."""
        if len(text) > SIGNED_MESSAGE_MAX_CHARS:
            raise DecodeError(f"a signed message has at most {SIGNED_MESSAGE_MAX_CHARS} characters")
        try:
            given = load_shallow(text.encode())
        except (ValueError, RecursionError):
            raise DecodeError("a signed message is a JSON object") from None
        if not isinstance(given, dict) or given.get("format") != FORMAT:
            raise DecodeError(f"a signed message is a JSON object whose format is {FORMAT}")
        texts = [given.get(name) for name in ("address", "publicKey", "signature")]
        if not all(isinstance(each, str) for each in texts):
            raise DecodeError("a signed message has an address, a publicKey and a signature")
        address, key, signature = map(str, texts)
        return cls(
            parse_address(address),
            parse_hex(key, max(PUBLIC_KEY_BYTES.values())),
            parse_hex(signature, max(SIGNATURE_BYTES.values())),
        )


def signed_bytes(message: bytes) -> Hash32:
    """What the signature covers, under MESSAGE_CONTEXT."""
    if len(message) > MESSAGE_MAX_BYTES:
        raise DecodeError(f"a message has at most {MESSAGE_MAX_BYTES} bytes")
    return derive_hash(_DOMAIN, message)


def sign_message(key: SigningKey, message: bytes) -> SignedMessage:
    signature = key.sign(signed_bytes(message), MESSAGE_CONTEXT)
    return SignedMessage(address_of_key(key.public_key), key.public_key, signature)


def verify_message(signed: SignedMessage, message: bytes) -> Address:
    """Whose message this is; InvalidSignature where nobody signed it so."""
    if address_of_key(signed.public_key) != signed.address:
        raise InvalidSignature(subject="the public key is not that of the address")
    if not verify(signed.public_key, signed_bytes(message), MESSAGE_CONTEXT, signed.signature):
        raise InvalidSignature(subject="the signature is not of this message by this key")
    return signed.address
