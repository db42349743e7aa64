"""A peer that lies is penalized and banned; the chain goes on, and nothing false is believed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from consensus.certificates import QuorumCertificate, encode_voters
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase, cancel_vote
from genesis.limits import INBOUND_TASKS_PER_PEER_MAX, NONCE_GAP_MAX
from genesis.networks import founder_key
from native.errors import InvalidData
from native.hashing import Hash32
from native.signatures import SignatureItem
from p2p.errors import RequestFailed
from p2p.network import Audience
from p2p.wire.messages import (
    BlockData,
    BlockRange,
    FinalAnnounced,
    GetRange,
    Status,
    Transactions,
    TransactionsAnnounced,
)
from tests.integration.liars import Liar, goes_on, lied_to
from tests.integration.nodes import (
    FEE_MAX,
    Cluster,
    RunningNode,
    balance_of,
    cluster,
    public_account,
    transfer,
    until,
)
from vm.transactions import sign_transaction

FORGED = bytes(3309)


def vote_of_founder(victim: RunningNode, *, ahead: int = 5) -> Vote:
    """A vote for a view to come, as founder 0 might cast it."""
    state = victim.node.engine.state
    return cancel_vote(state.instance.id, state.view + ahead)


def certificate_of(
    vote: Vote, voters: list[int], signatures: tuple[bytes, ...]
) -> QuorumCertificate:
    """A certificate of epoch 0 in an electorate of one."""
    return QuorumCertificate(
        vote.instance_id,
        0,
        vote.phase,
        vote.view,
        vote.height,
        vote.block_id,
        encode_voters(voters, 1),
        signatures,
    )


async def test_a_forged_vote_bans_its_sender(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        forged = SignedVote(vote_of_founder(victim), 0, 0, FORGED)
        liar.network.push(forged, Audience.PEERS)
        await until(lambda: liar.is_banned_by(victim))
        await goes_on(victim)


async def test_a_vote_signed_for_another_context_is_forged(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        vote = vote_of_founder(victim)
        signature = founder_key("testnet", 0).sign(vote.signing_bytes, VOTE_CONTEXT + b"x")
        liar.network.push(SignedVote(vote, 0, 0, signature), Audience.PEERS)
        await until(lambda: liar.is_banned_by(victim))


async def test_votes_of_strangers_and_far_views_are_dropped_unverified(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        state = victim.node.engine.state
        stranger = SignedVote(cancel_vote(state.instance.id, state.view + 3), 0, 7, FORGED)
        far = SignedVote(cancel_vote(state.instance.id, state.view + 10_000), 0, 0, FORGED)
        later = SignedVote(cancel_vote(state.instance.id, state.view + 3), 9, 0, FORGED)
        for vote in (stranger, far, later):
            liar.network.push(vote, Audience.PEERS)
        await goes_on(victim)
        assert not liar.is_banned_by(victim)


async def test_what_a_stranger_pushes_into_consensus_is_dropped_unverified(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path, stranger=True) as (_, victim, liar):
        vote = vote_of_founder(victim)
        for message in (SignedVote(vote, 0, 0, FORGED), certificate_of(vote, [0], (FORGED,))):
            liar.network.push(message, Audience.PEERS)
        await goes_on(victim)
        assert liar.score_at(victim) == 100


@pytest.mark.parametrize("certified", [False, True])
async def test_a_forged_copy_does_not_hide_the_true_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, certified: bool
) -> None:
    async with lied_to(tmp_path) as (net, victim, liar):
        other = Liar(net, "other", founder_key("testnet", 0))
        await net.nursery.start(other.network.run)
        state = victim.node.engine.state
        vote = cancel_vote(state.instance.id, state.view + 50)
        true = founder_key("testnet", 0).sign(vote.signing_bytes, VOTE_CONTEXT)
        verifier = victim.node.context.verifier
        verified, verify = trio.Event(), verifier.verify_consensus

        async def slow(items: Sequence[SignatureItem]) -> list[bool]:
            await verified.wait()
            return await verify(items)

        def signed(signature: bytes) -> SignedVote | QuorumCertificate:
            if certified:
                return certificate_of(vote, [0], (signature,))
            return SignedVote(vote, 0, 0, signature)

        monkeypatch.setattr(verifier, "verify_consensus", slow)
        liar.network.push(signed(FORGED), Audience.PEERS)
        await trio.sleep(0.05)
        other.network.push(signed(true), Audience.PEERS)
        await trio.sleep(0.05)
        verified.set()
        await until(lambda: liar.is_banned_by(victim))
        await until(lambda: victim.node.engine.state.at(vote.view).null is not None)
        assert not other.is_banned_by(victim)


async def test_one_peer_takes_only_its_share_of_the_verification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        state = victim.node.engine.state
        begun: list[bytes] = []
        verified = trio.Event()

        async def slow(items: Sequence[SignatureItem]) -> list[bool]:
            begun.extend(item.message for item in items)
            await verified.wait()
            return [False for _ in items]

        monkeypatch.setattr(victim.node.context.verifier, "verify_consensus", slow)
        for number in range(2 * INBOUND_TASKS_PER_PEER_MAX):
            block_id = Hash32(number.to_bytes(32, "big"))
            vote = Vote(state.instance.id, VotePhase.PREFER, state.view + 50, 90, block_id)
            liar.network.push(SignedVote(vote, 0, 0, FORGED), Audience.PEERS)
        await trio.sleep(0.5)
        assert len(begun) == INBOUND_TASKS_PER_PEER_MAX
        verified.set()
        await until(lambda: liar.is_banned_by(victim))
        await goes_on(victim)


async def test_two_votes_that_exclude_each_other_are_kept_as_evidence(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        state = victim.node.engine.state
        for block in (b"\x0a", b"\x0b"):
            view = state.view + 50
            vote = Vote(state.instance.id, VotePhase.PREFER, view, 90, Hash32(block * 32))
            signature = founder_key("testnet", 0).sign(vote.signing_bytes, VOTE_CONTEXT)
            liar.network.push(SignedVote(vote, 0, 0, signature), Audience.PEERS)
        await until(lambda: len(victim.node.engine.evidence) == 1)
        assert not liar.is_banned_by(victim)  # it may only have passed them on


async def test_a_certificate_of_too_few_voters_bans_its_sender(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        vote = vote_of_founder(victim, ahead=1)
        liar.network.push(certificate_of(vote, [], ()), Audience.PEERS)
        await until(lambda: liar.is_banned_by(victim))
        await goes_on(victim)


async def test_a_certificate_with_a_forged_signature_bans_its_sender(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        state = victim.node.engine.state
        vote = Vote(state.instance.id, VotePhase.COMMIT, state.view + 1, 3, Hash32(b"\x11" * 32))
        liar.network.push(certificate_of(vote, [0], (FORGED,)), Audience.PEERS)
        await until(lambda: liar.is_banned_by(victim))
        await goes_on(victim)


async def test_gossip_whose_header_is_not_the_certified_block_is_rejected(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path, stranger=True) as (_, victim, liar):
        instance_id = victim.node.engine.state.instance.id
        vote = Vote(instance_id, VotePhase.COMMIT, 1, 3, Hash32(b"\x11" * 32))
        certificate = certificate_of(vote, [0], (FORGED,))
        liar.network.gossip(FinalAnnounced(victim.node.chain.head.head.raw, certificate))
        await until(lambda: liar.is_banned_by(victim))


async def test_gossip_of_another_instance_is_ignored(tmp_path: Path) -> None:
    async with lied_to(tmp_path, stranger=True) as (_, victim, liar):
        head = victim.node.chain.head.head
        vote = Vote(Hash32(b"\x12" * 32), VotePhase.COMMIT, head.view, head.height, head.id)
        liar.network.gossip(FinalAnnounced(head.raw, certificate_of(vote, [0], (FORGED,))))
        await goes_on(victim)
        assert liar.score_at(victim) == 100


async def test_a_pulled_transaction_with_a_forged_signature_bans_its_sender(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path) as (net, victim, liar):
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        raw = bytearray(good.raw)
        raw[-1] ^= 1
        liar.answers = [Transactions((bytes(raw),))]
        liar.network.push(TransactionsAnnounced((good.id,)), Audience.PEERS)
        await until(lambda: liar.is_banned_by(victim))
        assert len(victim.node.pool.mempool) == 0
        await victim.node.pool.submit(good.raw)  # the forgery does not keep the good one out


async def test_a_transaction_that_can_never_be_valid_costs_its_sender_one_too_poor_does_not(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path, stranger=True) as (net, victim, liar):
        poor = transfer(net, public_account(0), nonce=0, to=public_account(1), amount=10**30)
        liar.answers = [Transactions((poor.raw,))]
        liar.network.push(TransactionsAnnounced((poor.id,)), Audience.PEERS)
        await until(lambda: bool(liar.asked))
        await goes_on(victim)
        assert liar.score_at(victim) == 100
        body = replace(poor.transaction, network_id=net.document.network_id + 1, nonce=9_999)
        lost = sign_transaction(body, public_account(0), reveal=True)
        liar.answers = [Transactions((lost.raw,))]
        liar.network.push(TransactionsAnnounced((lost.id,)), Audience.PEERS)
        await until(lambda: liar.score_at(victim) < 80)
        assert not liar.is_banned_by(victim)


async def test_who_announces_and_does_not_give_pays_and_the_next_one_is_asked(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path, stranger=True) as (net, victim, liar):
        honest = Liar(net, "honest")
        await net.nursery.start(honest.network.run)
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        honest.answers = [Transactions((good.raw,))]
        liar.silent = True
        liar.network.push(TransactionsAnnounced((good.id,)), Audience.PEERS)
        await until(lambda: bool(liar.asked))
        honest.network.push(TransactionsAnnounced((good.id,)), Audience.PEERS)
        await until(lambda: victim.node.pool.mempool.knows(good.id))
        assert liar.score_at(victim) < 100
        assert honest.score_at(victim) == 100


async def test_a_peer_that_connects_learns_what_is_pending(tmp_path: Path) -> None:
    async with cluster(tmp_path, 2) as net:
        alone = await net.start(0)  # without the other founder nothing becomes final
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        await alone.node.pool.submit(good.raw)
        await trio.sleep(1)
        follower = await net.start(2, founder=False)
        await until(lambda: good.id in follower.node.pool.mempool)


async def test_a_peer_that_claims_a_chain_it_does_not_have_is_not_followed(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        head = victim.node.chain.head.head
        wrong = replace(head, height=head.height + 1, parent_id=Hash32(b"\x22" * 32))
        state = victim.node.engine.state
        vote = Vote(state.instance.id, VotePhase.COMMIT, 9, wrong.height, wrong.id)
        certificate = certificate_of(vote, [0], (FORGED,))
        liar.answers = [BlockRange((BlockData(wrong.raw, b"\x90"),), (), certificate)]
        liar.network.set_status(Status(10_000, wrong.id, 0, 10_000))
        await until(lambda: liar.is_banned_by(victim))
        await goes_on(victim)


@pytest.mark.parametrize("count", [0, 257])
async def test_a_range_of_a_size_nobody_may_ask_for_is_refused(tmp_path: Path, count: int) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        with pytest.raises(RequestFailed):
            await liar.network.request(
                victim.node.context.network.peer_id, GetRange(1, count), timeout_s=2.0
            )
        await goes_on(victim)


async def test_bad_transactions_get_a_named_error_and_change_nothing(tmp_path: Path) -> None:
    async with cluster(tmp_path, 1) as net:
        node = await net.start(0)
        await until(lambda: node.height >= 1)
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        cases = {
            "decode_error": good.raw[:-1],
            "invalid_signature": good.raw[:-1] + bytes([good.raw[-1] ^ 1]),
            "insufficient_balance": changed(net, amount=10**30),
            "nonce_too_far": changed(net, nonce=NONCE_GAP_MAX + 1),
            "expired": changed(net, valid_until=0),
            "fee_too_low": changed(net, fee_max=1),
        }
        for code, raw in cases.items():
            with pytest.raises(InvalidData) as refused:
                await node.node.pool.submit(raw)
            assert refused.value.code == code
        assert len(node.node.pool.mempool) == 0
        await node.node.pool.submit(changed(net, nonce=NONCE_GAP_MAX))
        all_it_has = balance_of(node, public_account(0)) - FEE_MAX
        with pytest.raises(InvalidData) as uncovered:
            await node.node.pool.submit(changed(net, nonce=1, amount=all_it_has))
        assert uncovered.value.code == "pending_not_covered"
        await node.node.pool.submit(good.raw)
        await until(lambda: node.node.chain.locate(good.id) is not None)
        with pytest.raises(InvalidData) as replayed:
            await node.node.pool.submit(good.raw)
        assert replayed.value.code == "nonce_mismatch"


def changed(
    net: Cluster, *, nonce: int = 0, amount: int = 1, fee_max: int = FEE_MAX, valid_until: int = 99
) -> bytes:
    """A transfer of the first public account."""
    signed = transfer(net, public_account(0), nonce=nonce, to=public_account(1), amount=amount)
    body = replace(signed.transaction, fee_max=fee_max, valid_until=valid_until)
    return sign_transaction(body, public_account(0), reveal=True).raw
