"""Quorum, schedule, certificates and codecs for any input."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.certificates import assemble, decode_certificate
from consensus.electorate import SCHEDULE_SLOTS, apportion, draw_schedule
from consensus.errors import QuorumNotReached
from consensus.evidence import certificates_conflict, check_evidence, decode_evidence
from consensus.proposals import decode_proposal
from consensus.quorum import quorum_weight, reaches_quorum
from consensus.records import decode_record, encode_record
from consensus.votes import ReceivedVote, SignedVote, VotePhase, decode_vote, encode_vote
from native.codec import Value, decode, encode
from native.errors import InvalidData
from native.hashing import ZERO_HASH, Hash32
from tests.builders_consensus import (
    make_block,
    make_certificate,
    make_electorate,
    make_state,
    make_vote,
)

WEIGHTS = st.lists(st.integers(1, 2**80), min_size=1, max_size=20)
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.integers(0, 2**64 - 1) | st.binary(max_size=80),
    lambda inner: st.lists(inner, max_size=10),
    max_leaves=40,
)


@given(st.integers(0, 2**90), st.integers(1, 2**90))
def test_the_quorum_is_69_hundredths_exactly(weight: int, total: int) -> None:
    assert reaches_quorum(weight, total) == (Fraction(weight, total) >= Fraction(69, 100))
    assert reaches_quorum(quorum_weight(total), total)
    assert not reaches_quorum(quorum_weight(total) - 1, total)


@given(WEIGHTS, st.data())
def test_two_quorums_share_38_percent(weights: list[int], data: st.DataObject) -> None:
    total = sum(weights)
    members = st.sets(st.sampled_from(range(len(weights))))
    one, other = data.draw(members), data.draw(members)
    if all(reaches_quorum(sum(weights[i] for i in each), total) for each in (one, other)):
        shared = sum(weights[index] for index in one & other)
        assert Fraction(shared, total) >= Fraction(38, 100)


@given(WEIGHTS, st.integers(1, 512))
def test_slots_are_apportioned_within_one_of_the_exact_share(
    weights: list[int], seats: int
) -> None:
    counts, total = apportion(weights, seats), sum(weights)
    assert sum(counts) == seats
    for count, weight in zip(counts, weights, strict=True):
        assert abs(Fraction(count) - Fraction(seats * weight, total)) < 1
    left = [seats * weight % total for weight in weights]
    more = [at for at, weight in enumerate(weights) if counts[at] > seats * weight // total]
    less = [at for at in range(len(weights)) if at not in more]
    for one in more:
        assert all((-left[one], one) < (-left[other], other) for other in less)


@given(WEIGHTS, st.binary(min_size=32, max_size=32))
def test_the_schedule_is_a_shuffle_of_the_slots(weights: list[int], seed: bytes) -> None:
    schedule = draw_schedule(weights, Hash32(seed))
    counts = apportion(weights, SCHEDULE_SLOTS)
    assert [schedule.count(index) for index in range(len(weights))] == list(counts)


STATE = make_state(weights=(1,) * 10)
BLOCK = make_block(STATE, 1)
VOTES = [make_vote(STATE, voter, VotePhase.COMMIT, 1, BLOCK) for voter in range(10)]


@given(st.permutations(VOTES), st.integers(1, 10))
def test_any_votes_make_a_certificate_and_any_quorum_of_them_holds(
    votes: list[SignedVote], count: int
) -> None:
    certificate = assemble(votes[:count], 10)
    assert certificate == assemble(reversed(votes[:count]), 10)
    raw = encode(certificate.encode())
    assert decode_certificate(decode(raw, max_bytes=4096, max_items=64)) == certificate
    if count >= 7:
        certificate.check_quorum(make_electorate((1,) * 10))
    else:
        with pytest.raises(QuorumNotReached):
            certificate.check_quorum(make_electorate((1,) * 10))


@given(st.sets(st.integers(0, 9), min_size=7), st.sets(st.integers(0, 9), min_size=7))
def test_conflicting_quorums_convict_38_percent(one: set[int], other: set[int]) -> None:
    rival = make_block(STATE, 1, salt=1)
    final = make_certificate(STATE, VotePhase.COMMIT, 1, BLOCK, voters=one)
    for excluded in (
        make_certificate(STATE, VotePhase.COMMIT, 1, rival, voters=other),
        make_certificate(STATE, VotePhase.CANCEL, 1, voters=other),
    ):
        found = certificates_conflict(final, excluded)
        assert {evidence.offender for evidence in found} == one & other
        assert Fraction(len(found), 10) >= Fraction(38, 100)
        for evidence in found:
            check_evidence(evidence)


@st.composite
def received_votes(draw: st.DrawFn) -> ReceivedVote:
    phase = draw(st.sampled_from(VotePhase))
    named = phase is not VotePhase.CANCEL
    return ReceivedVote(
        draw(st.integers(0, 2**64 - 1)),
        phase,
        draw(st.integers(1, 2**64 - 1)),
        draw(st.integers(0, 2**64 - 1)) if named else 0,
        Hash32(draw(st.binary(min_size=32, max_size=32))) if named else ZERO_HASH,
        draw(st.integers(0, 63)),
        draw(st.binary(max_size=100)),
    )


@given(received_votes())
def test_a_vote_survives_the_wire(received: ReceivedVote) -> None:
    assert decode_vote(encode_vote(received.bind(BLOCK.id))) == received


@given(VALUES)
def test_no_value_breaks_a_decoder(value: Value) -> None:
    for read in (decode_vote, decode_certificate, decode_proposal, decode_evidence):
        try:
            read(value)
        except InvalidData:
            pass


@given(st.binary(max_size=300))
def test_no_bytes_break_the_log(raw: bytes) -> None:
    try:
        record = decode_record(raw)
    except InvalidData:
        return
    assert encode_record(record) == raw
