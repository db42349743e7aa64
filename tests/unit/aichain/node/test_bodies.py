"""Where the contents of a proposed block are asked for."""

from types import SimpleNamespace
from typing import cast

from aichain.node.bodies import Bodies
from aichain.node.context import NodeContext
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from consensus.proposals import ProposalMessage
from native.hashing import ZERO_HASH, Hash32
from p2p.errors import RequestFailed
from vm.blocks import Header


async def test_a_second_copy_of_a_proposal_does_not_change_whom_we_ask() -> None:
    asked: list[str] = []

    async def request(peer: str, _request: object, _timeout_s: float) -> None:
        asked.append(peer)
        raise RequestFailed(peer, "refused")

    network = SimpleNamespace(request=request, peers=lambda: ())
    chain = SimpleNamespace(is_executed=lambda _block_id: False)
    context = SimpleNamespace(
        verifier=None,
        network=network,
        clock=SimpleNamespace(now_ms=lambda: 0),
        electorates=SimpleNamespace(keys=frozenset()),
    )
    pool = SimpleNamespace(find=lambda _tx_id: None)
    bodies = Bodies(
        cast("LedgerWriter", SimpleNamespace(chain=chain)),
        cast("TransactionPool", pool),
        cast("NodeContext", context),
    )
    header = cast("Header", SimpleNamespace(id=Hash32(b"\x0a" * 32)))
    message = ProposalMessage(0, 1, 0, 0, b"", (ZERO_HASH,), b"")
    bodies.note(message, header, "first", None)
    bodies.note(message, header, "second", None)
    await bodies.check(header.id, lambda _event: None)
    assert set(asked) == {"first"}
