"""Where the contents of a proposed block are asked for."""

from types import SimpleNamespace
from typing import cast

import pytest

from aichain.node.bodies import Bodies, require_list
from aichain.node.context import NodeContext
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from consensus.errors import MalformedProposal
from consensus.proposals import ProposalMessage
from genesis import limits
from genesis.networks import founder_key
from genesis.params import FeeParams
from genesis.units import address_of_key
from native.hashing import ZERO_HASH, Hash32
from native.merkle import merkle_root
from p2p.errors import Penalty, RequestFailed
from p2p.wire.messages import BlockData, Blocks, GetTransactions, Transactions
from tests.builders_vm import build, make_state
from vm.blocks import Block, Header, encode_body
from vm.errors import BlockTooLarge
from vm.transactions import SignedTransaction, Transaction, Transfer, sign_transaction

KEY = founder_key("testnet", 0)
FEES = SimpleNamespace(max_block_bytes=10_000, max_block_weight=2_000_000)


def paid(nonce: int) -> SignedTransaction:
    """About 3.4 KB, two of which fill a block here."""
    owner = address_of_key(KEY.public_key)
    body = Transfer(owner, 1, b"")
    return sign_transaction(Transaction(1, owner, nonce, 1, 0, 9, body), KEY, reveal=False)


def bodies_of(**services: object) -> Bodies:
    """With a chain of nothing but `state`, and nothing in the pool."""
    state = SimpleNamespace(document=SimpleNamespace(fees=FEES))
    chain = SimpleNamespace(
        is_executed=lambda _block_id: False, state_of=lambda _block_id: state, head=state
    )
    context = SimpleNamespace(
        clock=SimpleNamespace(now_ms=lambda: 0),
        electorates=SimpleNamespace(keys=frozenset()),
        **services,
    )
    pool = SimpleNamespace(find=lambda _tx_id: None)
    return Bodies(
        cast("LedgerWriter", SimpleNamespace(chain=chain)),
        cast("TransactionPool", pool),
        cast("NodeContext", context),
    )


async def test_what_is_larger_than_a_block_is_refused_before_any_signature_is_verified() -> None:
    block = Block(
        cast("Header", SimpleNamespace(id=ZERO_HASH, parent_id=ZERO_HASH)),
        tuple(paid(nonce) for nonce in range(4)),
    )
    with pytest.raises(BlockTooLarge):
        await bodies_of(verifier=None, network=None).execute(block)


async def test_no_more_is_fetched_for_a_proposal_than_a_block_may_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "FETCHED_TRANSACTIONS_MAX", 1)
    listed = {signed.id: signed.raw for signed in map(paid, range(8))}
    asked: list[object] = []

    async def request(_peer: str, request: object, _timeout_s: float) -> Transactions:
        if not isinstance(request, GetTransactions):
            raise RequestFailed("proposer", "it is too large to be sent whole")
        asked.append(request)
        return Transactions(tuple(listed[each] for each in request.ids))

    network = SimpleNamespace(request=request, peers=lambda: ())
    bodies = bodies_of(verifier=None, network=network)
    header = cast("Header", SimpleNamespace(id=Hash32(b"\x0a" * 32)))
    bodies.note(ProposalMessage(0, 1, 0, 0, b"", tuple(listed), b""), header, "proposer", None)
    await bodies.check(header.id, lambda _event: None)
    assert len(asked) == 3


async def test_a_second_copy_of_a_proposal_does_not_change_whom_we_ask() -> None:
    asked: list[str] = []

    async def request(peer: str, _request: object, _timeout_s: float) -> None:
        asked.append(peer)
        raise RequestFailed(peer, "refused")

    network = SimpleNamespace(request=request, peers=lambda: ())
    bodies = bodies_of(verifier=None, network=network)
    header = cast("Header", SimpleNamespace(id=Hash32(b"\x0a" * 32)))
    message = ProposalMessage(0, 1, 0, 0, b"", (ZERO_HASH,), b"")
    bodies.note(message, header, "first", None)
    bodies.note(message, header, "second", None)
    await bodies.check(header.id, lambda _event: None)
    assert set(asked) == {"first"}


async def test_who_gives_another_block_than_was_asked_for_pays() -> None:
    """A true one, of any size: it was decoded and put aside, as often as we asked."""
    built = build(make_state()).block
    data, charged = BlockData(built.header.raw, encode_body(built.transactions)), []

    async def request(_peer: str, _request: object, _timeout_s: float) -> Blocks:
        return Blocks((data,))

    def penalize(peer: str, penalty: Penalty, _reason: str) -> None:
        charged.append((peer, penalty))

    liar = SimpleNamespace(peer_id="liar", validator_key=b"")
    network = SimpleNamespace(request=request, peers=lambda: (liar,), penalize=penalize)
    bodies = bodies_of(verifier=None, network=network)
    await bodies.check(Hash32(b"\x0a" * 32), lambda _event: None)
    assert charged == [("liar", Penalty.MALFORMED)]


def test_a_list_is_its_headers_and_no_longer_than_a_block() -> None:
    """256 lists of proposals are remembered: of 16,384 ids each they were 300 MB."""
    fees = FeeParams()
    most = fees.max_block_weight // limits.SIGNATURE_WEIGHT
    ids = tuple(Hash32(number.to_bytes(32, "big")) for number in range(most + 1))
    for listed, named, good in (
        (ids[:most], ids[:most], True),
        (ids, ids, False),
        (ids[:3], ids[:2], False),
    ):
        message = ProposalMessage(0, 1, 0, 0, b"", listed, b"")
        header = cast("Header", SimpleNamespace(tx_root=merkle_root(named)))
        if good:
            require_list(message, header, fees)
        else:
            with pytest.raises(MalformedProposal):
                require_list(message, header, fees)
