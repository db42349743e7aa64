"""What is pushed to whom, on a real socket."""

import json
from typing import Any

import trio

from tests.integration.web_sockets import ask, connected
from tests.unit.aichain.rpc.calling import SENDER
from tests.unit.aichain.rpc.fake_backend import FEED_CAPACITY
from tests.unit.aichain.rpc.serving import DEADLINE_S, rpc, served


async def test_transactions_accounts_and_votes_are_pushed_to_whom_they_concern() -> None:
    async with served() as node, connected(node) as socket:
        wishes = (("transactions",), ("account", SENDER), ("votes",))
        names = {
            (await ask(socket, rpc("aichain_subscribe", *wish)))["result"]: wish[0]
            for wish in wishes
        }
        node.backend.votes.publish(node.backend.vote(1))
        vote = json.loads(await socket.get_message())["params"]
        assert (names[vote["subscription"]], vote["result"]["voter"]) == ("votes", 1)
        view = node.backend.extend([node.backend.transfer(), node.backend.failing()])
        pushed = [json.loads(await socket.get_message())["params"] for _ in range(3)]
        hashes = ["0x" + signed.id.hex() for signed in view.block.transactions]
        by_topic: dict[str, list[Any]] = {}
        for each in pushed:
            by_topic.setdefault(names[each["subscription"]], []).append(each["result"])
        assert [each["hash"] for each in by_topic["transactions"]] == hashes
        assert [each["transactions"] for each in by_topic["account"]] == [hashes[:1]]


async def test_who_falls_behind_with_votes_loses_its_votes_alone() -> None:
    """Blocks are few and come late; a burst of votes must not cost anybody those."""
    async with served() as node, connected(node) as blocks, connected(node) as votes:
        await ask(blocks, rpc("aichain_subscribe", "newBlocks"))
        await ask(votes, rpc("aichain_subscribe", "votes"))
        vote = node.backend.vote(1)
        for _ in range(2 * FEED_CAPACITY):
            node.backend.votes.publish(vote)
        node.backend.extend()
        assert json.loads(await blocks.get_message())["params"]["result"]["height"] == 3
        last: dict[str, Any] = {}
        with trio.fail_after(DEADLINE_S):
            while "error" not in last:
                last = json.loads(await votes.get_message())["params"]
        assert last["error"]["data"]["code"] == "subscriber_lagged"
