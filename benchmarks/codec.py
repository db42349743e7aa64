"""How fast bytes become values and values bytes, hashes and roots; msgpack itself for scale."""

from collections.abc import Callable, Iterator
from functools import partial

import msgspec
from harness import Row, arguments, measure, report

from genesis.units import address_of_key
from native.codec import Encodable, decode, encode
from native.hashing import blake3_256, derive_hash, keccak256, xof
from native.merkle import merkle_root, prove_leaf, verify_leaf
from native.signatures import SigningKey
from vm.transactions import Transaction, Transfer, sign_transaction

TRANSACTIONS_A_BLOCK = 450
LEAVES = 10_000
WIDE = {"max_bytes": 1 << 24, "max_items": 1 << 16}


def vote() -> Encodable:
    """The wire form of a vote: nine fields, one signature."""
    return [0, 7, 0, 1, 1_900, 1_850, bytes(range(32)), 3, bytes(3309)]


def transaction(*, reveal: bool = False) -> Encodable:
    """A signed transfer as it is sent, with or without the sender's key."""
    key = SigningKey.from_seed(bytes(32))
    sender = address_of_key(key.public_key)
    transfer = Transaction(36999, sender, 812, 10**15, 0, 99_000, Transfer(sender, 10**18, b""))
    return decode(sign_transaction(transfer, key, reveal=reveal).raw, **WIDE)


def body() -> Encodable:
    """A full block's body: the raw transactions one after the other."""
    return [encode(transaction())] * TRANSACTIONS_A_BLOCK


def codec_rows(repeats: int) -> Iterator[Row]:
    """Encode and decode by message; `plain msgpack` decodes without any of our checks."""
    messages: dict[str, Encodable] = {
        "vote": vote(),
        "transfer": transaction(),
        "first transfer (with key)": transaction(reveal=True),
        f"body of {TRANSACTIONS_A_BLOCK} transfers": body(),
        "small array of 100": list(range(100)),
    }
    plain = msgspec.msgpack.Decoder().decode
    for name, value in messages.items():
        raw = encode(value)
        work: dict[str, Callable[[], object]] = {
            "encode": partial(encode, value),
            "decode": partial(decode, raw, **WIDE),
            "plain msgpack decode": partial(plain, raw),
        }
        for what, call in work.items():
            row = measure(call, repeats=repeats).row(f"{what}: {name}")
            yield {**row, "bytes": len(raw)}


def hash_rows(repeats: int) -> Iterator[Row]:
    """The hashes of a block's life, and the Merkle tree."""
    small, large = bytes(64), bytes(3400)
    leaves = [index.to_bytes(32, "big") for index in range(LEAVES)]
    root, proof = merkle_root(leaves), prove_leaf(leaves, 4_321)
    work: dict[str, tuple[int, Callable[[], object]]] = {
        "blake3 of 64 B": (64, lambda: blake3_256(small)),
        "blake3 of 3.4 kB": (3400, lambda: blake3_256(large)),
        "derive_hash of 3.4 kB": (3400, lambda: derive_hash("aichain/benchmark/v1", large)),
        "xof of 1 kB": (1024, lambda: xof("aichain/benchmark/v1", small, 1024)),
        "keccak256 of 64 B": (64, lambda: keccak256(small)),
        f"merkle_root of {LEAVES} leaves": (32 * LEAVES, lambda: merkle_root(leaves)),
        f"verify_leaf of {LEAVES} leaves": (32, lambda: verify_leaf(root, leaves[4_321], proof)),
    }
    for name, (size, call) in work.items():
        yield {**measure(call, repeats=repeats).row(name), "bytes": size}


def main() -> None:
    """Run alone: `python benchmarks/codec.py [--json]`."""
    options = arguments("codec, hashes and Merkle trees")
    rows = [*codec_rows(options.repeats), *hash_rows(options.repeats)]
    report("codec", rows, as_json=options.json)


if __name__ == "__main__":
    main()
