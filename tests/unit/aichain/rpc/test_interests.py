"""What final blocks and votes are to those who asked for them, and to those who did not."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from aichain.rpc.errors import InvalidParams
from aichain.rpc.interests import (
    AccountChanges,
    FinalTransactions,
    Interest,
    NewBlocks,
    NewHeads,
    Source,
    Votes,
)
from aichain.rpc.methods.subscribing import Topic, interest_of
from aichain.rpc.occurrences import FinalBlockSeen, VoteSeen
from consensus.votes import VotePhase
from genesis.networks import account_key
from genesis.units import AI, address_of_key, format_address
from tests.unit.aichain.rpc.calling import SENDER, Node
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER

SENDER_ADDRESS = address_of_key(account_key(NETWORK, 0).public_key)
ON_BLOCKS: tuple[Interest, ...] = (NewBlocks(), NewHeads(), FinalTransactions())


async def heard(node: Node, interest: Interest, height: int) -> Sequence[Any]:
    """The notices of a final block, as clients read them."""
    seen = FinalBlockSeen(node.protocol, node.backend.views[height])
    return [msgspec.json.decode(msgspec.json.encode(n)) for n in await interest.notices(seen)]


async def test_a_block_is_pushed_without_its_transactions(history: Node) -> None:
    (head,) = await heard(history, NewBlocks(), 2)
    block = await history.call("aichain_getBlock", 2)
    transactions = block.pop("transactions")
    assert head == block
    assert head["transactionCount"] == len(transactions) == 2


async def test_every_final_transaction_is_pushed_as_it_is_looked_up(history: Node) -> None:
    pushed = await heard(history, FinalTransactions(), 2)
    assert [each["status"] for each in pushed] == ["final", "failed"]
    for each in pushed:
        found = await history.call("aichain_getTransaction", each["hash"])
        del found["raw"]
        assert each == found
    assert await heard(history, FinalTransactions(), 3) == []


@pytest.mark.parametrize("address", [SENDER_ADDRESS, STRANGER], ids=["sender", "recipient"])
async def test_an_account_hears_of_blocks_that_have_something_of_it(
    history: Node, address: Any
) -> None:
    (notice,) = await heard(history, AccountChanges(address), 2)
    block = await history.call("aichain_getBlock", 2)
    account = await history.call("aichain_getAccount", format_address(address))
    assert notice["transactions"] == [block["transactions"][0]["hash"]]
    assert (notice["balance"], notice["nonce"]) == (account["balance"], account["nonce"])
    assert (notice["height"], notice["stateHeight"]) == (2, 3)
    for height in (1, 3):
        assert await heard(history, AccountChanges(address), height) == []


async def test_an_account_that_both_sends_and_receives_hears_once(history: Node) -> None:
    history.backend.extend([history.backend.transfer(AI), history.backend.failing()])
    (notice,) = await heard(history, AccountChanges(SENDER_ADDRESS), 4)
    assert len(notice["transactions"]) == 1


@pytest.mark.parametrize("phase", VotePhase)
async def test_a_vote_says_whose_it_is_and_on_what(history: Node, phase: VotePhase) -> None:
    event = history.backend.vote(2, phase)
    (notice,) = await Votes().notices(VoteSeen(event))
    shown = msgspec.to_builtins(notice)
    head = history.backend.state.head
    named = (None, None) if phase is VotePhase.CANCEL else (3, "0x" + head.id.hex())
    assert (shown["height"], shown["blockHash"]) == named
    assert (shown["phase"], shown["voter"], shown["view"]) == (phase.name.lower(), 2, head.view)
    assert shown["acceptedMs"] == event.now_ms


async def test_nobody_hears_what_was_not_asked_for(history: Node) -> None:
    vote = VoteSeen(history.backend.vote(0))
    for interest in (*ON_BLOCKS, AccountChanges(STRANGER)):
        assert interest.source is Source.BLOCK
        assert await interest.notices(vote) == ()
    assert Votes.source is Source.VOTE
    assert await heard(history, Votes(), 2) == []


def test_equal_wishes_are_one_interest() -> None:
    assert interest_of(Topic.ACCOUNT, SENDER) == interest_of(Topic.ACCOUNT, SENDER.lower())
    assert interest_of(Topic.NEW_BLOCKS, None) == NewBlocks()
    assert interest_of(Topic.TRANSACTIONS, None) != interest_of(Topic.NEW_BLOCKS, None)


@pytest.mark.parametrize("topic", Topic)
def test_an_address_goes_with_the_account_and_nothing_else(topic: Topic) -> None:
    wrong = None if topic is Topic.ACCOUNT else SENDER
    with pytest.raises(InvalidParams):
        interest_of(topic, wrong)
