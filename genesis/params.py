"""The numbers a chain is born with: consensus, fees, rewards, staking."""

from dataclasses import dataclass, field, fields
from typing import TypeAlias

from genesis import limits
from genesis.errors import InvalidGenesis
from genesis.units import AI, BPS, U64_MAX, U128_MAX, encode_amount
from native.codec import Encodable

_AMOUNT = {"amount": True}  # written in AI in a document, 16 bytes in the canonical encoding
_LATER = {"later": True}  # came after the first chains: neither written nor hashed at its default
_ROOM_FOR_ONE = 2 * 85_000  # half a block holds the largest transaction: a full one of votes


@dataclass(frozen=True, slots=True)
class ConsensusParams:
    """Simplex-69 (consensus.md §3.1); the defaults are for a network across the world.

    Up to `full_set_limit` validators vote on every block. A chain whose sets may be larger
    (`max_validators`) runs two lanes, and closes a committee that stood still for `escape_ms`.
    """

    block_time_ms: int = 500
    epoch_blocks: int = 256
    full_set_limit: int = 20
    quorum_percent: int = 69
    delta_ms: int = 250
    clock_offset_ms: int = 200
    escape_ms: int = field(default=10_000, metadata=_LATER)

    def __post_init__(self) -> None:
        _require_range("block_time_ms", self.block_time_ms, 1, limits.BLOCK_TIME_MAX_MS)
        _require_range("epoch_blocks", self.epoch_blocks, 1, limits.EPOCH_BLOCKS_MAX)
        _require_range("full_set_limit", self.full_set_limit, 1, limits.ELECTORATE_MEMBERS_MAX)
        _require_range("quorum_percent", self.quorum_percent, 69, 69)  # R1…R7 are proved for 69
        _require_range("delta_ms", self.delta_ms, 1, limits.BLOCK_TIME_MAX_MS)
        _require_range("clock_offset_ms", self.clock_offset_ms, 0, limits.BLOCK_TIME_MAX_MS)
        _require_range("escape_ms", self.escape_ms, 1, limits.ESCAPE_MAX_MS)


@dataclass(frozen=True, slots=True)
class FeeParams:
    """Weight is bytes + 1,000 a signature; a block aims at half of `max_block_weight`."""

    max_block_weight: int = 2_000_000
    max_block_bytes: int = 2 * 1024 * 1024
    initial_base_fee: int = field(default=10**10, metadata=_AMOUNT)
    min_base_fee: int = field(default=10**9, metadata=_AMOUNT)
    account_creation_fee: int = field(default=AI // 100, metadata=_AMOUNT)

    def __post_init__(self) -> None:
        _require_range("max_block_weight", self.max_block_weight, _ROOM_FOR_ONE, 2**32 - 1)
        _require_range("max_block_bytes", self.max_block_bytes, _ROOM_FOR_ONE, 2**25)
        _require_range("min_base_fee", self.min_base_fee, 8, AI)  # below 8, 1/8 of it is nothing
        _require_range("initial_base_fee", self.initial_base_fee, self.min_base_fee, AI)
        _require_range("account_creation_fee", self.account_creation_fee, 0, 1000 * AI)


@dataclass(frozen=True, slots=True)
class RewardParams:
    """Emission (ledger.md §12.4): the treasury takes its share first, the two others the rest.

    Of the validators' share, `voter_bps` go to those whose votes for the epoch's last block are
    seen, the rest to each block's proposer.
    """

    initial_reward: int = field(default=1785 * 10**15, metadata=_AMOUNT)
    halving_blocks: int = 252_288_000
    cap: int = field(default=900_000_000 * AI, metadata=_AMOUNT)
    treasury_bps: int = 200
    validator_bps: int = 2000
    ai_bps: int = 8000
    voter_bps: int = 5000

    def __post_init__(self) -> None:
        _require_range("initial_reward", self.initial_reward, 0, 10**6 * AI)
        _require_range("halving_blocks", self.halving_blocks, 1, U64_MAX)
        _require_range("cap", self.cap, 0, U128_MAX // 2)
        _require_range("treasury_bps", self.treasury_bps, 0, BPS)
        _require_range("validator_bps", self.validator_bps, 0, BPS)
        _require_range("voter_bps", self.voter_bps, 0, BPS)
        if self.validator_bps + self.ai_bps != BPS:
            raise InvalidGenesis(f"validator_bps and ai_bps must add up to {BPS}")


@dataclass(frozen=True, slots=True)
class StakingParams:
    """Stake, unbonding (21 days of blocks, as long as evidence lives), jail and slashing."""

    min_validator_stake: int = field(default=2000 * AI, metadata=_AMOUNT)
    unbonding_blocks: int = 3_628_800
    max_validators: int = 20
    jail_blocks: int = 7_200
    max_unbondings: int = 16
    slash_bps: int = 500
    """The least that a proven double signature costs of all that its validator has locked."""
    reporter_bps: int = 500
    """The part of a slash that goes to whoever brings the proof; the rest is burned."""

    def __post_init__(self) -> None:
        _require_range("min_validator_stake", self.min_validator_stake, 1, U128_MAX // 2)
        _require_range("unbonding_blocks", self.unbonding_blocks, 1, U64_MAX >> 1)
        _require_range("max_validators", self.max_validators, 1, limits.GENESIS_VALIDATORS_MAX)
        _require_range("jail_blocks", self.jail_blocks, 1, U64_MAX >> 1)
        _require_range("max_unbondings", self.max_unbondings, 1, limits.UNBONDINGS_MAX)
        _require_range("slash_bps", self.slash_bps, 0, BPS)
        _require_range("reporter_bps", self.reporter_bps, 0, BPS // 2)  # guilt must not pay

    @property
    def candidates_max(self) -> int:
        """So many may wait for a place in a set."""
        return max(limits.CANDIDATES_LEAST, 2 * self.max_validators)

    @property
    def offences_max(self) -> int:
        """So many offences count together: a whole set's, or its small members would be cheap."""
        return max(limits.OFFENCES_LEAST, self.max_validators)


Params: TypeAlias = ConsensusParams | FeeParams | RewardParams | StakingParams


def encodable_params(params: Params) -> list[Encodable]:
    """The fields in their declared order, amounts as 16 bytes: a part of the genesis hash."""
    amounts = amount_fields(type(params))
    return [
        encode_amount(getattr(params, name)) if name in amounts else getattr(params, name)
        for name in stated_fields(params)
    ]


def stated_fields(params: Params) -> tuple[str, ...]:
    """What a document says: all but the later fields, and of these what is not the default.

    So the documents and hashes of chains that were born before a field are what they were.
    """
    later = later_fields(type(params))
    stated = tuple(
        entry.name
        for entry in fields(params)
        if entry.name not in later or getattr(params, entry.name) != entry.default
    )
    assert len(later) < 2, "with two, their places in the encoding would need names"
    return stated


def later_fields(kind: type[Params]) -> frozenset[str]:
    """The fields that a document may leave out."""
    return frozenset(entry.name for entry in fields(kind) if entry.metadata.get("later"))


def amount_fields(kind: type[Params]) -> frozenset[str]:
    """The fields of a parameter class that are amounts of AI."""
    return frozenset(entry.name for entry in fields(kind) if entry.metadata.get("amount"))


def _require_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidGenesis(f"{name} is {value}, allowed are {low} to {high}")
