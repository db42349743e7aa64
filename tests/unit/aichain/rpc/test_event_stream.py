"""What a stream of events may be asked for, and how an event is written."""

import json

import pytest

from aichain.rpc.event_stream import read_query, render_event
from aichain.rpc.http import HttpRefused
from aichain.rpc.interests import AccountChanges, FinalTransactions, NewBlocks, Votes
from aichain.rpc.limits import RpcLimits
from genesis.units import parse_address
from tests.unit.aichain.rpc.calling import SENDER

LIMITS = RpcLimits()


def test_topics_and_accounts_are_asked_for_by_name() -> None:
    wanted = read_query(f"topics=newBlocks,transactions,votes&account={SENDER}", LIMITS).names
    assert wanted == {
        NewBlocks(): "newBlocks",
        FinalTransactions(): "transactions",
        Votes(): "votes",
        AccountChanges(parse_address(SENDER)): "account",
    }


def test_asking_twice_is_asking_once() -> None:
    query = f"topics=newBlocks,newBlocks&topics=newBlocks&account={SENDER}&account={SENDER.lower()}"
    assert len(read_query(query, LIMITS).names) == 2


@pytest.mark.parametrize(
    "query",
    [
        "",
        "topics",
        "topics=",
        "topics=newBlocks,",
        "topics=account",
        "topics=blocks",
        "account=0x12",
        "account=" + SENDER[:-1] + "zz",
        "topics=newBlocks&other=1",
        "topics=newBlocks&" * 40,
        "%00=%ff",
    ],
)
def test_anything_else_is_refused(query: str) -> None:
    with pytest.raises(HttpRefused) as refused:
        read_query(query, LIMITS)
    assert refused.value.status == 400


def test_a_stream_has_so_many_subscriptions_at_most() -> None:
    accounts = [f"account=0x{number:040x}" for number in range(LIMITS.subscriptions + 1)]
    assert len(read_query("&".join(accounts[1:]), LIMITS).names) == LIMITS.subscriptions
    with pytest.raises(HttpRefused):
        read_query("&".join(accounts), LIMITS)


def test_an_event_is_a_name_and_one_line_of_data() -> None:
    value = {"text": "two\nlines\r\nand a \u2028"}
    name, data, *rest = render_event("newBlocks", json.dumps(value).encode()).split(b"\n")
    assert name == b"event: newBlocks"
    assert json.loads(data.removeprefix(b"data: ")) == value
    assert rest == [b"", b""]
