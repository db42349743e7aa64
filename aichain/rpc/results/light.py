"""What light clients check: canonical bytes, and what they are about."""

from aichain.rpc.results.result import Count, HashHex, Hex, Result


class Finality(Result, frozen=True):
    """The set that signed is `aichain_validators` of this height."""

    height: Count
    block_hash: HashHex
    epoch: Count
    start_hash: HashHex
    vset_hash: HashHex
    certificate: Hex
    checkpoint: Hex | None
    headers: list[Hex]


class HeaderProof(Result, frozen=True):
    height: Count
    hash: HashHex
    header: Hex
    at: Count
    proof: Hex


class TransactionProof(Result, frozen=True):
    """Two Merkle paths from the bottom up, over the ids and over the receipts of a block."""

    hash: HashHex
    height: Count
    index: Count
    count: Count
    siblings: list[HashHex]
    receipt: Hex
    receipt_siblings: list[HashHex]


class CertifiedRecord(Result, frozen=True):
    """`height` is that of the state; the last of the headers is its child and carries its root."""

    key: Hex
    value: Hex | None
    proof: Hex
    height: Count
    state_root: HashHex
    finality: Finality
