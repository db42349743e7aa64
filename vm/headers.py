"""The rules of a header and of the size of its body, each a named refusal."""

from collections.abc import Sequence

from genesis.beacon import mixed
from genesis.epochs import epoch_of_height
from genesis.limits import SYSTEM_TRANSACTIONS_MAX
from genesis.onion import peel
from genesis.params import FeeParams
from native.hashing import ZERO_HASH
from vm.blocks import Header, body_bytes
from vm.errors import (
    BlockTooHeavy,
    BlockTooLarge,
    FieldNotZero,
    ProposerOutOfRange,
    RepeatedTransaction,
    TimestampNotAfterParent,
    ViewNotAfterParent,
    WrongBlockVersion,
    WrongEpoch,
    WrongGenesis,
    WrongHeaderMmrRoot,
    WrongHeight,
    WrongParent,
    WrongReceiptsRoot,
    WrongStateRoot,
    WrongValidatorSet,
)
from vm.onions import onion_at
from vm.state import State
from vm.transactions import SignedTransaction
from vm.validator_errors import (
    OnionExhausted,
    TooManySystemTransactions,
    WrongBeaconMix,
    WrongReveal,
)

_UNUSED_HASHES = ("parent_outbox_root", "last_hard_id")


def earliest_timestamp_ms(state: State) -> int:
    """The first moment that a child of this state's head may carry (design ruling 4)."""
    return state.head.timestamp_ms + state.document.consensus.block_time_ms


def require_parent_roots(parent: State, header: Header) -> None:
    """The header repeats what executing its parent gave here."""
    if header.parent_id != parent.head.id:
        raise WrongParent(expected=parent.head.id, given=header.parent_id)
    if header.header_mmr_root != parent.mmr.root:
        raise WrongHeaderMmrRoot(expected=parent.mmr.root, given=header.header_mmr_root)
    if header.parent_receipts_root != parent.receipts_root:
        raise WrongReceiptsRoot(expected=parent.receipts_root, given=header.parent_receipts_root)
    if header.parent_state_root != parent.root:
        raise WrongStateRoot(expected=parent.root, given=header.parent_state_root)


def require_header(parent: State, header: Header) -> None:
    """Every rule of a header but its roots; the clock's upper bound is the consensus core's."""
    document, head = parent.document, parent.head
    version = document.block_version(head.height + 1)
    if header.version != version:
        raise WrongBlockVersion(expected=version, given=header.version)
    if header.genesis_hash != document.hash:
        raise WrongGenesis(expected=document.hash, given=header.genesis_hash)
    if header.height != head.height + 1:
        raise WrongHeight(expected=head.height + 1, given=header.height)
    epoch = epoch_of_height(header.height, document.consensus.epoch_blocks)
    if header.epoch != epoch:
        raise WrongEpoch(expected=epoch, given=header.epoch)
    if header.view <= header.parent_view:
        raise ViewNotAfterParent(view=header.view, parent_view=header.parent_view)
    if header.timestamp_ms < earliest_timestamp_ms(parent):
        raise TimestampNotAfterParent(
            earliest_ms=earliest_timestamp_ms(parent), timestamp_ms=header.timestamp_ms
        )
    _require_validators(parent, header)
    _require_zeros(header)


def require_size(params: FeeParams, transactions: Sequence[SignedTransaction]) -> int:
    """The weight of a body that is within all limits and names no transaction twice."""
    size = body_bytes(transactions)
    if size > params.max_block_bytes:
        raise BlockTooLarge(size_bytes=size, limit_bytes=params.max_block_bytes)
    weight = sum(signed.weight for signed in transactions)
    if weight > params.max_block_weight:
        raise BlockTooHeavy(weight=weight, limit=params.max_block_weight)
    seen: set[bytes] = set()
    for signed in transactions:
        if signed.id in seen:
            raise RepeatedTransaction(signed.id)
        seen.add(signed.id)
    free = sum(signed.transaction.is_system for signed in transactions)
    if free > SYSTEM_TRANSACTIONS_MAX:
        raise TooManySystemTransactions(count=free, limit=SYSTEM_TRANSACTIONS_MAX)
    return weight


def _require_validators(parent: State, header: Header) -> None:
    voters, following = parent.epoch(header.epoch), parent.validators_of(header.epoch + 1)
    assert voters is not None, "a state knows the set of its next block"
    assert following is not None, "and that of the epoch after"
    if header.proposer_index >= len(voters.seats):
        raise ProposerOutOfRange(header.proposer_index, len(voters.seats))
    for expected, given in (
        (voters.validators.hash, header.vset_hash),
        (following.hash, header.next_vset_hash),
    ):
        if given != expected:
            raise WrongValidatorSet(expected=expected, given=given)
    _require_reveal(parent, header, voters.seats[header.proposer_index].index)


def _require_reveal(parent: State, header: Header, index: int) -> None:
    """The reveal opens the proposer's commitment, and is mixed in."""
    onion = onion_at(parent.get, index, header.epoch)
    if onion.layers == 0:
        raise OnionExhausted(header.proposer_index)
    head, mix = peel(header.onion_reveal), mixed(parent.head.beacon_mix, header.onion_reveal)
    if head != onion.head:
        raise WrongReveal(expected=onion.head, given=head)
    if header.beacon_mix != mix:
        raise WrongBeaconMix(expected=mix, given=header.beacon_mix)


def _require_zeros(header: Header) -> None:
    for name in _UNUSED_HASHES:
        if getattr(header, name) != ZERO_HASH:
            raise FieldNotZero(name)
    if header.last_hard_height:
        raise FieldNotZero("last_hard_height")
