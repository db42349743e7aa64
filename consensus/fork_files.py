"""Disclosures and proofs of a fork as files: canonical, bounded, and true only once verified."""

from typing import Final

from consensus.certificates import decode_certificate
from consensus.evidence import ConflictingVotes, decode_evidence, encode_evidence
from consensus.fork_proof import Disclosure, Epoch, ForkProof, Side
from genesis.limits import (
    CERTIFIED_PATH_MAX,
    ELECTORATE_MEMBERS_MAX,
    FORK_CERTIFICATES_MAX,
    FORK_FILE_MAX_BYTES,
    FORK_FILE_MAX_ITEMS,
    GENESIS_VALIDATORS_MAX,
    HEADER_MAX_BYTES,
)
from genesis.validators import decode_validators, encode_validators
from native.codec import Encodable, Value, array, bounded, decode, encode, sequence, uint
from native.errors import DecodeError
from native.hashing import hash32
from vm.blocks import Header, decode_header

_DISCLOSURE_TAG: Final = 1
_PROOF_TAG: Final = 2


def encode_disclosure(disclosure: Disclosure) -> bytes:
    """The file that one operator sends another."""
    return encode(
        [
            _DISCLOSURE_TAG,
            _epoch_value(disclosure.epoch),
            [header.raw for header in disclosure.headers],
            [certificate.encode() for certificate in disclosure.certificates],
        ]
    )


def decode_disclosure(raw: bytes) -> Disclosure:
    """The exact inverse of `encode_disclosure`; nothing is verified."""
    fields = array(_decode(raw, _DISCLOSURE_TAG), 4)
    certificates = sequence(fields[3], FORK_CERTIFICATES_MAX)
    return Disclosure(
        _read_epoch(fields[1]),
        _read_headers(fields[2]),
        tuple(map(decode_certificate, certificates)),
    )


def encode_fork_proof(proof: ForkProof) -> bytes:
    """The file that anybody can verify."""
    sides: list[Encodable] = [
        [side.certificate.encode(), [header.raw for header in side.headers]] for side in proof.sides
    ]
    evidence: list[Encodable] = [encode_evidence(each) for each in proof.evidence]
    return encode([_PROOF_TAG, _epoch_value(proof.epoch), sides, evidence])


def decode_fork_proof(raw: bytes) -> ForkProof:
    """The exact inverse of `encode_fork_proof`, but for what was lacking; nothing is verified."""
    fields = array(_decode(raw, _PROOF_TAG), 4)
    one, other = (_read_side(side) for side in array(fields[2], 2))
    evidence = tuple(map(decode_evidence, sequence(fields[3], ELECTORATE_MEMBERS_MAX)))
    if not all(isinstance(each, ConflictingVotes) for each in evidence):
        raise DecodeError("a proof of a fork holds votes only")
    votes = tuple(each for each in evidence if isinstance(each, ConflictingVotes))
    return ForkProof(_read_epoch(fields[1]), (one, other), votes)


def _decode(raw: bytes, tag: int) -> list[Value]:
    fields = decode(raw, max_bytes=FORK_FILE_MAX_BYTES, max_items=FORK_FILE_MAX_ITEMS, max_depth=5)
    if not fields or fields[0] != tag:
        raise DecodeError("another kind of file")
    return fields


def _epoch_value(epoch: Epoch) -> list[Encodable]:
    validators = encode_validators(epoch.validators)
    return [epoch.genesis_hash, epoch.number, epoch.start_id, validators]


def _read_epoch(value: Value) -> Epoch:
    genesis_hash, number, start_id, validators = array(value, 4)
    members = decode_validators(sequence(validators, GENESIS_VALIDATORS_MAX))
    return Epoch(hash32(genesis_hash), uint(number), hash32(start_id), members)


def _read_headers(value: Value) -> tuple[Header, ...]:
    raws = sequence(value, CERTIFIED_PATH_MAX)
    return tuple(decode_header(bounded(raw, HEADER_MAX_BYTES)) for raw in raws)


def _read_side(value: Value) -> Side:
    certificate, raws = array(value, 2)
    headers = _read_headers(raws)
    if not headers:
        raise DecodeError("a side without a header")
    return Side(decode_certificate(certificate), headers)
