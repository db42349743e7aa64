"""Time and links of the lanes' world: one heap, good links up to delta, bad times, and gossip.

A gossiped thing is one object that remembers who holds it, so that a certificate travels once to
each node instead of once over each of N * N links.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from consensus.certificates import QuorumCertificate
from tests.simulation.lanes.node import Node
from tests.simulation.lanes.scenario import DELTA_MS, ESCAPE_MS, TICK_MS

PATTERNS = 24
BURST_TICKS = DELTA_MS // TICK_MS

Groups = list[tuple[int, list[int]]]


@dataclass
class Clock:
    """The only time there is, and what is to happen when."""

    now: int = 0
    events: int = 0
    _heap: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _serial: int = 0

    def at(self, time: int, action: Callable[[], None]) -> None:
        """Do something then; things of one moment happen in the order they were planned."""
        self._serial += 1
        heapq.heappush(self._heap, (max(time, self.now), self._serial, action))

    def tick(self, until: int) -> bool:
        """Let the next thing happen; False if there is none before `until`."""
        if not self._heap or self._heap[0][0] > until:
            return False
        self.now, _, action = heapq.heappop(self._heap)
        self.events += 1
        action()
        return True


@dataclass
class Gossip:
    """One thing on its way to many: who has it, and when the others will."""

    has: set[int] = field(default_factory=set)
    due: dict[int, int] = field(default_factory=dict)


class Links:
    """Who hears what after how long."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        delays: str,
        heal_ms: int,
        fault: Callable[[str], None],
    ) -> None:
        self.clock, self.rng, self.delays, self.heal_ms = clock, rng, delays, heal_ms
        self._fault = fault
        self.nodes: Mapping[int, Node] = {}
        self.partition: dict[int, int] | None = None
        self.is_cut = False
        self.slowness = 1
        self.late_until = -1
        self._gossip: dict[object, Gossip] = {}
        self._patterns: dict[tuple[int, ...], list[Groups]] = {}

    def below(self, bound: int) -> int:
        return int(self.rng.random() * bound)

    @property
    def is_good(self) -> bool:
        """Every message arrives within delta."""
        healed = self.clock.now >= self.heal_ms
        return healed or (self.partition is None and self.slowness == 1)

    def heal(self) -> None:
        self.partition, self.slowness = None, 1

    def groups(self, sender: int, receivers: tuple[int, ...]) -> Groups:
        """Who hears it after how long; good links take up to delta, in one of a few patterns."""
        if self.is_good:
            known = self._patterns.get(receivers)
            if known is None:
                known = [self._pattern(receivers) for _ in range(PATTERNS)]
                self._patterns[receivers] = known
            if self.delays == "links":
                return known[sender % PATTERNS]
            return known[self.below(PATTERNS)]
        late: dict[int, list[int]] = {}
        for member in receivers:
            late.setdefault(self._bad_delay(sender, member), []).append(member)
        return sorted(late.items())

    def _pattern(self, receivers: tuple[int, ...]) -> Groups:
        even = self.delays == "uniform"
        late: dict[int, list[int]] = {}
        for member in receivers:
            ticks = 1 + self.below(BURST_TICKS) if even else self.rng.choice((1, BURST_TICKS))
            late.setdefault(ticks * TICK_MS, []).append(member)
        return sorted(late.items())

    def _bad_delay(self, sender: int, receiver: int) -> int:
        delay = TICK_MS * (1 + self.below(BURST_TICKS * self.slowness))
        sides = self.partition
        if delay > TICK_MS * BURST_TICKS:
            self._fault("message on a slow link")
        if sides is not None and sides.get(sender, 0) != sides.get(receiver, 0):
            self._fault("message held up by a partition")
            if self.is_cut or self.rng.random() < 0.5:
                delay += max(0, self.heal_ms - self.clock.now)
            else:
                delay += TICK_MS * (20 + self.below(380))
        if delay > ESCAPE_MS:
            self.late_until = max(self.late_until, self.clock.now + delay)
        return delay

    def deliver(
        self, sender: int, receivers: tuple[int, ...], action: Callable[[Node], None]
    ) -> None:
        """One message from one to many; who is down misses it."""
        for delay, members in self.groups(sender, receivers):
            self.hand_over(delay, members, action)

    def hand_over(self, delay: int, members: Iterable[int], action: Callable[[Node], None]) -> None:
        """After `delay`, to each of these that is up."""
        held = list(members)

        def arrive() -> None:
            for member in held:
                node = self.nodes[member]
                if node.is_up:
                    action(node)

        self.clock.at(self.clock.now + delay, arrive)

    def spread(
        self,
        key: object,
        sender: int,
        receivers: tuple[int, ...],
        action: Callable[[Node], None],
        *,
        groups: Groups | None = None,
    ) -> None:
        """Gossip: each node gets a thing once, as early as any path brings it."""
        thing = self._gossip.setdefault(key, Gossip())
        thing.has.add(sender)
        if groups is None:
            if self.is_good and not any(
                member not in thing.has and member not in thing.due for member in receivers
            ):
                return
            groups = self.groups(sender, receivers)
        for delay, members in groups:
            time = self.clock.now + delay
            todo = [
                member
                for member in members
                if member not in thing.has and thing.due.get(member, time + 1) > time
            ]
            for member in todo:
                thing.due[member] = time
            if todo:
                self._plan_arrival(time, thing, todo, action)

    def _plan_arrival(
        self, time: int, thing: Gossip, members: list[int], action: Callable[[Node], None]
    ) -> None:
        def arrive() -> None:
            for member in members:
                node = self.nodes[member]
                thing.due.pop(member, None)
                if node.is_up and member not in thing.has:
                    thing.has.add(member)
                    action(node)

        self.clock.at(time, arrive)

    def forget(self, member: int) -> None:
        """A node that crashed holds nothing of what was gossiped to it."""
        for thing in self._gossip.values():
            thing.has.discard(member)


def key_of(certificate: QuorumCertificate) -> object:
    """Any quorum of signatures for one thing is as good as any other."""
    return certificate.vote
