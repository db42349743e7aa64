"""Receipts' events and block rewards as Ethereum logs, and who asks for which of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from struct import Struct

from aichain.rpc.abi import encode_arguments, word
from aichain.rpc.ai_mining import CONTRACT, KINDS, REWARDED_TOPIC, TOPICS
from aichain.rpc.backend import BlockView
from genesis.params import RewardParams
from genesis.units import Address
from native.hash_batches import keccak256_many
from native.hashing import Hash32
from vm.receipts import Event, Form
from vm.rewards import proposer_income

_BLOOM_BITS = 2_048
_FIRST_PAIRS = Struct(">HHH26x")


@dataclass(frozen=True, slots=True)
class Log:
    """One log of a block; all logs are of the pseudo contract."""

    topics: tuple[bytes, ...]
    data: bytes
    transaction_id: Hash32
    """Of a reward, which no transaction caused, the block's own id."""
    transaction_index: int
    """Of a reward, the number of the block's transactions."""
    index: int


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs are wanted; an empty alternative is a wildcard."""

    addresses: frozenset[Address] = frozenset()
    topics: tuple[frozenset[bytes], ...] = ()

    def wants(self, log: Log) -> bool:
        """Topics go by position; a log with fewer topics than asked for does not match."""
        if self.addresses and CONTRACT not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        pairs = zip(self.topics, log.topics, strict=False)
        return all(not wanted or topic in wanted for wanted, topic in pairs)


def logs_of(view: BlockView, proposer: Address | None, rewards: RewardParams) -> tuple[Log, ...]:
    """Events in the order of the receipts, then what the proposer was paid for the block."""
    logs: list[Log] = []
    for place, receipt in enumerate(view.receipts):
        for event in receipt.events:
            topics, data = encode_event(event)
            logs.append(Log(topics, data, receipt.tx_id, place, len(logs)))
    header = view.block.header
    if proposer is not None and header.height:
        tips = sum(receipt.tip for receipt in view.receipts)
        income = proposer_income(rewards, header.height, tips)
        if income:
            topics = (REWARDED_TOPIC, word("address", proposer))
            data = word("uint256", income)
            logs.append(Log(topics, data, header.id, len(view.receipts), len(logs)))
    return tuple(logs)


def encode_event(event: Event) -> tuple[tuple[bytes, ...], bytes]:
    """Its topics and its data: addresses are indexed, the rest stands in the data."""
    topics: list[bytes] = [TOPICS[event.kind]]
    kinds: list[str] = []
    values: list[int | bytes] = []
    for _, form, value in event.attributes:
        if form is Form.ADDRESS:
            topics.append(word(KINDS[form], value))
        else:
            kinds.append(KINDS[form])
            values.append(value)
    return tuple(topics), encode_arguments(kinds, values)


def bloom_of(logs: Sequence[Log]) -> bytes:
    """The 2,048 bits of the yellow paper's M (4.3.1): of the address and of each topic three."""
    topics = {topic for log in logs for topic in log.topics}
    return bloom_over(topics | {CONTRACT} if logs else ())


def bloom_over(entries: Collection[bytes]) -> bytes:
    """Three bits each: the low 11 of one of the first three pairs of bytes of its hash."""
    bloom = 0
    for pairs in _FIRST_PAIRS.iter_unpack(keccak256_many(tuple(entries))):
        for pair in pairs:
            bloom |= 1 << (pair % _BLOOM_BITS)
    return bloom.to_bytes(_BLOOM_BITS // 8, "big")
