"""A node's network in a process of its own: run as a script, killed by the tests.

Usage: libp2p_child.py NUMBER LISTEN [BOOTSTRAP]...   Prints its address, then pushes ten votes a
second and prints the peer id of whoever it hears.
"""

import sys

import trio

from p2p.libp2p_network import Libp2pNetwork
from p2p.network import Audience
from tests.integration.libp2p_nodes import make_network, make_vote


async def main(number: int, listen: str, bootstrap: list[str]) -> None:
    network = make_network(number, bootstrap, listen=listen)
    async with trio.open_nursery() as nursery:
        await nursery.start(network.run)
        print(network.address, flush=True)
        nursery.start_soon(_push_votes, network)
        async for inbound in network.inbound:
            print(inbound.peer, flush=True)


async def _push_votes(network: Libp2pNetwork) -> None:
    view = 0
    while True:
        view += 1
        network.push(make_vote(view), Audience.VALIDATORS)
        await trio.sleep(0.1)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), sys.argv[2], sys.argv[3:])
