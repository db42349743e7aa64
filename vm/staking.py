"""Validators' own stake: registration, staking, unbonding, jail.

What changes here in epoch e changes the set of e + 2, as far as the churn allows.
"""

from dataclasses import replace

from genesis.epochs import last_height
from genesis.units import Address
from vm.accounts import credit, debit
from vm.candidates import list_candidate
from vm.draft import Draft
from vm.epochs import registered
from vm.errors import (
    ConsensusKeyTaken,
    DelegationClosed,
    InsufficientStake,
    JailNotOver,
    NothingToWithdraw,
    NotJailed,
    PeerIdTaken,
    RoleNotOpen,
    StakeTooSmall,
    TooManyUnbondings,
    ValidatorExists,
    ValidatorUnknown,
)
from vm.onions import RENEWAL_EPOCHS, OnionRecord, encode_onion, onion_at, onion_key
from vm.receipts import Event, EventKind
from vm.records import (
    STAKED,
    TOMBSTONED,
    UNBONDING,
    VALIDATORS,
    Account,
    Unbonding,
    ValidatorRecord,
    consensus_key_key,
    decode_amount_record,
    decode_unbondings,
    decode_validator,
    encode_amount_record,
    encode_unbondings,
    encode_validator,
    peer_id_key,
    stake_key,
    unbonding_key,
    validator_index_key,
    validator_key,
)
from vm.transactions import RegisterValidator, Role, Stake, Unstake
from vm.validator_errors import OnionRepeated, RenewalPending, Tombstoned


def apply_register(draft: Draft, owner: Address, body: RegisterValidator) -> tuple[Event, ...]:
    """A new candidate. Consensus keys and peer ids are unique, the first own stake is locked.

    Who is registered renews its onion; its consensus key stays.
    """
    raw = draft.record(validator_key(owner))
    if raw is not None:
        return _renew(draft, owner, decode_validator(raw), body)
    key_key, peer_key = consensus_key_key(body.public_key), peer_id_key(body.peer_id)
    taken = draft.record(key_key)
    if taken is not None:
        raise ConsensusKeyTaken(taken)
    _require_free(draft, body.peer_id)
    _require_minimum(draft, body.stake)
    index = draft.counter(VALIDATORS)
    draft.put_counter(VALIDATORS, index + 1)
    record = ValidatorRecord(
        index=index,
        public_key=body.public_key,
        peer_id=body.peer_id,
        commission_bps=body.commission_bps,
        onion_head=body.onion_head,
        stake=0,
    )
    onion = onion_key(index)
    assert draft.record(onion) is None, "an index is given once"
    draft.put_record(onion, encode_onion(OnionRecord(body.onion_head, body.onion_length)))
    for key in (key_key, peer_key, validator_index_key(index)):
        assert draft.record(key) is None, "an index entry is written once"
        draft.put_record(key, owner)
    _lock(draft, owner, record, body.stake)
    return (Event(EventKind.VALIDATOR_REGISTERED, (owner, index, body.stake)),)


def _renew(
    draft: Draft, owner: Address, record: ValidatorRecord, body: RegisterValidator
) -> tuple[Event, ...]:
    """Another onion from RENEWAL_EPOCHS on; peer id and commission at once, and more stake."""
    _require_untainted(owner, record)
    if body.public_key != record.public_key:
        raise ValidatorExists(owner)
    onion = onion_at(draft.record, record.index, draft.epoch)
    if onion.next_epoch:
        raise RenewalPending(onion.next_epoch)
    if body.onion_head == record.onion_head:
        raise OnionRepeated(body.onion_head)
    if body.peer_id != record.peer_id:
        _require_free(draft, body.peer_id)
        draft.put_record(peer_id_key(body.peer_id), owner)
        old = peer_id_key(record.peer_id)
        assert draft.record(old) == owner, "a peer id is its owner's"
        draft.put_record(old, None)
    epoch = draft.epoch + RENEWAL_EPOCHS
    renewed = onion.renewed(body.onion_head, body.onion_length, epoch)
    draft.put_record(onion_key(record.index), encode_onion(renewed))
    changed = replace(
        record,
        peer_id=body.peer_id,
        commission_bps=body.commission_bps,
        onion_head=body.onion_head,
    )
    _lock(draft, owner, changed, body.stake)
    return (Event(EventKind.ONION_RENEWED, (owner, epoch, body.onion_length)),)


def apply_stake(draft: Draft, owner: Address, body: Stake) -> tuple[Event, ...]:
    """More stake behind the sender's own validator."""
    record = _own_validator(draft, owner, body)
    _require_untainted(owner, record)
    _lock(draft, owner, record, body.amount)
    return (Event(EventKind.STAKED, (owner, int(body.role), body.target, body.amount)),)


def apply_unstake(draft: Draft, owner: Address, body: Unstake) -> tuple[Event, ...]:
    """Stake to the unbonding list; what stays is nothing or at least the minimum."""
    record = _own_validator(draft, owner, body)
    remaining = record.stake - body.amount
    if remaining < 0:
        raise InsufficientStake(required=body.amount, available=record.stake)
    if remaining:
        _require_minimum(draft, remaining)
    pending = unbondings_of(draft, owner)
    if len(pending) >= draft.document.staking.max_unbondings:
        raise TooManyUnbondings(limit=draft.document.staking.max_unbondings)
    # What leaves now still votes in this epoch and the next one.
    matures_at = unbonding_ends(draft, draft.epoch + 1)
    added = Unbonding(matures_at, int(body.role), body.target, body.amount)
    draft.put_record(unbonding_key(owner), encode_unbondings((*pending, added)))
    draft.put_counter(UNBONDING, draft.counter(UNBONDING) + body.amount)
    _move_stake(draft, owner, record, -body.amount)
    values = (owner, int(body.role), body.target, body.amount, matures_at)
    return (Event(EventKind.UNSTAKED, values),)


def apply_withdraw(draft: Draft, owner: Address) -> tuple[Event, ...]:
    """Everything that has matured back to the balance."""
    pending = unbondings_of(draft, owner)
    waiting = tuple(each for each in pending if each.matures_at > draft.height)
    amount = sum(each.amount for each in pending) - sum(each.amount for each in waiting)
    if amount == 0:
        raise NothingToWithdraw(min((each.matures_at for each in waiting), default=None))
    draft.put_record(unbonding_key(owner), encode_unbondings(waiting) if waiting else None)
    draft.put_counter(UNBONDING, draft.counter(UNBONDING) - amount)
    credit(draft, owner, amount)
    return (Event(EventKind.WITHDRAWN, (owner, amount)),)


def apply_unjail(draft: Draft, owner: Address) -> tuple[Event, ...]:
    """Out of jail, once the term is over and the stake is enough again."""
    record = validator_of(draft, owner)
    _require_untainted(owner, record)
    if record.jailed_until == 0:
        raise NotJailed(owner)
    if draft.height < record.jailed_until:
        raise JailNotOver(until=record.jailed_until, height=draft.height)
    _require_minimum(draft, record.stake)
    _put_validator(draft, owner, replace(record, jailed_until=0))
    return (Event(EventKind.UNJAILED, (owner,)),)


def jail(draft: Draft, address: Address) -> None:
    """Take a validator out of the candidates for jail_blocks; a term that runs is not changed."""
    record = validator_of(draft, address)
    if record.jailed_until:
        return
    until = draft.height + draft.document.staking.jail_blocks
    _put_validator(draft, address, replace(record, jailed_until=until))


def unbonding_ends(draft: Draft, epoch: int) -> int:
    """When stake that votes in `epoch` for the last time is free: evidence of it has expired."""
    staking, epoch_blocks = draft.document.staking, draft.document.consensus.epoch_blocks
    return last_height(epoch, epoch_blocks) + staking.unbonding_blocks


def hold_unbondings(draft: Draft, index: int, amount: int, until: int) -> None:
    """Keep the newest unbondings, `amount` of coins or more, at least until that height.

    The churn makes them vote longer than their owner thought when it unstaked them.
    """
    owner, _ = registered(draft.record, index)
    held: list[Unbonding] = []
    for each in reversed(unbondings_of(draft, owner)):
        held.append(each._replace(matures_at=max(each.matures_at, until)) if amount > 0 else each)
        amount -= each.amount
    if held:
        draft.put_record(unbonding_key(owner), encode_unbondings(held[::-1]))


def tombstone(draft: Draft, owner: Address, record: ValidatorRecord) -> None:
    """End a validator for good."""
    assert not record.is_tombstoned, "it ends once"
    _put_validator(draft, owner, replace(record, jailed_until=TOMBSTONED))


def take_stake(draft: Draft, owner: Address, amount: int) -> int:
    """Take from the stake, then from the newest unbondings, as much as there is: answers that."""
    record = validator_of(draft, owner)
    from_stake = min(amount, record.stake)
    _move_stake(draft, owner, record, -from_stake)
    left = amount - from_stake
    kept: list[Unbonding] = []
    for each in reversed(unbondings_of(draft, owner)):
        cut = min(left, each.amount)
        left -= cut
        if cut < each.amount:
            kept.append(each._replace(amount=each.amount - cut))
    from_unbonding = amount - from_stake - left
    if from_unbonding:
        draft.put_counter(UNBONDING, draft.counter(UNBONDING) - from_unbonding)
        draft.put_record(unbonding_key(owner), encode_unbondings(kept[::-1]) if kept else None)
    return amount - left


def unbondings_of(draft: Draft, owner: Address) -> tuple[Unbonding, ...]:
    """The owner's unbonding list, oldest first."""
    raw = draft.record(unbonding_key(owner))
    return () if raw is None else decode_unbondings(raw)


def _own_validator(draft: Draft, owner: Address, body: Stake | Unstake) -> ValidatorRecord:
    if body.role is not Role.VALIDATOR:
        raise RoleNotOpen(int(body.role))
    if body.target != owner:
        raise DelegationClosed(body.target)
    return validator_of(draft, owner)


def validator_of(draft: Draft, address: Address) -> ValidatorRecord:
    """A registered validator; ValidatorUnknown if the address owns none."""
    raw = draft.record(validator_key(address))
    if raw is None:
        raise ValidatorUnknown(address)
    return decode_validator(raw)


def _put_validator(draft: Draft, owner: Address, record: ValidatorRecord) -> None:
    draft.put_record(validator_key(owner), encode_validator(record))
    list_candidate(draft, record)


def _require_untainted(owner: Address, record: ValidatorRecord) -> None:
    if record.is_tombstoned:
        raise Tombstoned(owner)


def _require_free(draft: Draft, peer_id: bytes) -> None:
    taken = draft.record(peer_id_key(peer_id))
    if taken is not None:
        raise PeerIdTaken(taken)


def _require_minimum(draft: Draft, stake: int) -> None:
    required = draft.document.staking.min_validator_stake
    if stake < required:
        raise StakeTooSmall(required=required, given=stake)


def _lock(draft: Draft, owner: Address, record: ValidatorRecord, amount: int) -> None:
    debit(draft, owner, amount)
    _move_stake(draft, owner, record, amount)


def _move_stake(draft: Draft, owner: Address, record: ValidatorRecord, delta: int) -> None:
    """Change the stake in all four places that tell of it: they are compared at every start."""
    nonce, balance, staked, algorithm = draft.account(owner) or Account()
    draft.put_account(owner, Account(nonce, balance, staked + delta, algorithm))
    stake = record.stake + delta
    changed = replace(record, stake=stake)
    if record.is_tombstoned:  # no candidate since then; hundreds may be slashed by one proof
        draft.put_record(validator_key(owner), encode_validator(changed))
    else:
        _put_validator(draft, owner, changed)
    entry = stake_key(Role.VALIDATOR, owner, owner)
    raw = draft.record(entry)
    assert record.stake == (0 if raw is None else decode_amount_record(raw)), "stakes agree"
    draft.put_record(entry, encode_amount_record(stake) if stake else None)
    draft.put_counter(STAKED, draft.counter(STAKED) + delta)
