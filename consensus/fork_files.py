"""Disclosures and proofs of a fork as files: canonical, bounded, and true only once verified."""

from collections.abc import Sequence
from typing import Final

from consensus.certificates import QuorumCertificate, decode_certificate
from consensus.evidence import ConflictingVotes, decode_evidence, encode_evidence
from consensus.fork_proof import Decided, Disclosure, Epoch, ForkProof, Side
from genesis.checkpoints import Checkpoint, decode_checkpoint
from genesis.limits import (
    CERTIFIED_PATH_MAX,
    FORK_CERTIFICATES_MAX,
    FORK_FILE_MAX_BYTES,
    FORK_FILE_MAX_ITEMS,
    GENESIS_VALIDATORS_MAX,
    HEADER_MAX_BYTES,
    LANE_MEMBERS_MAX,
)
from genesis.validators import decode_validators, encode_validators
from native.codec import Encodable, Value, array, bounded, decode, encode, sequence, uint
from native.errors import DecodeError
from native.hashing import hash32
from vm.blocks import decode_header

_DISCLOSURE_TAG: Final = 1
_PROOF_TAG: Final = 2


def encode_disclosure(disclosure: Disclosure) -> bytes:
    """The file that one operator sends another."""
    return encode(
        [
            _DISCLOSURE_TAG,
            _epoch_value(disclosure.epoch),
            _headers_value(disclosure.headers),
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
        tuple(map(_read_certificate, certificates)),
    )


def encode_fork_proof(proof: ForkProof) -> bytes:
    """The file that anybody can verify."""
    sides: list[Encodable] = [
        [side.certificate.encode(), _headers_value(side.headers)] for side in proof.sides
    ]
    evidence: list[Encodable] = [encode_evidence(each) for each in proof.evidence]
    return encode([_PROOF_TAG, _epoch_value(proof.epoch), sides, evidence])


def decode_fork_proof(raw: bytes) -> ForkProof:
    """The exact inverse of `encode_fork_proof`, but for what was lacking; nothing is verified."""
    fields = array(_decode(raw, _PROOF_TAG), 4)
    one, other = (_read_side(side) for side in array(fields[2], 2))
    evidence = tuple(map(decode_evidence, sequence(fields[3], LANE_MEMBERS_MAX)))
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
    return [epoch.genesis_hash, epoch.number, epoch.start_id, validators, epoch.checkpoint]


def _read_epoch(value: Value) -> Epoch:
    genesis_hash, number, start_id, validators, checkpoint = array(value, 5)
    members = decode_validators(sequence(validators, GENESIS_VALIDATORS_MAX))
    if not len(members):
        raise DecodeError("an epoch that nobody votes in")  # nothing would be a quorum of it
    place = hash32(genesis_hash), uint(number), hash32(start_id)
    return Epoch(*place, members, uint(checkpoint))


def _headers_value(headers: Sequence[Decided]) -> list[Encodable]:
    return [each.encode() if isinstance(each, Checkpoint) else each.raw for each in headers]


def _read_headers(value: Value) -> tuple[Decided, ...]:
    return tuple(map(_read_header, sequence(value, CERTIFIED_PATH_MAX)))


def _read_header(value: Value) -> Decided:
    if isinstance(value, list):
        return decode_checkpoint(value)
    return decode_header(bounded(value, HEADER_MAX_BYTES))


def _read_certificate(value: Value) -> QuorumCertificate:
    return decode_certificate(value, members_max=LANE_MEMBERS_MAX)


def _read_side(value: Value) -> Side:
    certificate, raws = array(value, 2)
    headers = _read_headers(raws)
    if not headers:
        raise DecodeError("a side without a header")
    return Side(_read_certificate(certificate), headers)
