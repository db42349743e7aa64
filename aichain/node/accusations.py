"""Evidence on its way into a block: what we found ourselves, and what other validators bring."""

from collections.abc import Sequence

from aichain.chain import Chain
from aichain.errors import AccusationsFull, AlreadyPending, OffenderAccused
from genesis import limits
from genesis.units import Address
from native.hashing import Hash32
from native.signatures import SignatureItem
from vm.draft import Draft
from vm.errors import InvalidTransaction
from vm.execute import apply_transaction
from vm.state import State
from vm.system_bodies import Evidence
from vm.transactions import SignedTransaction, VerifiedTransaction
from vm.validator_errors import SystemTransaction
from vm.witnesses import transaction_witnesses


class Accusations:
    """One for each offender that is not punished yet; a true one costs its sender nothing."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._held: dict[Address, VerifiedTransaction] = {}

    def check(self, signed: SignedTransaction) -> tuple[SignatureItem, ...]:
        """The witnesses of one that the next block could take; InvalidData says why not."""
        self._require_new(signed)
        _require_applicable(self._chain.head, signed)
        return transaction_witnesses(self._chain.head, signed)

    def add(self, signed: VerifiedTransaction) -> None:
        """Keep one whose witnesses hold, if no other came while they were verified."""
        self._require_new(signed)
        _require_applicable(self._chain.head, signed)
        body = signed.transaction.body
        assert isinstance(body, Evidence), "so it was required"
        self._held[body.offender] = signed

    def find(self, tx_id: Hash32) -> SignedTransaction | None:
        """For a peer that asks."""
        return next((held for held in self._held.values() if held.id == tx_id), None)

    def candidates(self) -> Sequence[VerifiedTransaction]:
        """What a block of ours begins with."""
        return tuple(self._held.values())

    def after_final(self) -> None:
        """Forget those that the chain has punished, or can punish no more."""
        for offender, signed in tuple(self._held.items()):
            try:
                _require_applicable(self._chain.head, signed)
            except InvalidTransaction:
                del self._held[offender]

    def _require_new(self, signed: SignedTransaction) -> None:
        body = signed.transaction.body
        if not isinstance(body, Evidence):
            raise SystemTransaction(int(signed.transaction.kind))
        held = self._held.get(body.offender)
        if held is not None and held.id == signed.id:
            raise AlreadyPending(held.id)
        if held is not None:
            raise OffenderAccused(body.offender, held.id)
        if len(self._held) >= limits.ACCUSATIONS_MAX:
            raise AccusationsFull(limit=limits.ACCUSATIONS_MAX)


def _require_applicable(head: State, signed: SignedTransaction) -> None:
    """Try it on the head: whatever the ledger refuses is refused here, by the same name."""
    apply_transaction(Draft(head, head.head.height + 1), signed)
