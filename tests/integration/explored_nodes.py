"""Four validators in one process, the first with an explorer, and some history to look at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from aichain.config_values import IndexMode
from genesis.units import AI, Address, address_of_key, format_address
from native.hashing import Hash32
from native.signatures import SigningKey
from tests.integration.nodes import (
    FEE_MAX,
    Cluster,
    RunningNode,
    cluster,
    public_account,
    until,
)
from tests.ports import free_port
from vm.transactions import (
    SignedTransaction,
    Transaction,
    Transfer,
    sign_transaction,
)

FOUNDERS = 4
HOSTILE_MEMO = b"<script>alert(1)</script>\"'&"
SENDER = format_address(address_of_key(public_account(0).public_key))


@dataclass(slots=True)
class Explored:
    """The node that is looked at, and where."""

    address: str
    net: Cluster
    node: RunningNode
    transactions: list[str]
    """Final ones; the memo of the first is hostile."""

    def paths(self) -> dict[str, str]:
        """A page of each kind, by name; they have history already."""
        old = self.node.height - 2
        return {
            "overview": "/",
            "blocks": "/blocks",
            "block": f"/block/{old}",
            "certificate": f"/certificate/{old}",
            "transaction": f"/tx/{self.transactions[0]}",
            "transaction-proof": f"/tx/{self.transactions[0]}/proof",
            "account": f"/address/{SENDER}",
            "account-proof": f"/address/{SENDER}/proof",
            "founder": "/address/founder-1",
            "validators": "/validators",
            "consensus": "/consensus",
            "mempool": "/mempool",
            "supply": "/supply",
            "rewards": "/rewards",
            "network": "/network",
            "charts": "/charts",
        }

    async def send(self, nonce: int, memo: bytes = b"") -> str:
        """Another transfer of the first account; its hash."""
        signed = _signed(self.net, public_account(0), nonce, Transfer(_receiver(), AI // 3, memo))
        return "0x" + (await self.node.rpc.backend.submit(signed.raw)).hex()


@asynccontextmanager
async def explored(root: Path) -> AsyncIterator[Explored]:
    """Once the history is final."""
    port = free_port()
    async with cluster(root, FOUNDERS) as net:
        node = await net.start(
            0, rpc_port=port, explorer=True, index_mode=IndexMode.FULL, chain_is_new=True
        )
        for index in range(1, FOUNDERS):
            await net.start(index, chain_is_new=True)
        await until(lambda: node.height >= 2)
        explored = Explored(f"http://127.0.0.1:{port}", net, node, [])
        explored.transactions.append(await explored.send(0, HOSTILE_MEMO))
        for nonce in range(1, 6):
            explored.transactions.append(await explored.send(nonce, b"for work %d" % nonce))
        for each in explored.transactions:
            await _final(node, each)
        yield explored


def _receiver() -> Address:
    return address_of_key(public_account(2).public_key)


def _signed(net: Cluster, key: SigningKey, nonce: int, body: Transfer) -> SignedTransaction:
    sender = address_of_key(key.public_key)
    transaction = Transaction(net.document.network_id, sender, nonce, FEE_MAX, 10**12, 5_000, body)
    return sign_transaction(transaction, key, reveal=True)


async def _final(node: RunningNode, wanted: str) -> None:
    with trio.fail_after(30):
        while True:
            view = await node.rpc.backend.transaction(Hash32(bytes.fromhex(wanted[2:])))
            if view is not None and view.placement is not None and view.placement.final:
                return
            await trio.sleep(0.05)
