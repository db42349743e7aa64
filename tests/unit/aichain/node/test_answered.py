"""Certificates in one answer: as many as there is room for, and one in any case."""

from aichain.node.certificates import answered
from consensus.certificates import QuorumCertificate
from consensus.votes import VotePhase
from genesis.limits import LANE_MEMBERS_MAX, RESPONSE_MAX_BYTES
from native.hashing import ZERO_HASH
from p2p.wire.encoding import encode_message

HEAD_BYTES = 2


def null_of(view: int, members: int) -> QuorumCertificate:
    """Everybody has skipped this view."""
    bits = bytes([255]) * (members // 8)
    signatures = (bytes(3_309),) * members
    return QuorumCertificate(ZERO_HASH, 0, VotePhase.CANCEL, view, 0, ZERO_HASH, bits, signatures)


def test_an_answer_about_views_without_end_fits_at_any_size_of_a_set() -> None:
    for members, fitting in ((16, 32), (64, 19), (LANE_MEMBERS_MAX, 1)):
        held = [null_of(view, members) for view in range(1, 33)]
        answer = answered(held)
        assert list(answer.certificates) == held[:fitting]
        assert len(encode_message(answer)) <= RESPONSE_MAX_BYTES + HEAD_BYTES


def test_nothing_is_an_answer_too() -> None:
    assert answered(()).certificates == ()
