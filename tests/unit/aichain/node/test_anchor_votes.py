"""Which late votes a proposer keeps: those for what ended the epoch, and one of each voter."""

from dataclasses import replace
from typing import Any, cast

import pytest

from aichain.node.anchor_votes import AnchorVotes
from consensus.certificates import QuorumCertificate, assemble
from consensus.votes import SignedVote, Vote, VotePhase, cancel_vote
from genesis.limits import SYSTEM_TRANSACTIONS_MAX
from native.hashing import Hash32, derive_hash
from vm.anchors import Anchor

INSTANCE, BLOCK, OTHER = (Hash32(derive_hash("test", name)) for name in (b"i", b"b", b"o"))
MEMBERS, EPOCH = 7, 3
COMMIT = Vote(INSTANCE, VotePhase.COMMIT, 9, 40, BLOCK)


def signed(voter: int, vote: Vote = COMMIT, epoch: int = EPOCH) -> SignedVote:
    return SignedVote(vote, epoch, voter, bytes([voter]) * 3309)


def certificate() -> QuorumCertificate:
    return assemble([signed(voter) for voter in range(5)], MEMBERS)


@pytest.fixture
def anchors() -> AnchorVotes:
    """Only its memory is looked at."""
    return AnchorVotes(cast("Any", None), cast("Any", None))


def brought(anchors: AnchorVotes, epoch: int = EPOCH) -> dict[int, set[int]]:
    """Whose votes it would bring, by view."""
    votes = anchors._votes(certificate(), epoch)
    return {view: set(of_view) for view, of_view in votes.items()}


def test_late_votes_are_brought_beside_those_of_the_certificate(anchors: AnchorVotes) -> None:
    again = replace(COMMIT, view=11)
    for late in (signed(5), signed(6, again)):
        assert anchors.wants(late, certificate())
        anchors.keep(late)
    assert brought(anchors) == {9: {0, 1, 2, 3, 4, 5}, 11: {6}}


def test_a_voter_is_kept_once(anchors: AnchorVotes) -> None:
    anchors.keep(signed(5))
    assert not anchors.wants(signed(5), certificate())
    assert not anchors.wants(signed(5, replace(COMMIT, view=11)), certificate())
    assert not anchors.wants(signed(4), certificate())


@pytest.mark.parametrize(
    "vote",
    [
        replace(COMMIT, phase=VotePhase.PREFER),
        replace(COMMIT, block_id=OTHER),
        replace(COMMIT, instance_id=OTHER),
        replace(COMMIT, height=41),
        cancel_vote(INSTANCE, 9),
    ],
)
def test_no_other_vote_is_wanted(anchors: AnchorVotes, vote: Vote) -> None:
    assert not anchors.wants(signed(5, vote), certificate())


def test_only_the_last_epoch_is_remembered(anchors: AnchorVotes) -> None:
    anchors.keep(signed(5))
    anchors.keep(signed(6, epoch=EPOCH + 1))
    anchors.keep(signed(7))  # its epoch ended while it was verified
    assert brought(anchors) == {9: {0, 1, 2, 3, 4}}
    assert brought(anchors, EPOCH + 1) == {9: {0, 1, 2, 3, 4, 6}}


def test_ones_own_vote_is_brought_once(anchors: AnchorVotes) -> None:
    anchors.note(signed(5))
    assert brought(anchors) == {9: {0, 1, 2, 3, 4, 5}}
    anchors.keep(replace(signed(5), signature=bytes(3309)))
    assert brought(anchors) == {9: {0, 1, 2, 3, 4, 5}}


def test_no_more_is_signed_than_a_block_takes_and_the_most_votes_come_first(
    anchors: AnchorVotes,
) -> None:
    """Who is evil names another view for each of its votes: every block's proposer signed a
    transaction for each of them, 300 with 1,000 validators."""
    members, quorum = 60, 20
    decided = assemble([signed(voter) for voter in range(quorum)], members)
    for voter in range(quorum, members):
        anchors.keep(signed(voter, replace(COMMIT, view=100 + voter)))
    parts = anchors._parts(decided, EPOCH, Anchor(40, INSTANCE, BLOCK, 0, bytes(8)))
    assert len(parts) == SYSTEM_TRANSACTIONS_MAX
    assert [len(votes) for _, votes in parts] == [18, 2, *[1] * (SYSTEM_TRANSACTIONS_MAX - 2)]
    counted = Anchor(40, INSTANCE, BLOCK, 0, b"\xff\xff\x0f" + bytes(5))
    assert [set(votes) for _, votes in anchors._parts(decided, EPOCH, counted)] == [
        {voter} for voter in range(quorum, quorum + SYSTEM_TRANSACTIONS_MAX)
    ]
