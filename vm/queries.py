"""Read-only views of a state, for the wallet, the explorer and the node itself."""

from dataclasses import dataclass

from genesis.epochs import epoch_after, epoch_of_height
from genesis.limits import QUERY_ROWS_MAX
from genesis.units import ADDRESS_BYTES, Address
from native.hashing import Hash32
from vm.anchors import closing_height, read_anchor
from vm.commitment import StateProof
from vm.draft import read_account, read_counter
from vm.onions import onion_at
from vm.records import (
    AI_POOL,
    BURNED,
    MINTED,
    STAKED,
    TREASURY,
    UNBONDING,
    VALIDATORS,
    VOTER_POOL,
    Unbonding,
    account_key,
    decode_unbondings,
    decode_validator,
    unbonding_key,
    validator_index_key,
    validator_key,
)
from vm.rewards import block_reward, split_reward
from vm.state import State


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account; all zero when nobody has ever used the address."""

    address: Address
    exists: bool
    nonce: int
    balance: int
    staked: int
    unbonding: tuple[Unbonding, ...]
    algorithm: int
    """Of the revealed key; 0 when the next transaction must carry the public key."""
    is_validator: bool


@dataclass(frozen=True, slots=True)
class SupplyView:
    """Every coin: total = genesis + minted - burned, and where it is."""

    height: int
    genesis: int
    minted: int
    burned: int
    total: int
    staked: int
    unbonding: int
    treasury: int
    ai_pool: int
    voter_pool: int
    balances: int
    cap: int
    next_reward: int
    base_fee: int


@dataclass(frozen=True, slots=True)
class RewardsView:
    """What is on its way to a validator; all zero for everybody else."""

    height: int
    pending: int
    """Its part of what the last epoch's voters earned, where its vote was counted."""
    vote_counted: bool
    paid_at: int
    """The height of the block that pays voters next."""
    accruing: int
    """Its part of what this epoch has earned so far, if it votes for the epoch's last block."""
    next_proposal: int
    """The proposer's part of the next block's reward."""


@dataclass(frozen=True, slots=True)
class ValidatorView:
    """A registered validator; `set_index` is its place among the voters of the next block."""

    index: int
    address: Address
    public_key: bytes
    peer_id: bytes
    stake: int
    commission_bps: int
    onion_head: Hash32
    onion_length: int
    """Reveals that are left."""
    onion_renewals: int
    """Onions that came before, the one that waits to take over not counted."""
    jailed_until: int
    is_tombstoned: bool
    set_index: int | None
    voting_stake: int


@dataclass(frozen=True, slots=True)
class RecordProof:
    """A record and its proof against a state root; the header of height + 1 carries that root."""

    key: bytes
    value: bytes | None
    proof: StateProof
    state_root: Hash32
    height: int


def account_view(state: State, address: Address) -> AccountView:
    account = read_account(state, address)
    unbondings = state.get(unbonding_key(address))
    nonce, balance, staked, algorithm = account or (0, 0, 0, 0)
    return AccountView(
        address=address,
        exists=account is not None,
        nonce=nonce,
        balance=balance,
        staked=staked,
        unbonding=() if unbondings is None else decode_unbondings(unbondings),
        algorithm=algorithm,
        is_validator=state.get(validator_key(address)) is not None,
    )


def supply_view(state: State) -> SupplyView:
    """From the counters alone; the invariant of every block keeps them true."""
    genesis, minted = state.document.supply, read_counter(state, MINTED)
    burned = read_counter(state, BURNED)
    staked, unbonding = read_counter(state, STAKED), read_counter(state, UNBONDING)
    treasury, ai_pool = read_counter(state, TREASURY), read_counter(state, AI_POOL)
    voter_pool = read_counter(state, VOTER_POOL)
    total = genesis + minted - burned
    rewards = state.document.rewards
    return SupplyView(
        height=state.head.height,
        genesis=genesis,
        minted=minted,
        burned=burned,
        total=total,
        staked=staked,
        unbonding=unbonding,
        treasury=treasury,
        ai_pool=ai_pool,
        voter_pool=voter_pool,
        balances=total - staked - unbonding - treasury - ai_pool - voter_pool,
        cap=rewards.cap,
        next_reward=block_reward(rewards, state.head.height + 1, minted),
        base_fee=state.base_fee,
    )


def rewards_view(state: State, address: Address) -> RewardsView:
    """Of the two pools from which voters are paid: the last epoch's, and the running one's."""
    height, consensus = state.head.height, state.document.consensus
    anchor = read_anchor(state.get)
    ended = epoch_of_height(anchor.height, consensus.epoch_blocks)
    place, part = _part_of(state, ended, address, anchor.pool)
    counted = place is not None and bool(anchor.pool) and anchor.has(place)
    running = read_counter(state, VOTER_POOL) - anchor.pool
    epoch = epoch_of_height(height, consensus.epoch_blocks)
    reward = block_reward(state.document.rewards, height + 1, read_counter(state, MINTED))
    return RewardsView(
        height=height,
        pending=part if counted else 0,
        vote_counted=counted,
        paid_at=closing_height(ended if anchor.pool else epoch, consensus),
        accruing=_part_of(state, epoch, address, running)[1],
        next_proposal=split_reward(state.document.rewards, reward).proposer,
    )


def _part_of(state: State, epoch: int, address: Address, pool: int) -> tuple[int | None, int]:
    """The place of an owner in the set of an epoch, and its stake's part of a pool."""
    voters = state.epoch(epoch)
    assert voters is not None, "a state knows the set of the last epoch that ended"
    for place, seat in enumerate(voters.seats):
        if seat.owner == address:
            return place, pool * seat.stake // voters.validators.total_stake
    return None, 0


def validator_view(state: State, address: Address) -> ValidatorView | None:
    """One registered validator, None if the address never registered."""
    raw = state.get(validator_key(address))
    if raw is None:
        return None
    record = decode_validator(raw)
    epoch = epoch_after(state.head.height, state.document.consensus.epoch_blocks)
    voters = state.epoch(epoch)
    assert voters is not None, "a state knows the set of its next block"
    place = voters.place_of(record.index)
    onion = onion_at(state.get, record.index, epoch)
    return ValidatorView(
        index=record.index,
        address=address,
        public_key=record.public_key,
        peer_id=record.peer_id,
        stake=record.stake,
        commission_bps=record.commission_bps,
        onion_head=onion.head,
        onion_length=onion.layers,
        onion_renewals=onion.renewals,
        jailed_until=0 if record.is_tombstoned else record.jailed_until,
        is_tombstoned=record.is_tombstoned,
        set_index=place,
        voting_stake=0 if place is None else voters.seats[place].stake,
    )


def validators_view(
    state: State, start: int = 0, limit: int = QUERY_ROWS_MAX
) -> tuple[ValidatorView, ...]:
    """Registered validators in the order of their registration, at most QUERY_ROWS_MAX a call."""
    end = min(read_counter(state, VALIDATORS), start + min(limit, QUERY_ROWS_MAX))
    views = []
    for index in range(start, end):
        raw = state.get(validator_index_key(index))
        assert raw is not None, "every index below the counter has an address"
        assert len(raw) == ADDRESS_BYTES, "and nothing else"
        view = validator_view(state, Address(raw))
        assert view is not None, "an indexed validator has a record"
        views.append(view)
    return tuple(views)


def prove_record(state: State, key: bytes) -> RecordProof:
    """Presence with the value, or absence, of one record."""
    return RecordProof(key, state.get(key), state.tree.prove(key), state.root, state.head.height)


def prove_account(state: State, address: Address) -> RecordProof:
    return prove_record(state, account_key(address))
