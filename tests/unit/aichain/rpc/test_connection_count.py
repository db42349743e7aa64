"""Connections are counted: one address does not take them all."""

from aichain.rpc.connection_count import ConnectionCount
from aichain.rpc.limits import RpcLimits


def test_connections_are_limited_per_address_and_in_all() -> None:
    count = ConnectionCount(RpcLimits(connections=4, connections_per_address=2))
    assert [count.open("a"), count.open("a"), count.open("a")] == [True, True, False]
    assert [count.open("b"), count.open("b"), count.open("c")] == [True, True, False]
    count.close("a")
    assert count.open("c")
    assert count.total == 4
