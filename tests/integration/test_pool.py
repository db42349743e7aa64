"""Transactions reach every node though messages are lost, and silent peers hold nobody up."""

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import trio

from genesis.limits import FETCH_TASKS, TRANSACTION_MAX_BYTES, VERIFY_BATCH_ITEMS
from genesis.networks import founder_key
from genesis.units import address_of_key
from native import codec
from native.hashing import Hash32, derive_hash
from native.signatures import SignatureItem, SigningKey
from p2p.memory_links import Conditions, EqualLinks
from p2p.memory_network import MemoryHub
from p2p.network import Audience
from p2p.wire.messages import (
    AnyRequest,
    GetTransactions,
    Pushed,
    Response,
    Transactions,
    TransactionsAnnounced,
)
from tests.integration.liars import Liar, lied_to
from tests.integration.nodes import (
    Cluster,
    RunningNode,
    cluster,
    public_account,
    transfer,
    until,
)
from vm.queries import account_view
from vm.transactions import SignedTransaction, decode_transaction, without_key


async def test_a_lost_announcement_is_repeated(tmp_path: Path) -> None:
    async with cluster(tmp_path, 2) as net:
        alone = await net.start(0)  # without the other founder nothing becomes final
        follower = await net.start(2, founder=False)
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        links = net.hub.links
        assert isinstance(links, EqualLinks)
        kept, links.conditions = links.conditions, Conditions(loss_permille=1000)
        await alone.node.pool.submit(good.raw)
        await trio.sleep(1)
        links.conditions = kept
        assert good.id not in follower.node.pool.mempool
        await until(lambda: good.id in follower.node.pool.mempool)


async def test_everything_arrives_everywhere_though_a_tenth_of_the_messages_is_lost(
    tmp_path: Path,
) -> None:
    async with cluster(tmp_path, 4) as net:
        net.hub = MemoryHub(EqualLinks(3, Conditions(1, 3, loss_permille=100)))
        nodes = [await net.start(index) for index in (0, 1)]  # two of four: nothing becomes final
        nodes += [await net.start(index, founder=False) for index in (4, 5)]
        sent = [
            transfer(net, public_account(index), nonce=nonce, to=public_account(0))
            for index in range(1, 5)
            for nonce in range(5)
        ]
        for count, signed in enumerate(sent):
            await nodes[count % 4].node.pool.submit(signed.raw)
        await until(lambda: all(len(each.node.pool.mempool) == len(sent) for each in nodes))


async def test_a_transaction_that_is_submitted_again_is_announced_again_but_not_for_each_call(
    tmp_path: Path,
) -> None:
    async with cluster(tmp_path, 2) as net:
        alone = await net.start(0)
        await net.start(2, founder=False)
        await trio.sleep(1)  # they have greeted each other
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        told: list[float] = []
        send = alone.node.context.network.send

        def heard(peer: str, message: Pushed) -> bool:
            if isinstance(message, TransactionsAnnounced):
                told.append(trio.current_time())
            return send(peer, message)

        with patch.object(alone.node.context.network, "send", heard):
            await alone.node.pool.submit(good.raw)
            await trio.sleep(1.2)
            assert len(told) == 1
            for _ in range(50):
                assert await alone.node.pool.submit(good.raw) == good.id
            await trio.sleep(0.3)
            assert len(told) == 2


async def test_who_watches_the_pool_hears_once_of_what_callers_and_peers_bring(
    tmp_path: Path,
) -> None:
    async with cluster(tmp_path, 2) as net:
        alone = await net.start(0)
        follower = await net.start(2, founder=False)
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        other = transfer(net, public_account(1), nonce=0, to=public_account(0))
        with (
            alone.node.pool.pooled.subscribe() as own,
            follower.node.pool.pooled.subscribe() as far,
        ):
            for signed in (good, good, other):
                await alone.node.pool.submit(signed.raw)
            assert [await own.__anext__(), await own.__anext__()] == [(good.id,), (other.id,)]
            heard: set[Hash32] = set()
            with trio.fail_after(10):
                while len(heard) < 2:
                    came = await far.__anext__()
                    assert not heard & set(came)
                    heard |= set(came)
            assert heard == {good.id, other.id}


def some_ids(count: int, seed: bytes) -> tuple[Hash32, ...]:
    return tuple(derive_hash("aichain/test/ids", seed + bytes([i])) for i in range(count))


async def announce_forever(liar: Liar) -> None:
    """New ids ten times a second, and never an answer."""
    liar.silent = True
    count = 0
    while True:
        count += 1
        ids = some_ids(3, liar.network.peer_id.encode() + count.to_bytes(4, "big"))
        liar.network.push(TransactionsAnnounced(ids), Audience.PEERS)
        await trio.sleep(0.1)


async def an_honest_peer(net: Cluster) -> tuple[Liar, Hash32]:
    """A peer with one transaction, which it gives to whoever asks."""
    honest = Liar(net, "honest")
    await net.nursery.start(honest.network.run)
    good = transfer(net, public_account(0), nonce=0, to=public_account(1))
    honest.answers = [Transactions((good.raw,))]
    return honest, good.id


async def test_a_silent_peer_holds_one_task_and_is_left_alone_longer_and_longer(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path, stranger=True) as (net, victim, liar):
        net.nursery.start_soon(announce_forever, liar)
        await until(lambda: bool(liar.asked))
        honest, tx_id = await an_honest_peer(net)
        await trio.sleep(0.5)
        assert len(liar.asked) == 1
        honest.network.push(TransactionsAnnounced((tx_id,)), Audience.PEERS)
        await until(lambda: victim.node.pool.mempool.knows(tx_id), deadline_s=1)
        await trio.sleep(8)
        assert 2 <= len(liar.asked) <= 3, "asked after 2 and after 2 + 4 more seconds"
        assert 85 <= liar.score_at(victim) < 100


async def test_as_many_silent_peers_as_there_are_tasks_are_a_short_delay(tmp_path: Path) -> None:
    async with lied_to(tmp_path, stranger=True) as (net, victim, liar):
        liars = [liar, *(Liar(net, f"silent {number}") for number in range(1, 2 * FETCH_TASKS))]
        for each in liars[1:]:
            await net.nursery.start(each.network.run)
        for each in liars:
            net.nursery.start_soon(announce_forever, each)
        await until(lambda: all(each.asked for each in liars), deadline_s=6)
        honest, tx_id = await an_honest_peer(net)
        honest.network.push(TransactionsAnnounced((tx_id,)), Audience.PEERS)
        await until(lambda: victim.node.pool.mempool.knows(tx_id), deadline_s=3)


async def test_what_a_silent_peer_was_to_give_is_asked_of_the_next_announcer(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path, stranger=True) as (net, victim, liar):
        liar.silent = True
        honest, tx_id = await an_honest_peer(net)
        for start in range(3):  # more than one request may hold
            ids = tuple(each for i in range(4) for each in some_ids(200, bytes([start, i])))
            liar.network.push(TransactionsAnnounced(ids), Audience.PEERS)
        liar.network.push(TransactionsAnnounced((tx_id,)), Audience.PEERS)
        await trio.sleep(0.2)
        honest.network.push(TransactionsAnnounced((tx_id,)), Audience.PEERS)
        await until(lambda: victim.node.pool.mempool.knows(tx_id), deadline_s=3)
        assert honest.score_at(victim) == 100


async def test_a_copy_that_is_bad_by_its_witness_alone_does_not_keep_the_good_one_away(
    tmp_path: Path,
) -> None:
    """The id leaves the witness out: anybody may cut the key of a first transaction out of it."""
    async with lied_to(tmp_path, stranger=True) as (net, victim, liar):
        honest, tx_id = await an_honest_peer(net)
        (answer,) = honest.answers
        assert isinstance(answer, Transactions)
        unsigned, witness = codec.array(
            codec.decode(answer.raws[0], max_bytes=TRANSACTION_MAX_BYTES, max_items=64), 2
        )
        algorithm, _, signature = codec.array(witness, 3)
        copy = codec.encode([unsigned, [algorithm, b"", signature]])
        assert decode_transaction(copy).id == tx_id
        asked, others_came = trio.Event(), trio.Event()

        async def late(_peer: str, _request: AnyRequest) -> Response:
            asked.set()
            await others_came.wait()
            return Transactions((copy,))

        liar.network.set_handler(late)
        liar.network.push(TransactionsAnnounced((tx_id,)), Audience.PEERS)
        with trio.fail_after(3):
            await asked.wait()
        honest.network.push(TransactionsAnnounced((tx_id,)), Audience.PEERS)
        await trio.sleep(0.2)
        others_came.set()
        await until(lambda: victim.node.pool.mempool.knows(tx_id), deadline_s=3)
        assert liar.score_at(victim) == 100, "whose head is older sees no key either"


async def test_whoever_adds_a_known_key_to_a_transaction_changes_nothing(tmp_path: Path) -> None:
    """A founder's key is known from genesis on, a public account's from its first transaction."""
    async with cluster(tmp_path, 2) as net:
        nodes = [await net.start(index) for index in range(2)]
        sender, other = founder_key("testnet", 0), public_account(0)
        fattened = transfer(net, sender, nonce=0, to=other)
        early = [transfer(net, other, nonce=nonce, to=sender) for nonce in range(3)]
        for signed in (fattened, *early):
            await nodes[0].node.pool.submit(signed.raw)
        late = transfer(net, other, nonce=3, to=sender)
        await until(lambda: nonce_at(nodes[1], other) == 3)
        assert await nodes[1].node.pool.submit(late.raw) == late.id
        await until(lambda: all(nonce_at(node, other) == 4 for node in nodes))
        on_chain = contents(nodes[1])
        assert on_chain[fattened.id] == without_key(fattened)
        shown = [bool(on_chain[each.id].public_key) for each in (*early, late)]
        assert shown == [True, False, False, False]


def nonce_at(running: RunningNode, key: SigningKey) -> int:
    return account_view(running.node.chain.head, address_of_key(key.public_key)).nonce


def contents(running: RunningNode) -> dict[Hash32, SignedTransaction]:
    """Every final transaction of one node."""
    blocks = [running.node.chain.blocks.block_at(at + 1) for at in range(running.height)]
    return {each.id: each for kept in blocks if kept for each in kept.block.transactions}


def forgeries(net: Cluster, count: int) -> list[bytes]:
    """Copies of one transaction, each with a signature of its own that does not hold."""
    raw = transfer(net, public_account(0), nonce=0, to=public_account(1)).raw
    return [raw[:-4] + number.to_bytes(4, "big") for number in range(count)]


async def test_a_forger_gets_one_batch_of_the_verifier_and_is_banned(tmp_path: Path) -> None:
    """Each copy passes every cheap check, so nothing but its signature tells that it is false."""
    async with lied_to(tmp_path, stranger=True) as (net, victim, liar):
        verifier, batches = victim.node.context.verifier, list[int]()
        verify_bulk = verifier.verify_bulk

        async def count(items: Sequence[SignatureItem]) -> list[bool]:
            batches.append(len(items))
            return await verify_bulk(items)

        liar.answers = [Transactions(tuple(forgeries(net, 3 * VERIFY_BATCH_ITEMS)))]
        ids = tuple(some_ids(3 * VERIFY_BATCH_ITEMS, b"forged"))
        with patch.object(verifier, "verify_bulk", count):
            liar.network.push(TransactionsAnnounced(ids), Audience.PEERS)
            await until(lambda: liar.score_at(victim) <= 0)
            await trio.sleep(0.5)
        assert batches == [VERIFY_BATCH_ITEMS]


async def test_what_has_just_become_final_is_still_given_to_who_builds_its_block_later(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path, stranger=True) as (net, victim, slow):
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        await victim.node.pool.submit(good.raw)
        await until(lambda: victim.node.chain.locate(good.id) is not None)
        await until(lambda: good.id not in victim.node.pool.mempool)
        here = victim.node.context.network.peer_id
        answer = await slow.network.request(here, GetTransactions((good.id,)), timeout_s=2)
        assert answer.raws == (good.raw,)


async def test_what_the_pool_verified_is_not_verified_again_with_its_block(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in (0, 1)]  # two of four: nothing becomes final
        good = transfer(net, public_account(0), nonce=0, to=public_account(1))
        await nodes[0].node.pool.submit(good.raw)
        await until(lambda: all(good.id in node.node.pool.mempool for node in nodes))
        await net.start(2)
        await until(lambda: all(node.node.chain.locate(good.id) is not None for node in nodes))
        shown = b"".join(node.rpc.backend.metrics_text() for node in nodes)
        assert b'aichain_block_transactions_checked_total{how="known"} 1.0' in shown
        assert b'aichain_block_transactions_checked_total{how="verified"} 1.0' not in shown
