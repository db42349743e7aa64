"""How long a message of the in-memory network takes, and whether it is lost."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from p2p.regions import Region, round_trip_ms
from p2p.wire.messages import Received

MayMeet: TypeAlias = Callable[[str, str], bool]
"""Whether two nodes connect, where each has room for a few only."""


def everybody_meets(_one: str, _other: str) -> bool:
    """A connection between all nodes."""
    return True


@dataclass(order=True, slots=True)
class Letter:
    """A message on its way; the number keeps the order of equal times."""

    due: float
    number: int
    sender: str = field(compare=False)
    payload: bytes = field(compare=False)
    decode: Callable[[bytes], Received] | None = field(compare=False)  # None: gossip


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a link does to messages: a delay drawn from a range, and losses in a thousand."""

    min_delay_ms: int = 1
    max_delay_ms: int = 5
    loss_permille: int = 0


class Links(Protocol):
    """Asked once for each message, in the order of sending."""

    def delay_s(self, sender: str, receiver: str) -> float:
        """How long the message takes."""
        ...

    def loses(self, sender: str, receiver: str) -> bool:
        """Whether it never arrives."""
        ...


class EqualLinks:
    """All links are alike; `conditions` may change while messages travel."""

    def __init__(self, seed: int = 0, conditions: Conditions | None = None) -> None:
        self.conditions = conditions or Conditions()
        self._random = random.Random(seed)

    def delay_s(self, sender: str, receiver: str) -> float:
        drawn = self._random.randint(self.conditions.min_delay_ms, self.conditions.max_delay_ms)
        return drawn / 1000

    def loses(self, sender: str, receiver: str) -> bool:
        return self._random.randrange(1000) < self.conditions.loss_permille


class RegionLinks:
    """Nodes stand in cloud regions: half a round trip each way, and up to 5 % more by luck."""

    def __init__(self, regions: Mapping[str, Region], seed: int = 0) -> None:
        self._regions = regions
        self._random = random.Random(seed)

    def delay_s(self, sender: str, receiver: str) -> float:
        one_way_ms = round_trip_ms(self._regions[sender], self._regions[receiver]) / 2
        return one_way_ms * self._random.uniform(1.0, 1.05) / 1000

    def loses(self, sender: str, receiver: str) -> bool:
        return False
