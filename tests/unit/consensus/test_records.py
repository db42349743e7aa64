"""The log's records: exact, and each names its instance."""

import pytest

from consensus.core.recovery import belongs, floor_of
from consensus.records import (
    CertificateSeen,
    HeightFinal,
    ProofFound,
    ProposalCast,
    Record,
    SigningAllowed,
    VoteCast,
    decode_record,
    encode_record,
    is_trusted,
    record_instance,
    record_view,
)
from consensus.votes import VotePhase, cancel_vote
from genesis.limits import PROOF_MAX_BYTES
from native.codec import encode
from native.errors import InvalidData
from native.hashing import ZERO_HASH
from tests.builders_consensus import (
    make_block,
    make_certificate,
    make_proposal,
    make_state,
    make_vote,
)

STATE = make_state()
BLOCK = make_block(STATE, 3)
RECORDS: list[Record] = [
    VoteCast(make_vote(STATE, 0, VotePhase.PREFER, 3, BLOCK).vote, 0),
    VoteCast(cancel_vote(STATE.instance.id, 3), 0),
    ProposalCast(make_proposal(STATE, BLOCK).proposal),
    CertificateSeen(make_certificate(STATE, VotePhase.CANCEL, 3)),
    CertificateSeen(make_certificate(STATE, VotePhase.COMMIT, 3, BLOCK)),
    HeightFinal(STATE.instance.id, 0, 3, 1, BLOCK.id),
    SigningAllowed(STATE.instance.id, 0, 3),
]


def test_only_what_its_signer_wrote_makes_a_log_trusted() -> None:
    """A restart in the middle of a probation leaves certificates and floors, no trust."""
    trusted = {type(record) for record in RECORDS if is_trusted([record])}
    assert trusted == {VoteCast, ProposalCast, SigningAllowed}
    assert not is_trusted([])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back(record: Record) -> None:
    assert decode_record(encode_record(record)) == record
    assert record_instance(record) == (0, STATE.instance.id)
    assert record_view(record) == 3


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_damaged_record_is_refused(record: Record) -> None:
    raw = encode_record(record)
    for wrong in (raw[:-1], raw + b"\x00", b"", b"\x90", encode([9, *([b""] * 5)])):
        with pytest.raises(InvalidData):
            decode_record(wrong)


def test_a_proof_comes_back_and_is_of_no_instance() -> None:
    record = ProofFound(b"two signatures")
    assert decode_record(encode_record(record)) == record
    assert record_instance(record) == (0, ZERO_HASH)
    assert not belongs(STATE, record)
    assert floor_of(record) == (0, 0)
    assert not is_trusted([record])
    with pytest.raises(InvalidData):
        decode_record(encode_record(ProofFound(bytes(PROOF_MAX_BYTES + 1))))
