"""The RPC server that a light client asks: its answers as values, none of them believed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandExit
from consensus.certificates import CERTIFICATE_FIELDS, decode_certificate
from consensus.light import Finality
from genesis.checkpoints import CHECKPOINT_FIELDS, Checkpoint, decode_checkpoint
from genesis.limits import (
    BODY_TRANSACTIONS_MAX,
    CERTIFIED_PATH_MAX,
    GENESIS_VALIDATORS_MAX,
    MMR_PROOF_MAX_BYTES,
    RECEIPT_MAX_BYTES,
    STATE_PROOF_MAX_BYTES,
    STATE_RECORD_MAX_BYTES,
)
from genesis.units import parse_address, parse_hex
from genesis.validators import Validator, ValidatorSet
from native.codec import decode
from native.errors import InvalidData
from native.hashing import Hash32, hash32
from native.merkle import MerkleProof
from native.node_keys import parse_peer_id
from native.signatures import SIGNATURE_BYTES
from vm.blocks import Header, decode_header
from vm.commitment import StateProof
from vm.mmr import MmrProof

T = TypeVar("T")

HASH_BYTES = 32
KEY_BYTES = 4_096
CERTIFICATE_BYTES = 256 + GENESIS_VALIDATORS_MAX * (3 + max(SIGNATURE_BYTES.values()))
CHECKPOINT_BYTES = 256


@dataclass(eq=False)
class ServerGarbled(InvalidData):
    """The server's answer is not of the form that nodes give."""

    exit_code: ClassVar[int] = CommandExit.NOT_PROVEN
    method: str
    problem: str
    fix: str = "ask another node with --rpc: this one is no AI-Chain node, or of another version"


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """A state record as a server gave it."""

    value: bytes | None
    proof: StateProof
    finality: Finality


@dataclass(frozen=True, slots=True)
class TransactionClaim:
    """Where a transaction stands and what came of it, as a server gave it."""

    height: int
    proof: MerkleProof
    receipt_raw: bytes
    receipt_proof: MerkleProof


class LightServer:
    """Asks; remembers the validator set that it was given last, which rarely changes."""

    def __init__(self, client: RpcClient) -> None:
        self._client = client
        self._known: ValidatorSet | None = None

    def finality(self, height: int | None = None) -> Finality | None:
        """What makes a height final, by default the last one."""
        given = () if height is None else (height,)
        return self._ask("aichain_getFinality", given, self._finality)

    def anchor(self, epoch: int) -> Finality | None:
        """What makes the last block of an epoch final."""
        return self._ask("aichain_getAnchors", (epoch, 1), self._first_finality)

    def record(self, key: bytes) -> RecordClaim | None:
        """A record of the newest state that can be proved."""
        return self._ask("aichain_getStateProof", ("0x" + key.hex(),), self._record)

    def header_proof(self, height: int, at: int) -> tuple[Header, MmrProof] | None:
        """A header, and that it lies under the one at `at`."""
        return self._ask("aichain_getHeaderProof", (height, at), _header_proof)

    def transaction(self, tx_id: Hash32) -> TransactionClaim | None:
        """A final transaction's place and receipt."""
        return self._ask("aichain_getTransactionProof", ("0x" + tx_id.hex(),), _transaction_claim)

    def remember(self, validators: ValidatorSet | None) -> None:
        """A set that need not be asked for."""
        self._known = validators

    def _ask(self, method: str, params: tuple[object, ...], read: Callable[[Any], T]) -> T | None:
        answer = self._client.call(method, *params)
        if answer is None or answer == []:
            return None
        try:
            return read(answer)
        except (InvalidData, KeyError, TypeError, ValueError) as error:
            raise ServerGarbled(method, f"{type(error).__name__}: {error}") from None

    def _first_finality(self, answer: Any) -> Finality:  # noqa: ANN401 JSON has no better type
        [only] = answer
        return self._finality(only)

    def _finality(self, answer: Any) -> Finality:  # noqa: ANN401 JSON has no better type
        raw = _bytes(answer["certificate"], CERTIFICATE_BYTES)
        most = GENESIS_VALIDATORS_MAX
        decoded = decode(raw, max_bytes=len(raw), max_items=CERTIFICATE_FIELDS + most)
        certificate = decode_certificate(decoded, members_max=most)
        raws = answer["headers"]
        if not isinstance(raws, list) or not 0 < len(raws) <= CERTIFIED_PATH_MAX:
            raise ValueError("headers are missing")
        headers = tuple(decode_header(_bytes(each, KEY_BYTES)) for each in raws)
        start_id = hash32(_bytes(answer["startHash"], HASH_BYTES))
        voters = self._known
        if voters is None or voters.hash != headers[0].vset_hash:
            voters = self._known = self._voters(headers[0].height)
        return Finality(certificate, start_id, headers, voters, _checkpoint(answer))

    def _record(self, answer: Any) -> RecordClaim:  # noqa: ANN401 JSON has no better type
        value = answer["value"]
        return RecordClaim(
            None if value is None else _bytes(value, STATE_RECORD_MAX_BYTES),
            StateProof.decode(_bytes(answer["proof"], STATE_PROOF_MAX_BYTES)),
            self._finality(answer["finality"]),
        )

    def _voters(self, height: int) -> ValidatorSet:
        rows = self._client.call("aichain_validators", height)["validators"]
        if len(rows) > GENESIS_VALIDATORS_MAX:
            raise ValueError(f"more than {GENESIS_VALIDATORS_MAX} validators")
        return ValidatorSet(tuple(_validator(row) for row in rows))


def _validator(row: Any) -> Validator:  # noqa: ANN401 JSON has no better type
    return Validator(
        parse_address(row["address"]),
        _bytes(row["publicKey"], KEY_BYTES),
        int(row["stake"]),
        parse_peer_id(row["peerId"]),
    )


def _checkpoint(answer: Any) -> Checkpoint | None:  # noqa: ANN401 JSON has no better type
    """What the votes are for, on a chain of two lanes."""
    given = answer["checkpoint"]
    if given is None:
        return None
    raw = _bytes(given, CHECKPOINT_BYTES)
    return decode_checkpoint(decode(raw, max_bytes=len(raw), max_items=CHECKPOINT_FIELDS))


def _header_proof(answer: Any) -> tuple[Header, MmrProof]:  # noqa: ANN401 JSON has no better type
    header = decode_header(_bytes(answer["header"], KEY_BYTES))
    return header, MmrProof.decode(_bytes(answer["proof"], MMR_PROOF_MAX_BYTES))


def _transaction_claim(answer: Any) -> TransactionClaim:  # noqa: ANN401 JSON has no better type
    height, index, count = (_number(answer[name]) for name in ("height", "index", "count"))
    return TransactionClaim(
        height,
        MerkleProof(index, count, _siblings(answer["siblings"])),
        _bytes(answer["receipt"], RECEIPT_MAX_BYTES),
        MerkleProof(index, count, _siblings(answer["receiptSiblings"])),
    )


def _siblings(rows: Any) -> tuple[Hash32, ...]:  # noqa: ANN401 JSON has no better type
    if not isinstance(rows, list) or len(rows) > BODY_TRANSACTIONS_MAX.bit_length():
        raise ValueError("the hashes of a path were expected")
    return tuple(hash32(_bytes(row, HASH_BYTES)) for row in rows)


def _number(value: Any) -> int:  # noqa: ANN401 JSON has no better type
    if type(value) is not int or value < 0:
        raise ValueError("a number was expected")
    return value


def _bytes(text: Any, most: int) -> bytes:  # noqa: ANN401 JSON has no better type
    if not isinstance(text, str) or len(text) > 2 * most + 2:
        raise ValueError(f"at most {most} bytes in hex were expected")
    return parse_hex(text, most)
