"""A proposer's block: take the candidates that can be charged and fit, and seal the header."""

from collections.abc import Iterable
from dataclasses import dataclass

from genesis.beacon import mixed
from genesis.limits import SYSTEM_TRANSACTIONS_MAX
from native.hashing import ZERO_HASH, Hash32
from vm.apply import close_block
from vm.blocks import (
    Block,
    Header,
    VerifiedBlock,
    item_bytes,
    transactions_root,
    witnesses_root,
)
from vm.draft import Draft
from vm.errors import (
    FeeTooLow,
    InvalidTransaction,
    NonceMismatch,
    ValidUntilTooFar,
)
from vm.execute import apply_transaction
from vm.headers import require_header
from vm.receipts import Receipt
from vm.spare_keys import as_charged
from vm.state import State
from vm.transactions import SignedTransaction, VerifiedTransaction

_BODY_HEAD_BYTES = 5  # the longest array header of an encoded body


@dataclass(frozen=True, slots=True)
class BlockAttributes:
    """What is decided about the block before its contents."""

    epoch: int
    view: int
    parent_view: int
    proposer_index: int
    timestamp_ms: int
    onion_reveal: Hash32
    """The next layer of the proposer's onion."""


@dataclass(frozen=True, slots=True)
class Built:
    """A block, its outcome, and the candidates that can never follow this parent.

    A candidate that merely does not fit, waits for an earlier nonce or for a lower base fee is
    left out without being dropped.
    """

    block: VerifiedBlock
    state: State
    receipts: tuple[Receipt, ...]
    dropped: tuple[tuple[VerifiedTransaction, InvalidTransaction], ...]


def build_block(
    state: State, candidates: Iterable[VerifiedTransaction], attributes: BlockAttributes
) -> Built:
    """The block of these candidates, in their order; `state` is that of the parent.

    The result is what apply_block accepts and gives. InvalidBlock if the attributes do not follow
    the parent. Keys that the chain has by then are left out (`vm/spare_keys`).
    """
    draft = Draft(state, state.head.height + 1)
    fees = state.document.fees
    bytes_left, weight_left = fees.max_block_bytes - _BODY_HEAD_BYTES, fees.max_block_weight
    free_left = SYSTEM_TRANSACTIONS_MAX
    chosen: list[SignedTransaction] = []
    receipts: list[Receipt] = []
    dropped: list[tuple[VerifiedTransaction, InvalidTransaction]] = []
    for candidate in candidates:
        signed = as_charged(draft, candidate)
        weight, size = signed.weight, item_bytes(len(signed.raw))
        is_free = signed.transaction.is_system
        if weight > weight_left or size > bytes_left or (is_free and not free_left):
            continue
        try:
            receipts.append(apply_transaction(draft, signed))
        except InvalidTransaction as error:
            if not may_come_later(error):
                dropped.append((candidate, error))
            continue
        chosen.append(signed)
        bytes_left -= size
        weight_left -= weight
        free_left -= is_free
    header = _header(draft, chosen, attributes)
    require_header(state, header)
    used = fees.max_block_weight - weight_left
    outcome = close_block(draft, header, used, tuple(receipts))
    block = VerifiedBlock(Block(header, tuple(chosen)))
    return Built(block, state.after(header, outcome), outcome.receipts, tuple(dropped))


def may_come_later(error: InvalidTransaction) -> bool:
    """Whether a refused transaction may be charged after other blocks, without being changed."""
    match error:
        case NonceMismatch(expected=expected, given=given):
            return given > expected
        case FeeTooLow() | ValidUntilTooFar():
            return True
        case _:
            return False


def _header(
    draft: Draft, transactions: list[SignedTransaction], attributes: BlockAttributes
) -> Header:
    state = draft.state
    validators, following = state.validators_of(draft.epoch), state.validators_of(draft.epoch + 1)
    assert validators is not None, "a state knows the set of its next block"
    assert following is not None, "and that of the epoch after"
    return Header(
        version=draft.block_version,
        genesis_hash=state.document.hash,
        epoch=attributes.epoch,
        view=attributes.view,
        height=draft.height,
        parent_id=state.head.id,
        parent_view=attributes.parent_view,
        proposer_index=attributes.proposer_index,
        timestamp_ms=attributes.timestamp_ms,
        tx_root=transactions_root(transactions),
        witness_root=witnesses_root(transactions),
        parent_state_root=state.root,
        parent_receipts_root=state.receipts_root,
        parent_outbox_root=ZERO_HASH,
        header_mmr_root=state.mmr.root,
        vset_hash=validators.hash,
        next_vset_hash=following.hash,
        onion_reveal=attributes.onion_reveal,
        beacon_mix=mixed(state.head.beacon_mix, attributes.onion_reveal),
        last_hard_height=0,
        last_hard_id=ZERO_HASH,
    )
