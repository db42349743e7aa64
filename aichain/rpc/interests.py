"""What a subscriber may want to hear of, and what a final block or a vote is to it."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

from aichain.rpc.logs import LogFilter
from aichain.rpc.occurrences import (
    FinalBlockSeen,
    Occurrence,
    SyncSeen,
    TransactionsSeen,
    VoteSeen,
)
from genesis.units import Address


class Channel(Enum):
    """The `method` of a notification."""

    AICHAIN = "aichain_subscription"
    ETH = "eth_subscription"


class Source(Enum):
    """What has to happen."""

    BLOCK = "a block becomes final"
    VOTE = "the core takes in a vote"
    POOL = "transactions come to wait for a block"
    SYNC = "the node falls behind, or has caught up"


class Interest(Protocol):
    """Equal interests are answered once for all who have them, so each is a frozen value."""

    channel: ClassVar[Channel]
    source: ClassVar[Source]

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        """The results to push, in their order; none where this is not what was asked for."""
        ...


@dataclass(frozen=True, slots=True)
class NewBlocks:
    """Final blocks without their transactions."""

    channel: ClassVar[Channel] = Channel.AICHAIN
    source: ClassVar[Source] = Source.BLOCK

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        return (await occurrence.head(),) if isinstance(occurrence, FinalBlockSeen) else ()


@dataclass(frozen=True, slots=True)
class FinalTransactions:
    """Every final transaction with its receipt."""

    channel: ClassVar[Channel] = Channel.AICHAIN
    source: ClassVar[Source] = Source.BLOCK

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        return await occurrence.transactions() if isinstance(occurrence, FinalBlockSeen) else ()


@dataclass(frozen=True, slots=True)
class AccountChanges:
    """One account, whenever a final transaction is its own or names it in an event."""

    address: Address
    channel: ClassVar[Channel] = Channel.AICHAIN
    source: ClassVar[Source] = Source.BLOCK

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        if not isinstance(occurrence, FinalBlockSeen):
            return ()
        notice = occurrence.account(self.address)
        return () if notice is None else (notice,)


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes as this node takes them in. Counting stops at a quorum: late ones may be left out."""

    channel: ClassVar[Channel] = Channel.AICHAIN
    source: ClassVar[Source] = Source.VOTE

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        return (occurrence.vote(),) if isinstance(occurrence, VoteSeen) else ()


@dataclass(frozen=True, slots=True)
class NewHeads:
    """Final blocks as Ethereum clients read them."""

    channel: ClassVar[Channel] = Channel.ETH
    source: ClassVar[Source] = Source.BLOCK

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        return (await occurrence.eth_head(),) if isinstance(occurrence, FinalBlockSeen) else ()


@dataclass(frozen=True, slots=True)
class MatchingLogs:
    """Logs of final blocks that a filter wants."""

    wanted: LogFilter
    channel: ClassVar[Channel] = Channel.ETH
    source: ClassVar[Source] = Source.BLOCK

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        if not isinstance(occurrence, FinalBlockSeen):
            return ()
        return await occurrence.eth_logs(self.wanted)


@dataclass(frozen=True, slots=True)
class PendingTransactions:
    """The hashes of transactions as they come to wait in the mempool."""

    channel: ClassVar[Channel] = Channel.ETH
    source: ClassVar[Source] = Source.POOL

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        return occurrence.hashes() if isinstance(occurrence, TransactionsSeen) else ()


@dataclass(frozen=True, slots=True)
class SyncChanges:
    """The node falls behind, or has caught up."""

    channel: ClassVar[Channel] = Channel.ETH
    source: ClassVar[Source] = Source.SYNC

    async def notices(self, occurrence: Occurrence) -> tuple[object, ...]:
        return (occurrence.progress(),) if isinstance(occurrence, SyncSeen) else ()
