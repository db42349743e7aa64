"""What a block does: compare the parent's roots, check the header, apply the body."""

from collections.abc import Sequence

from genesis.epochs import last_height
from vm.anchors import drop_anchor, settle_anchor
from vm.blocks import Header, VerifiedBlock
from vm.draft import Draft
from vm.edges import cross_edge
from vm.errors import InvalidTransaction, UnchargeableTransaction
from vm.execute import apply_transaction
from vm.fees import next_base_fee
from vm.headers import require_header, require_parent_roots, require_size
from vm.onions import encode_onion, onion_at, onion_key
from vm.receipts import Receipt
from vm.records import BASE_FEE
from vm.rewards import pay_proposer
from vm.state import Outcome, State
from vm.supply import assert_conserved
from vm.transactions import SignedTransaction


def apply_block(state: State, block: VerifiedBlock) -> tuple[State, tuple[Receipt, ...]]:
    """The state after a child of `state.head`, and its receipts; InvalidBlock if it is not one.

    Signatures are not looked at: the type says that they were verified. The tree is not hashed
    here but when the root is first asked for.
    """
    require_parent_roots(state, block.header)
    require_header(state, block.header)
    weight = require_size(state.document.fees, block.transactions)
    draft = Draft(state, block.header.height)
    receipts = apply_transactions(draft, block.transactions)
    outcome = close_block(draft, block.header, weight, receipts)
    return state.after(block.header, outcome), receipts


def apply_transactions(
    draft: Draft, transactions: Sequence[SignedTransaction]
) -> tuple[Receipt, ...]:
    """The receipts of a body; one transaction that cannot be charged makes the block invalid."""
    receipts = []
    for index, signed in enumerate(transactions):
        try:
            receipts.append(apply_transaction(draft, signed))
        except InvalidTransaction as error:
            raise UnchargeableTransaction(index, signed.id, str(error)) from error
    return tuple(receipts)


def close_block(
    draft: Draft, header: Header, weight: int, receipts: tuple[Receipt, ...]
) -> Outcome:
    """The end of a block: the reveal, reward and tips, the next base fee, the invariant.

    That of an epoch decides the set of the second one after, and is what votes are collected for.
    """
    voters = draft.state.epoch(header.epoch)
    assert voters is not None, "the header was checked against it"
    proposer = voters.seats[header.proposer_index]
    onion = onion_at(draft.record, proposer.index, header.epoch)
    draft.put_record(onion_key(proposer.index), encode_onion(onion.peeled(header.onion_reveal)))
    pay_proposer(draft, proposer.owner, sum(receipt.tip for receipt in receipts))
    settle_anchor(draft)
    if header.height == last_height(header.epoch, draft.document.consensus.epoch_blocks):
        drop_anchor(draft, header)
        cross_edge(draft, header)
    base_fee = draft.counter(BASE_FEE)
    draft.put_counter(BASE_FEE, next_base_fee(draft.document.fees, base_fee, weight))
    assert_conserved(draft)
    return Outcome(draft.changes(), receipts)
