"""What a joining node asks for: proofs that heights are final, snapshots, and their parts."""

from typing import Final

from consensus.certificates import decode_certificate
from consensus.light import Finality
from genesis.checkpoints import CHECKPOINT_FIELDS, decode_checkpoint
from genesis.limits import (
    CERTIFIED_PATH_MAX,
    GENESIS_VALIDATORS_MAX,
    HEADER_MAX_BYTES,
    LANE_MEMBERS_MAX,
    MMR_PROOF_MAX_BYTES,
    RESPONSE_MAX_BYTES,
    SNAPSHOT_MANIFEST_BYTES,
    SNAPSHOT_PART_BYTES,
    SNAPSHOTS_KEPT,
)
from genesis.validators import VALIDATOR_FIELDS, decode_validators, encode_validators
from native.codec import Encodable, Value, array, bounded, sequence, uint
from native.errors import DecodeError
from native.hashing import hash32
from p2p.wire.fields import nothing
from p2p.wire.forms import Form
from p2p.wire.messages import (
    FinalityClaim,
    GetFinality,
    GetHeaderProof,
    GetManifest,
    GetPart,
    GetSnapshots,
    HeaderProof,
    SnapshotManifest,
    SnapshotOffers,
    SnapshotPart,
)
from vm.blocks import decode_header

_OVERHEAD_BYTES: Final = 16
_CLAIM_FIELDS: Final = 4
"""And the checkpoint, on a chain with two lanes."""
_FINALITY_ITEMS: Final = (
    16
    + CHECKPOINT_FIELDS
    + LANE_MEMBERS_MAX
    + CERTIFIED_PATH_MAX
    + GENESIS_VALIDATORS_MAX * (1 + VALIDATOR_FIELDS)
)


def _write_claim(claim: FinalityClaim) -> list[Encodable]:
    finality = claim.finality
    if finality is None:
        return []
    checkpoint = finality.checkpoint
    return [
        finality.certificate.encode(),
        finality.start_id,
        [header.raw for header in finality.headers],
        encode_validators(finality.validators),
        *([] if checkpoint is None else [checkpoint.encode()]),
    ]


def _read_claim(fields: list[Value]) -> FinalityClaim:
    if not fields:
        return FinalityClaim(None)
    if len(fields) not in (_CLAIM_FIELDS, _CLAIM_FIELDS + 1):
        raise DecodeError("a proof of finality with too few fields, or too many")
    certificate, start_id, raws, validators = fields[:_CLAIM_FIELDS]
    headers = tuple(
        decode_header(bounded(raw, HEADER_MAX_BYTES)) for raw in sequence(raws, CERTIFIED_PATH_MAX)
    )
    if not headers:
        raise DecodeError("a certificate without its header")
    members = decode_validators(sequence(validators, GENESIS_VALIDATORS_MAX))
    final = decode_certificate(certificate, members_max=LANE_MEMBERS_MAX)
    checkpoint = decode_checkpoint(fields[-1]) if len(fields) > _CLAIM_FIELDS else None
    return FinalityClaim(Finality(final, hash32(start_id), headers, members, checkpoint))


def _read_header_proof(fields: list[Value]) -> HeaderProof:
    header, proof = array(fields, 2)
    return HeaderProof(bounded(header, HEADER_MAX_BYTES), bounded(proof, MMR_PROOF_MAX_BYTES))


def _read_get_header_proof(fields: list[Value]) -> GetHeaderProof:
    height, at = array(fields, 2)
    return GetHeaderProof(uint(height), uint(at))


def _write_offers(offers: SnapshotOffers) -> list[Encodable]:
    return [[height, name] for height, name in offers.offers]


def _read_offers(fields: list[Value]) -> SnapshotOffers:
    pairs = (array(row, 2) for row in sequence(fields, SNAPSHOTS_KEPT))
    return SnapshotOffers(tuple((uint(height), hash32(name)) for height, name in pairs))


def _read_get_part(fields: list[Value]) -> GetPart:
    name, index = array(fields, 2)
    return GetPart(hash32(name), uint(index, 32))


SNAPSHOT_REQUESTS: Final = (
    Form(
        24,
        GetFinality,
        lambda ask: [ask.height],
        lambda fields: GetFinality(uint(array(fields, 1)[0])),
        16,
        1,
    ),
    Form(25, GetSnapshots, lambda ask: [], lambda fields: nothing(fields, GetSnapshots()), 8, 0),
    Form(
        26,
        GetManifest,
        lambda ask: [ask.name],
        lambda fields: GetManifest(hash32(array(fields, 1)[0])),
        64,
        1,
    ),
    Form(28, GetHeaderProof, lambda ask: [ask.height, ask.at], _read_get_header_proof, 32, 2),
    Form(27, GetPart, lambda ask: [ask.name, ask.index], _read_get_part, 64, 2),
)
SNAPSHOT_RESPONSES: Final = (
    Form(
        43,
        HeaderProof,
        lambda answer: [answer.header_raw, answer.proof_raw],
        _read_header_proof,
        HEADER_MAX_BYTES + MMR_PROOF_MAX_BYTES + _OVERHEAD_BYTES,
        2,
    ),
    Form(39, FinalityClaim, _write_claim, _read_claim, RESPONSE_MAX_BYTES, _FINALITY_ITEMS, 3),
    Form(40, SnapshotOffers, _write_offers, _read_offers, 256, 3 * SNAPSHOTS_KEPT),
    Form(
        41,
        SnapshotManifest,
        lambda answer: [answer.raw],
        lambda fields: SnapshotManifest(bounded(array(fields, 1)[0], SNAPSHOT_MANIFEST_BYTES)),
        SNAPSHOT_MANIFEST_BYTES + _OVERHEAD_BYTES,
        1,
    ),
    Form(
        42,
        SnapshotPart,
        lambda answer: [answer.raw],
        lambda fields: SnapshotPart(bounded(array(fields, 1)[0], SNAPSHOT_PART_BYTES)),
        SNAPSHOT_PART_BYTES + _OVERHEAD_BYTES,
        1,
    ),
)
SNAPSHOT_ANSWERS: Final[dict[type, type]] = {
    GetFinality: FinalityClaim,
    GetHeaderProof: HeaderProof,
    GetSnapshots: SnapshotOffers,
    GetManifest: SnapshotManifest,
    GetPart: SnapshotPart,
}
