"""The SDK against a server with a real ledger behind it: values, transactions, and their ends."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar, get_args, get_origin

import pytest
import trio

from aichain.client import (
    AI,
    Algorithm,
    Client,
    Expired,
    Failed,
    Final,
    NotFinalInTime,
    OtherNetwork,
    Role,
    RpcGarbled,
    RpcRefused,
    SenderEmpty,
    SigningKey,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
    address_of_key,
    draft,
    estimate,
    format_address,
    sign_transaction,
)
from aichain.client.answers import ANSWERS, READY
from aichain.rpc.methods import build_registry
from aichain.store.account_index import AccountIndex
from genesis.networks import account_key, founder_key
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving
from tests.unit.aichain.cli.whole_answers import whole
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER
from tests.unit.aichain.rpc.serving import Served, served
from vm.bodies import Body
from vm.queries import rewards_view

T = TypeVar("T")
KEY = account_key(NETWORK, 0)
OWN = address_of_key(KEY.public_key)


async def ask(node: Served, question: Callable[[Client], T]) -> T:
    """In a thread, as a trio program does it."""

    def run() -> T:
        with Client(f"http://127.0.0.1:{node.port}") as client:
            return question(client)

    return await trio.to_thread.run_sync(run)


def test_the_table_of_types_is_that_of_the_server() -> None:
    methods = build_registry(faults_enabled=False).methods
    for name, kind in ANSWERS.items():
        if name not in (READY, "aichain_heartbeats"):  # a page; and a method of headquarters
            assert methods[name].result == (get_args(kind)[0] if is_text(kind) else kind), name


def is_text(kind: object) -> bool:
    """The registry takes the pattern off a type that is nothing but a text."""
    return get_origin(kind) is Annotated


async def test_what_a_node_says_are_values() -> None:
    async with served() as node:
        status = await ask(node, lambda client: client.status())
        assert (status.network, status.chain_id, status.height) == (NETWORK, 36999, 2)
        block = await ask(node, lambda client: client.block(1))
        assert block is not None
        (sent,) = block.transactions
        found = await ask(node, lambda client: client.transaction(sent.hash))
        assert found is not None
        assert (found.status, found.transaction.sender) == ("final", format_address(OWN))
        assert await ask(node, lambda client: client.block(99)) is None
        assert await ask(node, lambda client: client.transaction("0x" + "ab" * 32)) is None
        account = await ask(node, lambda client: client.account(STRANGER))
        assert (account.exists, int(account.balance)) == (True, AI)
        supply = await ask(node, lambda client: client.supply())
        assert int(supply.total) == int(supply.genesis) + int(supply.minted) - int(supply.burned)
        assert (await ask(node, lambda client: client.mempool())).count == 0
        validators = await ask(node, lambda client: client.validators())
        assert len(validators.validators) == 4


async def test_a_history_is_read_page_by_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with served() as node:
        backend = node.backend
        for amount in range(1, 5):
            backend.extend([backend.transfer(amount)])
        backend.accounts = AccountIndex(tmp_path_factory.mktemp("index"), backend.document.hash)
        backend.accounts.add([(view.block, view.receipts) for view in backend.views[1:]])

        def read(client: Client) -> list[str]:
            client.history_page = lambda address, cursor=None: Client.history_page(  # type: ignore
                client, address, cursor, 2
            )
            return [entry.amount for entry in client.history(OWN)]

        assert await ask(node, read) == ["4", "3", "2", "1", str(AI)]
        backend.accounts.close()


async def test_what_a_proposer_was_paid_and_is_about_to_get() -> None:
    async with served() as node:
        founder = node.backend.document.validators[1].address
        paid = await ask(node, lambda client: list(client.block_rewards(founder, 0, 2)))
        assert [each.height for each in paid] == [1]
        assert paid[0].amount > 5
        rewards = await ask(node, lambda client: client.rewards(founder))
        view = rewards_view(node.backend.state, founder)
        assert int(rewards.accruing) == view.accruing > 0
        assert int(rewards.next_proposal) == view.next_proposal
        assert paid[0].amount == view.next_proposal + 5  # the tip
        nobody = await ask(node, lambda client: client.rewards(STRANGER))
        assert (nobody.accruing, nobody.pending, nobody.vote_counted) == ("0", "0", False)


async def test_coins_are_sent_and_waited_for() -> None:
    async with served() as node:

        def pay(client: Client) -> tuple[int, Final]:
            before = int(client.account(STRANGER).balance)
            sent = client.transfer(KEY, STRANGER, 7, b"hello")
            trio.from_thread.run_sync(node.backend.extend, [sent])
            outcome = client.wait_for_final(sent)
            assert isinstance(outcome, Final)
            assert outcome == client.wait_for_final("0x" + sent.id.hex())
            return int(client.account(STRANGER).balance) - before, outcome

        gained, outcome = await ask(node, pay)
        assert (gained, outcome.height) == (7, 3)
        assert outcome.receipt.ok


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_an_estimate_is_what_is_burned(algorithm: Algorithm) -> None:
    async with served() as node:
        key = SigningKey.from_seed(bytes([algorithm]) * 32, algorithm)
        address = address_of_key(key.public_key)
        funding = node.backend.sign(Transfer(address, AI), account=0)
        node.backend.extend([funding])

        def spend(client: Client) -> tuple[int, int]:
            cost = estimate(client.sender(address), Transfer(STRANGER, 1), algorithm)
            sent = client.transfer(key, STRANGER, 1)
            trio.from_thread.run_sync(node.backend.extend, [sent])
            outcome = client.wait_for_final(sent)
            return cost.fee, int(outcome.receipt.fee_burned)  # type: ignore[union-attr]

        expected, burned = await ask(node, spend)
        assert expected == burned


async def test_every_body_is_made_and_signed() -> None:
    bodies: tuple[Body, ...] = (
        Transfer(STRANGER, 1),
        Stake(Role.VALIDATOR, OWN, 1),
        Unstake(Role.VALIDATOR, OWN, 1),
        Withdraw(),
        Unjail(),
    )
    async with served() as node:
        for body in bodies:
            signed = await ask(node, partial(Client.sign, key=KEY, body=body, tip=3))
            assert (signed.transaction.body, signed.transaction.tip) == (body, 3)
            assert signed.transaction.nonce == 1
            assert signed.public_key == b""


async def test_a_failed_transaction_says_which_rule_it_broke() -> None:
    async with served() as node:
        signed = node.backend.failing()
        node.backend.extend([signed])
        outcome = await ask(node, lambda client: client.wait_for_final(signed))
        assert isinstance(outcome, Failed)
        assert outcome.error == "validator_unknown"


async def test_what_no_block_took_in_time_is_expired() -> None:
    async with served() as node:

        def wait(client: Client) -> Expired:
            made = draft(client.sender(OWN), Transfer(STRANGER, 1), valid_blocks=2)
            signed = sign_transaction(made, KEY, reveal=False)
            for _ in range(2):
                trio.from_thread.run_sync(node.backend.extend)
            outcome = client.wait_for_final(signed)
            assert isinstance(outcome, Expired)
            return outcome

        outcome = await ask(node, wait)
        assert (outcome.valid_until, outcome.height) == (4, 4)


async def test_waiting_ends() -> None:
    async with served() as node:

        def wait(client: Client) -> None:
            sent = client.transfer(KEY, STRANGER, 1)
            with pytest.raises(NotFinalInTime) as caught:
                client.wait_for_final(sent, timeout_s=0.2)
            assert caught.value.hash == "0x" + sent.id.hex()

        await ask(node, wait)


async def test_refusals_have_stable_names_and_values() -> None:
    async with served() as node:

        def spend_too_much(client: Client) -> RpcRefused:
            with pytest.raises(RpcRefused) as caught:
                client.transfer(KEY, STRANGER, 10**12 * AI)
            return caught.value

        refused = await ask(node, spend_too_much)
        assert (refused.name, refused.number) == ("insufficient_balance", -32003)
        assert int(refused.values["required"]) > 10**12 * AI

        def ask_for_a_history(client: Client) -> str:
            with pytest.raises(RpcRefused) as caught:
                next(client.history(OWN))
            return caught.value.name

        assert await ask(node, ask_for_a_history) == "not_indexed"


async def test_who_has_nothing_cannot_pay() -> None:
    async with served() as node:
        key = founder_key("testnet", 0)

        def spend(client: Client) -> None:
            with pytest.raises(SenderEmpty, match="has no coins on devnet"):
                client.transfer(key, STRANGER, 1)

        await ask(node, spend)


def test_nothing_is_signed_for_another_network_than_the_one_that_is_meant() -> None:
    """A node may say that it is of any: what is signed for it is valid there."""
    status = whole("aichain_status", {"chainId": 36963, "network": "mainnet"})
    with (
        serving(ScriptedNode({"aichain_status": status})) as node,
        Client(node.url, network_id=36999) as client,
        pytest.raises(OtherNetwork, match="36963"),
    ):
        client.transfer(KEY, STRANGER, 1)
    assert "aichain_sendTransaction" not in [call for call, *_ in node.calls]


def test_an_answer_without_one_of_its_fields_is_none() -> None:
    status = whole("aichain_status", {})
    with serving(ScriptedNode({"aichain_status": status})) as node, Client(node.url) as client:
        assert client.status().height == 0
        del status["chainId"]
        with pytest.raises(RpcGarbled, match="chainId"):
            client.status()
        assert client.call("aichain_status")["height"] == 0
