"""What is checked in runs of two lanes is checked: each planted fault is named."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest

from consensus.certificates import QuorumCertificate, assemble
from consensus.instance import Instance
from consensus.lanes.checkpoints import Checkpoint, first_checkpoint
from consensus.lanes.voters import ballot_instance
from consensus.records import VoteCast
from consensus.votes import Lane, SignedVote, Vote, VotePhase
from tests.builders_consensus import GENESIS, GENESIS_HASH
from tests.simulation.lanes.checker import Checker, Violation
from tests.simulation.lanes.scenario import Scenario


@dataclass
class Prompt:
    """No message was ever late."""

    late_until: int = -1


SCENARIO = Scenario("clean", 0)
VOTERS = SCENARIO.voters(0)
FIRST = first_checkpoint(GENESIS, VOTERS.electorate.vset_hash)
SECOND = replace(FIRST, number=1, parent_id=FIRST.id, view=1)
QUORUM = tuple(range(-(-4 * SCENARIO.nodes // 5)))
"""Four fifths of the stakes, drawn as they are, are more than 69 %."""


def ballot() -> Instance:
    return ballot_instance(FIRST, VOTERS, genesis_hash=GENESIS_HASH)


def final(phase: VotePhase, voters: tuple[int, ...]) -> QuorumCertificate:
    """For the checkpoint, in the names of these."""
    vote = Vote(ballot().id, phase, 1, SECOND.number, SECOND.id)
    size = len(VOTERS.electorate)
    return assemble([SignedVote(vote, 0, index, b"") for index in voters], size)


def checker_after_votes() -> Checker:
    """That has seen the votes of a quorum."""
    checker = Checker(SCENARIO, Counter(), Prompt())
    checker.instances[ballot().id] = (Lane.HARD, 1, ballot())
    for index in QUORUM:
        vote = final(VotePhase.COMMIT, QUORUM).vote
        checker.on_vote(SCENARIO.number_of[VOTERS.electorate.members[index]], VoteCast(vote, 0))
    return checker


def test_what_a_quorum_signed_is_hard() -> None:
    checker = checker_after_votes()
    checker.on_hard(0, SECOND, final(VotePhase.COMMIT, QUORUM), (), 1)
    assert checker.decided == {1: SECOND}


@pytest.mark.parametrize(
    ("certificate", "checkpoint"),
    [
        (final(VotePhase.COMMIT, tuple(range(SCENARIO.nodes))), SECOND),
        (final(VotePhase.PREFER, QUORUM), SECOND),
        (final(VotePhase.COMMIT, QUORUM[:2]), SECOND),
        (final(VotePhase.COMMIT, QUORUM), replace(SECOND, number=2)),
        (final(VotePhase.COMMIT, QUORUM), replace(SECOND, view=2)),
    ],
    ids=["names who did not sign", "NOTAR", "no quorum", "another ballot", "another checkpoint"],
)
def test_what_nobody_decided_is_not(certificate: QuorumCertificate, checkpoint: Checkpoint) -> None:
    with pytest.raises(Violation, match="certificate"):
        checker_after_votes().on_hard(0, checkpoint, certificate, (), 1)
