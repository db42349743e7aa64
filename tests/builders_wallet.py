"""What every wallet client has to make byte for byte: `python -m tests.builders_wallet` prints
tests/vectors/wallet.json. Signatures are hedged, so they are others each time; all else is not."""

import json
from typing import Any

from aichain.client.messages import sign_message, signed_bytes
from genesis.units import AI, U64_MAX, U128_MAX, Address, address_of_key, format_address
from native import codec
from native.hashing import hash32
from native.node_keys import peer_id_of_seed
from native.signatures import Algorithm, SigningKey
from vm.bodies import Body, RegisterValidator, Role, Stake, Transfer, Unjail, Unstake, Withdraw
from vm.transactions import (
    SignedTransaction,
    Transaction,
    possession_message,
    sign_possession,
    sign_transaction,
)

NETWORK_ID = 36964
KEYS = tuple(
    SigningKey.from_seed(bytes(range(level, level + 32)), algorithm)
    for level, algorithm in ((int(each), each) for each in Algorithm)
)
OWNER = address_of_key(KEYS[1].public_key)
MESSAGES = (b"", b"I own this.", bytes(range(256)), "\u00fcnic\u00f6de \u2713".encode())
POSSESSION_OF_VECTORS = bytes(index % 251 for index in range(3309))
"""Of the right length and no signature: a body that must not change from run to run."""
REFUSED_ADDRESSES = ("0x", "11" * 20, "0x" + "1" * 39, "0x" + "g" * 40)


UINTS = tuple(
    value for bits in (7, 8, 16, 32, 64) for value in ((1 << bits) - 1, (1 << bits) % (1 << 64))
)
"""Where the encoding of an integer gets longer."""


def bodies(owner: Address) -> tuple[Body, ...]:
    return (
        Transfer(Address(b"\x11" * 20), 3 * AI // 2, b"hi"),
        Transfer(Address(b"\xab" * 20), U128_MAX, bytes(64)),
        Stake(Role.VALIDATOR, owner, 2_000 * AI),
        Unstake(Role.DELEGATOR, Address(b"\x22" * 20), 1),
        Withdraw(),
        Unjail(),
        RegisterValidator(
            public_key=KEYS[1].public_key,
            possession=POSSESSION_OF_VECTORS,
            peer_id=peer_id_of_seed(bytes(32)),
            commission_bps=500,
            onion_head=hash32(b"\x33" * 32),
            onion_length=2**20,
            stake=2_000 * AI,
        ),
    )


def transactions() -> list[Transaction]:
    """Each body once, by turns from the three keys, with small and large numbers."""
    made = []
    for place, _ in enumerate(bodies(OWNER)):
        sender = address_of_key(KEYS[place % len(KEYS)].public_key)
        large = place % 2
        made.append(
            Transaction(
                network_id=NETWORK_ID,
                sender=sender,
                nonce=U64_MAX - 1 if large else place,
                fee_max=U128_MAX if large else AI,
                tip=10**21 if large else 0,
                valid_until=2**32 if large else 1_200,
                body=bodies(sender)[place],
            )
        )
    return made


def vectors() -> dict[str, Any]:
    return {
        "keys": [
            {
                "level": int(key.algorithm),
                "seed": _hex(key.seed),
                "publicKey": _hex(key.public_key),
                "address": format_address(address_of_key(key.public_key)),
            }
            for key in KEYS
        ],
        "transactions": [_transaction(each) for each in transactions()],
        "envelopes": [
            _envelope(place, reveal=reveal) for place, reveal in ((0, True), (1, False), (2, True))
        ],
        "messages": [
            {
                "key": place % len(KEYS),
                "message": _hex(message),
                "covered": _hex(signed_bytes(message)),
                "signed": json.loads(sign_message(KEYS[place % len(KEYS)], message).to_json()),
            }
            for place, message in enumerate(MESSAGES)
        ],
        "possession": {
            "networkId": NETWORK_ID,
            "owner": format_address(OWNER),
            "publicKey": _hex(KEYS[1].public_key),
            "message": _hex(possession_message(NETWORK_ID, OWNER, KEYS[1].public_key)),
            "signature": _hex(sign_possession(NETWORK_ID, OWNER, KEYS[1])),
        },
        "uints": [{"value": str(each), "raw": _hex(codec.encode(each))} for each in UINTS],
        "refusedAddresses": [*REFUSED_ADDRESSES, _wrong_checksum(format_address(OWNER))],
    }


def _envelope(place: int, *, reveal: bool) -> dict[str, Any]:
    key = KEYS[place % len(KEYS)]
    signed: SignedTransaction = sign_transaction(transactions()[place], key, reveal=reveal)
    return {
        "key": place % len(KEYS),
        "transaction": place,
        "reveal": reveal,
        "signature": _hex(signed.signature),
        "raw": _hex(signed.raw),
        "weight": str(signed.weight),
    }


def _transaction(made: Transaction) -> dict[str, Any]:
    return {
        "networkId": made.network_id,
        "sender": format_address(made.sender),
        "nonce": str(made.nonce),
        "feeMax": str(made.fee_max),
        "tip": str(made.tip),
        "validUntil": str(made.valid_until),
        "body": {"kind": made.kind.name.lower(), **_body(made.body)},
        "unsigned": _hex(made.unsigned_bytes),
        "id": _hex(made.id),
    }


def _body(body: Body) -> dict[str, Any]:
    match body:
        case Transfer():
            to = format_address(body.to)
            return {"to": to, "amount": str(body.amount), "memo": _hex(body.memo)}
        case Stake() | Unstake():
            target = format_address(body.target)
            return {"role": body.role.name.lower(), "target": target, "amount": str(body.amount)}
        case RegisterValidator():
            return {
                "publicKey": _hex(body.public_key),
                "possession": _hex(body.possession),
                "peerId": _hex(body.peer_id),
                "commissionBps": body.commission_bps,
                "onionHead": _hex(body.onion_head),
                "onionLength": body.onion_length,
                "stake": str(body.stake),
            }
        case _:
            return {}


def _wrong_checksum(address: str) -> str:
    place = next(index for index in range(2, 42) if address[index].isalpha())
    return address[:place] + address[place].swapcase() + address[place + 1 :]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
