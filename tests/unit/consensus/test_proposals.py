"""What a proposer signs, and the message that carries it."""

from dataclasses import replace

import pytest

from consensus.errors import MalformedProposal
from consensus.proposals import Proposal, ProposalMessage, SignedProposal, decode_proposal
from consensus.votes import VOTE_SIGNATURE_BYTES
from native.codec import Value, decode, encode
from native.errors import InvalidData
from tests.builders_consensus import make_block, make_proposal, make_state

STATE = make_state()
FIRST = make_block(STATE, 1)
SIGNED = make_proposal(STATE, FIRST)
MESSAGE = ProposalMessage.of(SIGNED, b"header", (FIRST.id, FIRST.parent_id))


def test_a_proposal_signs_view_justification_height_and_block() -> None:
    proposal = SIGNED.proposal
    assert proposal.signing_bytes == (
        b"AICP1"
        + STATE.instance.id
        + (1).to_bytes(8, "big")
        + bytes(8)
        + (1).to_bytes(8, "big")
        + FIRST.id
    )


def test_the_justifying_view_changes_what_is_signed() -> None:
    second = make_block(STATE, 3, FIRST)
    one = make_proposal(STATE, second, justify_view=1).proposal
    other = make_proposal(STATE, second, justify_view=2).proposal
    assert one.signing_bytes != other.signing_bytes


@pytest.mark.parametrize(("view", "justify_view"), [(0, 0), (1, 1), (1, 2), (2**64, 0), (1, -1)])
def test_impossible_views_cannot_be_built(view: int, justify_view: int) -> None:
    with pytest.raises(MalformedProposal):
        Proposal(STATE.instance.id, view, justify_view, FIRST, 0)


def test_a_block_younger_than_its_proposal_cannot_be_built() -> None:
    with pytest.raises(MalformedProposal):
        make_proposal(STATE, make_block(STATE, 5), view=4)


def test_only_a_block_of_an_earlier_view_is_a_repeat() -> None:
    assert not SIGNED.proposal.is_repeat
    assert make_proposal(STATE, FIRST, view=2, justify_view=1).proposal.is_repeat


def test_the_message_comes_back_and_binds_to_its_header() -> None:
    raw = encode(MESSAGE.encode())
    received = decode_proposal(decode(raw, max_bytes=4096, max_items=64))
    assert received == MESSAGE
    assert received.bind(STATE.instance.id, FIRST) == SIGNED


def test_a_header_of_another_epoch_does_not_bind() -> None:
    with pytest.raises(MalformedProposal):
        MESSAGE.bind(STATE.instance.id, replace(FIRST, epoch=1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (3, 64),
        (4, bytes(2_000)),
        (5, [bytes(31)]),
        (5, [bytes(32)] * (2**14 + 1)),
        (6, bytes(VOTE_SIGNATURE_BYTES + 1)),
    ],
)
def test_a_bad_field_is_refused(field: int, value: Value) -> None:
    fields = MESSAGE.encode()
    fields[field] = value
    with pytest.raises(InvalidData):
        decode_proposal(fields)


def test_the_claim_is_the_signed_part() -> None:
    claim = SignedProposal(SIGNED.proposal, b"").proposal.claim
    assert claim.signing_bytes == SIGNED.proposal.signing_bytes
    assert (claim.epoch, claim.proposer_index) == (0, SIGNED.proposal.proposer_index)
