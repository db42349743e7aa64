"""Transactions on their way into a block: who may wait, and where they come from and go to."""

from collections.abc import Sequence
from dataclasses import dataclass

import trio

from aichain.chain import Chain
from aichain.errors import AlreadyPending, NotPooled
from aichain.feed import Feed
from aichain.mempool import Mempool
from aichain.node.accusations import Accusations
from aichain.node.announcer import Announcer
from aichain.node.context import NodeContext
from aichain.node.fetcher import Arrivals, Fetcher
from aichain.pending import HeadView, SenderAccount
from aichain.sized_cache import SizedCache
from genesis import limits
from genesis.units import Address
from native.errors import InvalidData, InvalidSignature
from native.hashing import Hash32
from native.signatures import SignatureItem
from p2p.errors import Penalty
from vm.draft import read_account
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
from vm.records import Account
from vm.spare_keys import without_spare_key
from vm.state import State
from vm.transactions import SignedTransaction, VerifiedTransaction, decode_transaction
from vm.validate import check_transaction
from vm.validator_errors import (
    EvidenceForeign,
    NotInConflict,
    SystemTransaction,
    VotesMismatch,
)
from vm.witnesses import require_verified, transaction_witnesses

# Refused whatever the head is: no honest peer pools these.
_NEVER_VALID = (
    AmountIsZero,
    EvidenceForeign,
    FieldHasWrongLength,
    FieldOutOfRange,
    NotInConflict,
    PeerIdMalformed,
    RecipientIsZero,
    SenderMismatch,
    SystemTransaction,
    TransactionTooHeavy,
    TransactionTooLarge,
    UnknownAlgorithm,
    UnknownKind,
    UnsupportedTransactionVersion,
    VotesMismatch,
    WrongNetwork,
)

_UNCONFIRMED = "unconfirmed"
"""What became of a transaction that an engine refused, and nobody else was asked."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A transaction that would be taken on this head, if its witnesses hold."""

    signed: SignedTransaction
    head: State
    sender: SenderAccount | None
    """None for a system transaction, which is outside of its sender's nonces and coins."""
    witnesses: tuple[SignatureItem, ...]


class TransactionPool:
    """The mempool's only owner. What it holds is verified; what peers announce is pulled once."""

    def __init__(
        self,
        mempool: Mempool,
        chain: Chain,
        context: NodeContext,
    ) -> None:
        self.mempool = mempool
        self.accusations = Accusations(chain)
        self.pooled: Feed[tuple[Hash32, ...]] = Feed(
            capacity=limits.FEED_CAPACITY, max_readers=limits.FEED_READERS
        )
        """What comes to wait in the mempool, for whoever watches."""
        self._chain = chain
        self._verifier = context.verifier
        self._network = context.network
        self._metrics = context.metrics
        self._recent: SizedCache[Hash32, SignedTransaction] = SizedCache(
            limits.RECENT_TRANSACTIONS_BYTES
        )
        """Lately final, or in a block of ours: who has the block's list only asks for them."""
        self._announcer = Announcer(context.network, self._waiting, self._is_pending)
        self._fetcher = Fetcher(context.network, self._is_known, self._admit_from)

    async def run(self) -> None:
        """Announce and fetch until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announcer.run)
            nursery.start_soon(self._fetcher.run)

    async def submit(self, raw: bytes) -> Hash32:
        """Admit a caller's transaction and answer its id; InvalidData when it is refused."""
        try:
            checked = self._check(decode_transaction(raw))
            self._take(checked, await self._verifier.verify_bulk(checked.witnesses))
            self._tell([checked])
        except AlreadyPending as error:
            self._metrics.transaction_offered("rpc", "known")
            self._announcer.add_again(Hash32(error.tx_id))
            return Hash32(error.tx_id)
        except InvalidData as error:
            self._metrics.transaction_offered("rpc", error.code)
            raise
        self._metrics.transaction_offered("rpc", "pooled")
        return checked.signed.id

    def announced(self, peer: str, ids: Sequence[Hash32]) -> None:
        """A peer has these: remember that it knows them, and pull those that we do not."""
        self._announcer.told_by(peer, ids)
        self._fetcher.announced(peer, ids)

    def find(self, tx_id: Hash32) -> SignedTransaction | None:
        """For a peer that asks: pending, or final not long ago."""
        pending = self.mempool.get(tx_id) or self.accusations.find(tx_id)
        return pending or self._recent.get(tx_id)

    def has_verified(self, signed: SignedTransaction) -> bool:
        """Whether these very bytes wait here: they need not be verified again."""
        pooled = self.mempool.get(signed.id)
        return pooled is not None and pooled.raw_hash == signed.raw_hash

    def remember(self, signed: SignedTransaction) -> None:
        """Keep it for peers that ask, without waiting for a block."""
        self._recent.put(signed.id, signed, len(signed.raw))

    def after_final(self, included: Sequence[SignedTransaction]) -> None:
        """A block became final: forget what it holds and what it made impossible."""
        for signed in included:
            self.remember(signed)
        head = self._chain.head
        self.mempool.apply_block(included, lambda address: sender_account(head, address))
        self.mempool.expire(head_view(head))
        self.accusations.after_final()
        stats = self.mempool.stats
        self._metrics.mempool_is(stats.transactions, stats.size_bytes)

    def _check(self, signed: SignedTransaction) -> _Checked:
        """What is cheap comes first: what we know already, the ledger's rules, the pool's own."""
        head = self._chain.head
        signed = without_spare_key(head, signed)
        self.mempool.require_unknown(signed)
        if signed.transaction.is_system:
            return _Checked(signed, head, None, self.accusations.check(signed))
        sender = _check_on(head, signed)
        self.mempool.check(signed, sender, head_view(head))
        return _Checked(signed, head, sender, transaction_witnesses(head, signed))

    def _take(self, checked: _Checked, verdicts: Sequence[bool]) -> None:
        """Into the pool and to the peers, now that the witnesses have been verified."""
        signed = checked.signed
        if not all(verdicts):
            self.mempool.reject(signed.raw_hash)
        require_verified(signed, verdicts)
        head, sender = self._chain.head, checked.sender
        if sender is None:
            self.accusations.add(VerifiedTransaction(signed))
        else:
            if head is not checked.head:  # it moved while the signature was checked
                signed = without_spare_key(head, signed)
                sender = _check_on(head, signed)
            self.mempool.add(VerifiedTransaction(signed), sender, head_view(head))
        self._announcer.add(signed.id)

    def _waiting(self) -> Sequence[Hash32]:
        """What a peer that comes should hear of first."""
        best = self.mempool.best(limits.ANNOUNCED_TRANSACTIONS_MAX)
        return [signed.id for signed in (*self.accusations.candidates(), *best)]

    def _is_pending(self, tx_id: Hash32) -> bool:
        return tx_id in self.mempool or self.accusations.find(tx_id) is not None

    def _is_known(self, tx_id: Hash32) -> bool:
        return self.mempool.knows(tx_id) or self.accusations.find(tx_id) is not None

    async def _admit_from(self, peer: str, raws: Sequence[bytes]) -> Arrivals:
        """Take what a peer gave, as far as it is in order.

        One peer has at most a batch in the verifier, and who forged one signature none after it.
        """
        arrived = Arrivals()
        for start in range(0, len(raws), limits.VERIFY_BATCH_ITEMS):
            batch = self._check_all(peer, raws[start : start + limits.VERIFY_BATCH_ITEMS], arrived)
            items = [item for checked in batch for item in checked.witnesses]
            verdicts = await self._verifier.verify_bulk(items)
            self._take_all(peer, batch, verdicts, arrived)
            if not all(verdicts):
                break
        return arrived

    def _check_all(self, peer: str, raws: Sequence[bytes], arrived: Arrivals) -> list[_Checked]:
        """Those whose signatures are worth a look.

        What is refused before that may be so for its witness, which anybody can have exchanged:
        all but what we have already is asked of others, too.
        """
        worthy: list[_Checked] = []
        for raw in raws:
            try:
                signed = decode_transaction(raw)
            except InvalidData as error:
                self._refuse(peer, error)
                continue
            try:
                worthy.append(self._check(signed))
            except InvalidData as error:
                if self._refuse(peer, error):
                    arrived.came.add(signed.id)
                if isinstance(error, AlreadyPending):
                    arrived.settled.add(signed.id)
        return worthy

    def _take_all(
        self, peer: str, batch: Sequence[_Checked], verdicts: list[bool], arrived: Arrivals
    ) -> None:
        """Each with its own verdicts, in the order of the batch.

        What was refused after the first is let go and costs nobody anything: OpenSSL was asked
        about the first alone. That one bans the peer; others may bring what is good of the rest.
        """
        start, is_forger = 0, False
        taken: list[_Checked] = []
        for checked in batch:
            mine = verdicts[start : start + len(checked.witnesses)]
            start += len(mine)
            if is_forger and not all(mine):
                self._metrics.transaction_offered("peer", _UNCONFIRMED)
                continue
            is_forger = is_forger or not all(mine)
            try:
                self._take(checked, mine)
                self._metrics.transaction_offered("peer", "pooled")
                arrived.came.add(checked.signed.id)
                arrived.settled.add(checked.signed.id)
                taken.append(checked)
            except InvalidData as error:
                if self._refuse(peer, error):
                    arrived.came.add(checked.signed.id)
                    arrived.settled.add(checked.signed.id)
        self._tell(taken)

    def _tell(self, taken: Sequence[_Checked]) -> None:
        """System transactions wait apart, and callers look none of them up."""
        ids = tuple(checked.signed.id for checked in taken if checked.sender is not None)
        if ids:
            self.pooled.publish(ids)

    def _refuse(self, peer: str, error: InvalidData) -> bool:
        """Count a refusal; True if an honest peer may meet it, whose head is not ours. Else it
        pays."""
        self._metrics.transaction_offered("peer", error.code)
        if isinstance(error, InvalidSignature):
            self._network.penalize(peer, Penalty.FORGED, str(error))
            return False
        if isinstance(error, _NEVER_VALID) or not isinstance(error, NotPooled | InvalidTransaction):
            self._network.penalize(peer, Penalty.MALFORMED, str(error))
            return False
        return True


def sender_account(state: State, address: Address) -> SenderAccount:
    """What the mempool compares a sender's transactions with."""
    account = read_account(state, address) or Account()
    return SenderAccount(account.nonce, account.balance)


def _check_on(state: State, signed: SignedTransaction) -> SenderAccount:
    account = check_transaction(state, signed, height=state.head.height + 1)
    return SenderAccount(account.nonce, account.balance)


def head_view(state: State) -> HeadView:
    """What the mempool knows of the chain."""
    return HeadView(state.head.height, state.head.timestamp_ms, state.base_fee)
