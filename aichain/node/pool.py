"""Transactions on their way into a block: admission, announcement by id, fetching from peers."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import trio

from aichain.chain import Chain
from aichain.errors import AlreadyPending, NotPooled
from aichain.mempool import Mempool
from aichain.node.context import NodeContext
from aichain.node.verifier import VerifierBusy
from aichain.pending import HeadView, SenderAccount
from genesis import limits
from genesis.units import Address
from native.errors import InvalidData, InvalidSignature
from native.hashing import Hash32
from p2p.errors import Penalty, RequestFailed
from p2p.wire.messages import GetTransactions, Transactions, TransactionsAnnounced
from vm.errors import (
    AmountIsZero,
    FieldHasWrongLength,
    FieldOutOfRange,
    InvalidTransaction,
    PeerIdMalformed,
    RecipientIsZero,
    SenderMismatch,
    TransactionTooHeavy,
    TransactionTooLarge,
    UnknownAlgorithm,
    UnknownKind,
    UnsupportedTransactionVersion,
    WrongNetwork,
)
from vm.queries import account_view
from vm.state import State
from vm.transactions import SignedTransaction, VerifiedTransaction, decode_transaction
from vm.validate import check_transaction
from vm.witnesses import require_verified, transaction_witnesses

ANNOUNCE_EVERY_S = 0.05
GREET_EVERY_S = 0.5
FETCH_TIMEOUT_S = 2.0
# Refused whatever the head is: no honest peer pools these.
_NEVER_VALID = (
    AmountIsZero,
    FieldHasWrongLength,
    FieldOutOfRange,
    PeerIdMalformed,
    RecipientIsZero,
    SenderMismatch,
    TransactionTooHeavy,
    TransactionTooLarge,
    UnknownAlgorithm,
    UnknownKind,
    UnsupportedTransactionVersion,
    WrongNetwork,
)


class TransactionPool:
    """The mempool's only owner. What it holds is verified; what peers announce is pulled once."""

    def __init__(
        self,
        mempool: Mempool,
        chain: Chain,
        context: NodeContext,
    ) -> None:
        self.mempool = mempool
        self._chain = chain
        self._verifier = context.verifier
        self._network = context.network
        self._metrics = context.metrics
        self._new_ids: list[Hash32] = []
        self._has_new = trio.Event()
        self._known_by: OrderedDict[str, OrderedDict[Hash32, None]] = OrderedDict()
        self._fetching: dict[Hash32, list[str]] = {}
        """Ids on their way, each with the other peers that have it."""
        self._greeted: set[str] = set()
        self._to_fetch: dict[str, list[Hash32]] = {}
        self._ask, self._asked = trio.open_memory_channel[str](2 * limits.PEERS_MAX)

    async def run(self) -> None:
        """Announce and fetch until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announce)
            nursery.start_soon(self._greet)
            for _ in range(limits.FETCH_TASKS):
                nursery.start_soon(self._fetch)

    async def submit(self, raw: bytes) -> Hash32:
        """Admit a caller's transaction and answer its id; InvalidData when it is refused."""
        try:
            tx_id = await self._admit(decode_transaction(raw), wait=True)
        except AlreadyPending as error:
            self._metrics.transaction_offered("rpc", "known")
            return Hash32(error.tx_id)
        except InvalidData as error:
            self._metrics.transaction_offered("rpc", error.code)
            raise
        self._metrics.transaction_offered("rpc", "pooled")
        return tx_id

    def announced(self, peer: str, ids: Sequence[Hash32]) -> None:
        """A peer has these: remember that it knows them, and pull those that we do not."""
        known = self._known_by.setdefault(peer, OrderedDict())
        self._known_by.move_to_end(peer)
        while len(self._known_by) > limits.PEERS_MAX:
            self._known_by.popitem(last=False)
        wanted = []
        for tx_id in ids:
            known[tx_id] = None
            others = self._fetching.get(tx_id)
            if others is None and not self.mempool.knows(tx_id):
                wanted.append(tx_id)
            elif others is not None and peer not in others:
                others.append(peer)  # asked if the first one does not deliver
                del others[limits.OTHER_ANNOUNCERS_MAX :]
        while len(known) > limits.KNOWN_TRANSACTIONS_PER_PEER:
            known.popitem(last=False)
        room = limits.FETCHING_TRANSACTIONS - len(self._fetching)
        if wanted and room > 0:
            self._fetching.update((tx_id, []) for tx_id in wanted[:room])
            self._queue_fetch(peer, wanted[:room])

    def after_final(self, included: Iterable[SignedTransaction]) -> None:
        """A block became final: forget what it holds and what it made impossible."""
        head = self._chain.head
        self.mempool.apply_block(included, lambda address: sender_account(head, address))
        self.mempool.expire(head_view(head))
        stats = self.mempool.stats
        self._metrics.mempool_is(stats.transactions, stats.size_bytes)

    async def _admit(self, signed: SignedTransaction, *, wait: bool) -> Hash32:
        """Cheap checks first, the signature last; then into the pool and to the peers."""
        self._check(signed)
        witnesses = transaction_witnesses(self._chain.head, signed)
        verdicts = await self._verifier.verify_bulk(witnesses, wait=wait)
        if not all(verdicts):
            self.mempool.reject(signed.raw_hash)
        require_verified(signed, verdicts)
        self._check(signed)  # the head may have moved while the signature was checked
        head = self._chain.head
        account = sender_account(head, signed.transaction.sender)
        self.mempool.add(VerifiedTransaction(signed), account, head_view(head))
        self._new_ids.append(signed.id)
        self._has_new.set()
        return signed.id

    def _check(self, signed: SignedTransaction) -> None:
        """What we know already, the rules of the ledger, then the pool's own."""
        self.mempool.require_unknown(signed)
        head = self._chain.head
        check_transaction(head, signed, height=head.head.height + 1)
        account = sender_account(head, signed.transaction.sender)
        self.mempool.check(signed, account, head_view(head))

    async def _announce(self) -> None:
        """Tell each peer, in batches, the ids it has not told us of itself."""
        while True:
            await self._has_new.wait()
            await trio.sleep(ANNOUNCE_EVERY_S)
            ids, self._new_ids, self._has_new = self._new_ids, [], trio.Event()
            ids = [tx_id for tx_id in ids if tx_id in self.mempool]
            for peer in self._network.peers():
                known = self._known_by.get(peer.peer_id)
                news = [tx_id for tx_id in ids if known is None or tx_id not in known]
                for start in range(0, len(news), limits.ANNOUNCED_TRANSACTIONS_MAX):
                    batch = tuple(news[start : start + limits.ANNOUNCED_TRANSACTIONS_MAX])
                    self._network.send(peer.peer_id, TransactionsAnnounced(batch))

    def _queue_fetch(self, peer: str, ids: list[Hash32]) -> None:
        """One entry in the channel per peer that has something queued."""
        if peer in self._to_fetch:
            self._to_fetch[peer].extend(ids)
            return
        try:
            self._ask.send_nowait(peer)
        except trio.WouldBlock:
            for tx_id in ids:
                self._fetching.pop(tx_id, None)
            return
        self._to_fetch[peer] = ids

    async def _fetch(self) -> None:
        async for peer in self._asked:
            queued = self._to_fetch.pop(peer)
            ids = tuple(queued[: limits.FETCHED_TRANSACTIONS_MAX])
            if len(queued) > len(ids):
                self._queue_fetch(peer, queued[len(ids) :])
            arrived: set[Hash32] = set()
            try:
                arrived = await self._fetch_from(peer, ids)
            finally:
                self._ask_others(peer, [tx_id for tx_id in ids if tx_id not in arrived])
                for tx_id in arrived:
                    self._fetching.pop(tx_id, None)

    async def _fetch_from(self, peer: str, ids: tuple[Hash32, ...]) -> set[Hash32]:
        """The ids that came with a good signature, whether or not they were admitted."""
        try:
            answer = await self._network.request(peer, GetTransactions(ids), FETCH_TIMEOUT_S)
        except RequestFailed:
            answer = Transactions(())
        arrived: set[Hash32] = set()
        async with trio.open_nursery() as nursery:
            for raw in answer.raws[: len(ids)]:
                nursery.start_soon(self._admit_from, peer, raw, arrived)
        arrived.intersection_update(ids)
        if not arrived:
            # some may be in a block by now; a peer that gives none at all announces at random
            self._network.penalize(peer, Penalty.NUISANCE, "announces what it does not give")
        return arrived

    def _ask_others(self, peer: str, missing: Iterable[Hash32]) -> None:
        """Each id that did not come is asked of the next peer that announced it."""
        again: dict[str, list[Hash32]] = {}
        for tx_id in missing:
            others = self._fetching.get(tx_id, [])
            while others and others[0] == peer:
                others.pop(0)
            if others and not self.mempool.knows(tx_id):
                again.setdefault(others.pop(0), []).append(tx_id)
            else:
                self._fetching.pop(tx_id, None)
        for other, ids in again.items():
            self._queue_fetch(other, ids)

    async def _greet(self) -> None:
        """Tell peers that come what is pending: who announced it to them before may be gone."""
        while True:
            await trio.sleep(GREET_EVERY_S)
            present = {peer.peer_id for peer in self._network.peers()}
            best = self.mempool.best(limits.ANNOUNCED_TRANSACTIONS_MAX)
            ids = tuple(signed.id for signed in best)
            for peer in present - self._greeted if ids else ():
                self._network.send(peer, TransactionsAnnounced(ids))
            self._greeted = present

    async def _admit_from(self, peer: str, raw: bytes, arrived: set[Hash32]) -> None:
        try:
            signed = decode_transaction(raw)
            await self._admit(signed, wait=False)
        except VerifierBusy:
            self._metrics.transaction_offered("peer", "verifier_busy")
        except InvalidSignature as error:
            self._metrics.transaction_offered("peer", error.code)
            self._network.penalize(peer, Penalty.FORGED, str(error))
            return
        except (NotPooled, InvalidTransaction) as error:
            self._metrics.transaction_offered("peer", error.code)
            if isinstance(error, _NEVER_VALID):
                self._network.penalize(peer, Penalty.MALFORMED, str(error))
                return
            # true where the peer stands, perhaps: its head is not ours
        except InvalidData as error:
            self._metrics.transaction_offered("peer", error.code)
            self._network.penalize(peer, Penalty.MALFORMED, str(error))
            return
        else:
            self._metrics.transaction_offered("peer", "pooled")
        arrived.add(signed.id)


def sender_account(state: State, address: Address) -> SenderAccount:
    """What the mempool compares a sender's transactions with."""
    account = account_view(state, address)
    return SenderAccount(nonce=account.nonce, balance=account.balance)


def head_view(state: State) -> HeadView:
    """What the mempool knows of the chain."""
    return HeadView(state.head.height, state.head.timestamp_ms, state.base_fee)
