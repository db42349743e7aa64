"""aichain_* of consensus: votes and tallies, turns, proofs that verify, attendance."""

from typing import Any

import pytest

from aichain.rpc.backend import Attendance, Uptime
from consensus.core.events import Started, VoteAccepted
from consensus.core.state import State
from consensus.core.step import step
from consensus.evidence import (
    ConflictingProposals,
    ConflictingVotes,
    SignedClaim,
    encode_evidence,
)
from consensus.proposals import PROPOSAL_CONTEXT, BareProposal
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase, cancel_vote
from genesis.limits import RPC_LISTED_EVIDENCE_MAX, VIEWS_BEHIND_MAX
from genesis.networks import founder_key
from genesis.units import format_address
from native.codec import encode
from native.hashing import Hash32
from native.signatures import verify
from tests.builders_consensus import Driver, make_block
from tests.unit.aichain.rpc.calling import UNKNOWN, Node
from tests.unit.aichain.rpc.fake_backend import FOUNDERS, NETWORK

BLOCKS = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)


def signed(state: State, vote: Vote, voter: int) -> SignedVote:
    signature = founder_key(NETWORK, voter).sign(vote.signing_bytes, VOTE_CONTEXT)
    return SignedVote(vote, state.epoch, voter, signature)


def two_commits(state: State, view: int = 3, voter: int = 2) -> bytes:
    pair = [Vote(state.instance.id, VotePhase.COMMIT, view, 1, block) for block in BLOCKS]
    first, second = (signed(state, vote, voter) for vote in pair)
    return encode(encode_evidence(ConflictingVotes(first, second)))


def commit_and_cancel(state: State, voter: int = 1) -> bytes:
    votes = (
        Vote(state.instance.id, VotePhase.COMMIT, 5, 1, BLOCKS[0]),
        cancel_vote(state.instance.id, 5),
    )
    first, second = (signed(state, vote, voter) for vote in votes)
    return encode(encode_evidence(ConflictingVotes(first, second)))


def two_proposals(state: State, proposer: int = 3) -> bytes:
    sides = []
    for block in BLOCKS:
        claim = BareProposal(state.instance.id, 0, 4, 3, 1, block, proposer)
        signature = founder_key(NETWORK, proposer).sign(claim.signing_bytes, PROPOSAL_CONTEXT)
        sides.append(SignedClaim(claim, signature))
    return encode(encode_evidence(ConflictingProposals(*sides)))


# --- aichain_consensusState


def running(node: Node, *votes: SignedVote) -> None:
    """The fake's core enters view 1 and counts these votes."""
    state, _ = step(node.backend.consensus, Started(now_ms=1_800_000_000_000))
    for vote in votes:
        state, _ = step(state, VoteAccepted(vote, 1_800_000_000_000))
    node.backend.consensus = state


async def test_the_core_shows_its_view_and_who_was_heard(node: Node) -> None:
    state = node.backend.consensus
    running(node, signed(state, cancel_vote(state.instance.id, 1), 2))
    shown = await node.call("aichain_consensusState")
    assert (shown["epoch"], shown["view"], shown["voting"]) == (0, 1, "yes")
    assert shown["proposer"]["index"] == state.instance.proposer(1)
    assert shown["final"]["height"] == shown["tip"]["height"] == 0
    assert [each["view"] for each in shown["heard"]] == [None, None, 1, None]
    assert not any(each["silent"] for each in shown["heard"])
    assert shown["halted"] is None
    assert shown["timers"]["cancelMs"] > shown["timers"]["proposalMs"]


async def test_votes_are_counted_by_block_with_their_weight(node: Node) -> None:
    state = node.backend.consensus
    votes = [
        signed(state, Vote(state.instance.id, VotePhase.PREFER, 1, 1, block), voter)
        for voter, block in ((1, BLOCKS[1]), (2, BLOCKS[0]), (3, BLOCKS[1]))
    ]
    running(node, *votes, signed(state, cancel_vote(state.instance.id, 1), 3))
    shown = await node.call("aichain_consensusState")
    view = shown["views"][0]
    weights = state.instance.electorate.weights
    assert view["votes"]["prefer"] == [
        {"hash": "0x" + BLOCKS[1].hex(), "weight": str(weights[1] + weights[3]), "voters": [1, 3]},
        {"hash": "0x" + BLOCKS[0].hex(), "weight": str(weights[2]), "voters": [2]},
    ]
    assert view["votes"]["cancel"] == [{"hash": None, "weight": str(weights[3]), "voters": [3]}]
    assert view["votes"]["commit"] == []
    assert 100 * int(shown["quorum"]) >= 69 * int(shown["totalWeight"])


async def test_own_votes_and_certificates_of_a_view_are_named(node: Node) -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.accept(block)
    driver.notarize(1, block)
    node.backend.consensus = driver.state
    shown = await node.call("aichain_consensusState", 2)
    assert [each["view"] for each in shown["views"]] == [2, 1]
    name, below = "0x" + block.id.hex(), shown["views"][1]
    assert below["proposals"] == [name]
    assert below["mine"] == {"proposed": None, "prefer": name, "commit": name, "cancel": False}
    assert below["certificates"] == {"notar": name, "final": None, "null": False}
    assert shown["tip"] == {"view": 1, "hash": name, "height": 1}
    driver.nullify(2)
    node.backend.consensus = driver.state
    assert (await node.call("aichain_consensusState"))["views"][1]["certificates"]["null"]


async def test_a_gap_in_the_certificates_leaves_no_tip_and_no_timers(node: Node) -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(7)
    node.backend.consensus = driver.state
    shown = await node.call("aichain_consensusState", 1)
    assert (shown["view"], shown["tip"], shown["timers"]) == (8, None, None)
    assert [each["view"] for each in shown["views"]] == [8]
    assert shown["openViews"] == 7


@pytest.mark.parametrize("views", [0, VIEWS_BEHIND_MAX + 1])
async def test_so_many_views_are_refused(node: Node, views: int) -> None:
    assert await node.error("aichain_consensusState", views) == (-32602, "invalid_params")


# --- aichain_committee


async def test_a_committee_has_weights_and_turns(history: Node) -> None:
    shown = await history.call("aichain_committee")
    electorate = await history.backend.electorate(4)
    assert electorate is not None
    assert (shown["height"], shown["epoch"]) == (4, 0)
    assert [int(each["weight"]) for each in shown["voters"]] == list(electorate.weights)
    assert sum(each["turns"] for each in shown["voters"]) == shown["turnsInAll"]
    assert [each["view"] for each in shown["schedule"]] == list(range(1, 17))
    for turn in shown["schedule"]:
        assert turn["index"] == electorate.proposer(turn["view"])
        assert turn["address"] == format_address(electorate.members[turn["index"]])


async def test_the_turns_of_this_epoch_begin_with_the_present_view(history: Node) -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(11)
    history.backend.consensus = driver.state
    assert (await history.call("aichain_committee", 1, 2))["schedule"][0]["view"] == 12
    blocks = history.backend.document.consensus.epoch_blocks
    assert (await history.call("aichain_committee", blocks + 1, 2))["schedule"][0]["view"] == 1


@pytest.mark.parametrize("height", [0, 10_000])
async def test_who_votes_in_an_undecided_epoch_is_unknown(history: Node, height: int) -> None:
    assert await history.error("aichain_committee", height) == (-32001, "unknown_resource")


# --- aichain_evidence


async def test_a_proof_can_be_checked_with_the_offenders_key(history: Node) -> None:
    state = history.backend.consensus
    proofs = (two_commits(state), commit_and_cancel(state), two_proposals(state))
    history.backend.held = proofs
    shown = await history.call("aichain_evidence")
    assert (shown["count"], shown["next"]) == (3, None)
    newest, middle, oldest = shown["evidence"]
    assert [each["kind"] for each in shown["evidence"]] == ["proposals", "votes", "votes"]
    assert [each["offender"] for each in shown["evidence"]] == [3, 1, 2]
    assert [each["view"] for each in shown["evidence"]] == [4, 5, 3]
    assert middle["second"]["phase"] == "cancel"
    assert middle["second"]["blockHash"] is None
    assert oldest["raw"] == "0x" + proofs[0].hex()
    voters = (await history.call("aichain_validators", 1))["validators"]
    for each, context in ((newest, PROPOSAL_CONTEXT), (oldest, VOTE_CONTEXT)):
        offender = voters[each["offender"]]
        assert each["offenderAddress"] == offender["address"]
        for side in (each["first"], each["second"]):
            assert verify(
                hex_bytes(offender["publicKey"]),
                hex_bytes(side["signedMessage"]),
                context,
                hex_bytes(side["signature"]),
            )


def hex_bytes(text: Any) -> bytes:
    return bytes.fromhex(text[2:])


async def test_proofs_come_in_pages_the_newest_first(history: Node) -> None:
    state = history.backend.consensus
    history.backend.held = tuple(two_commits(state, view) for view in range(1, 6))
    first = await history.call("aichain_evidence", None, 2)
    history.backend.held += (two_commits(state, 6),)  # what is new moves no page
    second = await history.call("aichain_evidence", first["next"], 2)
    last = await history.call("aichain_evidence", second["next"], 2)
    views = [each["view"] for page in (first, second, last) for each in page["evidence"]]
    assert views == [5, 4, 3, 2, 1]
    assert (last["next"], last["count"]) == (None, 6)
    forgotten = await history.call("aichain_evidence", UNKNOWN)
    assert (forgotten["evidence"], forgotten["next"]) == ([], None)
    for limit in (0, RPC_LISTED_EVIDENCE_MAX + 1):
        refused = await history.error("aichain_evidence", None, limit)
        assert refused == (-32602, "invalid_params")


# --- aichain_validatorUptime


async def test_attendance_is_shown_with_shares(history: Node) -> None:
    members = [founder.address for founder in history.backend.document.validators]
    history.backend.attended = Uptime(
        1, 3, 3, tuple(Attendance(address, 1, 2, 2, 3) for address in members)
    )
    shown = await history.call("aichain_validatorUptime", 100)
    assert history.backend.windows == [100]
    assert (shown["firstHeight"], shown["lastHeight"]) == (1, 3)
    assert len(shown["validators"]) == FOUNDERS
    assert shown["validators"][0] == {
        "address": format_address(members[0]),
        "proposed": 1,
        "missed": 2,
        "signed": 2,
        "certificates": 3,
        "signedPermille": 666,
    }


async def test_who_had_no_certificate_to_sign_has_no_share(history: Node) -> None:
    member = history.backend.document.validators[0].address
    history.backend.attended = Uptime(1, 1, 0, (Attendance(member, 1, 0, 0, 0),))
    shown = await history.call("aichain_validatorUptime")
    assert shown["validators"][0]["signedPermille"] is None


@pytest.mark.parametrize("blocks", [0, 1_025])
async def test_a_window_is_at_most_what_certificates_are_kept_for(
    history: Node, blocks: int
) -> None:
    assert await history.error("aichain_validatorUptime", blocks) == (-32602, "invalid_params")
