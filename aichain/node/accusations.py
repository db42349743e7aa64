"""Evidence on its way into a block: what we found ourselves, and what other validators bring."""

from collections.abc import Sequence
from typing import NamedTuple

from aichain.chain import Chain
from aichain.errors import AccusationsFull, AlreadyPending, OffenderAccused
from genesis import limits
from genesis.units import Address
from native.hashing import Hash32
from native.signatures import SignatureItem
from vm.draft import Draft
from vm.errors import InvalidTransaction
from vm.fees import require_current
from vm.offences import exposed_to
from vm.system_bodies import Evidence
from vm.transactions import SignedTransaction, VerifiedTransaction
from vm.validator_errors import SystemTransaction
from vm.witnesses import transaction_witnesses


class _Held(NamedTuple):
    exposed: int
    signed: VerifiedTransaction


class Accusations:
    """One for each offender that is not punished yet; a true one costs its sender nothing.

    A block takes few, so those against the most stake come first, and of a full list the one
    against the least gives way: who accuses small validators of its own delays nothing else.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._held: dict[Address, _Held] = {}
        self._by_id: dict[Hash32, SignedTransaction] = {}

    def check(self, signed: SignedTransaction) -> tuple[SignatureItem, ...]:
        """The witnesses of one that the next block could take; InvalidData says why not."""
        self._require_wanted(signed)
        return transaction_witnesses(self._chain.head, signed)

    def add(self, signed: VerifiedTransaction) -> None:
        """Keep one whose witnesses hold, if no other came while they were verified."""
        offender, exposed = self._require_wanted(signed)
        if len(self._held) >= limits.ACCUSATIONS_MAX:
            self._forget(self._least())
        self._held[offender] = _Held(exposed, signed)
        self._by_id[signed.id] = signed

    def has(self, offender: Address) -> bool:
        """Whether one against this validator waits."""
        return offender in self._held

    def find(self, tx_id: Hash32) -> SignedTransaction | None:
        """For a peer that asks."""
        return self._by_id.get(tx_id)

    def candidates(self) -> Sequence[VerifiedTransaction]:
        """What a block of ours begins with."""
        held = sorted(self._held.values(), key=lambda each: each.exposed, reverse=True)
        return tuple(each.signed for each in held)

    def after_final(self) -> None:
        """Forget those that the chain has punished, or can punish no more."""
        head = self._chain.head
        draft = Draft(head, head.head.height + 1)
        for offender, (_, signed) in tuple(self._held.items()):
            try:
                _exposed(draft, signed)
            except InvalidTransaction:
                self._forget(offender)

    def _forget(self, offender: Address) -> None:
        del self._by_id[self._held.pop(offender).signed.id]

    def _least(self) -> Address:
        return min(self._held, key=lambda offender: self._held[offender].exposed)

    def _require_wanted(self, signed: SignedTransaction) -> tuple[Address, int]:
        """New, of use on the head, and not against less than all of a full list; whom it is
        against, and what that one may lose."""
        body = signed.transaction.body
        if not isinstance(body, Evidence):
            raise SystemTransaction(int(signed.transaction.kind))
        held = self._held.get(body.offender)
        if held is not None and held.signed.id == signed.id:
            raise AlreadyPending(signed.id)
        if held is not None:
            raise OffenderAccused(body.offender, held.signed.id)
        head = self._chain.head
        exposed = _exposed(Draft(head, head.head.height + 1), signed)
        is_full = len(self._held) >= limits.ACCUSATIONS_MAX
        if is_full and exposed <= self._held[self._least()].exposed:
            raise AccusationsFull(limit=limits.ACCUSATIONS_MAX)
        return body.offender, exposed


def _exposed(draft: Draft, signed: SignedTransaction) -> int:
    """What the offender may lose; whatever the ledger refuses is refused here, by its name."""
    body = signed.transaction.body
    assert isinstance(body, Evidence), "so it was required"
    require_current(draft, signed.transaction)
    return exposed_to(draft, body)
