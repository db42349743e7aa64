"""The network between nodes: until it heals it cuts, drops, delays and favours; then it is good."""

from collections.abc import Callable, Sequence

from consensus.certificates import QuorumCertificate
from consensus.votes import SignedVote, VotePhase
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.messages import Message
from tests.simulation.scenario import Scenario

LAGGARD_MS = 600


class Network:
    """Decides what becomes of one message over one link."""

    def __init__(
        self,
        scenario: Scenario,
        honest: Sequence[Inhabitant],
        below: Callable[[int], int],
        chance: Callable[[float], bool],
        fault: Callable[[str], None],
    ) -> None:
        self._scenario = scenario
        self._links = scenario.links
        self._honest = honest
        self._below, self._chance, self._fault = below, chance, fault
        self._sides: dict[str, int] = {}
        self._dead: set[tuple[str, str]] = set()
        self.is_healed = False

    def redraw(self, nodes: Sequence[Inhabitant]) -> None:
        """Another partition, or none, and other links that carry messages one way only."""
        self._sides, self._dead = {}, set()
        if self._links.split:
            sides = {node.name: at % 2 for at, node in enumerate(self._honest)}
            self._sides = {node.name: sides.get(node.name, node.copy) for node in nodes}
        elif not self._chance(self._links.calm):
            self._sides = {node.name: self._below(2) for node in nodes}
            self._fault("partition")
        if self._links.one_way:
            self._dead = {
                (one.name, other.name)
                for one in nodes
                for other in nodes
                if self._chance(self._links.one_way)
            }

    def heal(self) -> None:
        self.is_healed = True
        self._sides, self._dead = {}, set()

    def is_cut(self, one: Inhabitant, other: Inhabitant) -> bool:
        """A question and its answer do not both get through."""
        return (
            self._are_apart(one, other)
            or (one.name, other.name) in self._dead
            or (other.name, one.name) in self._dead
        )

    def loses(self) -> bool:
        """A question or its answer is dropped."""
        return not self.is_healed and self._chance(self._links.drop)

    def delay_ms(self, sender: Inhabitant, receiver: Inhabitant, message: Message) -> int | None:
        """How long it takes; None if it never arrives."""
        links = self._links
        if sender.is_evil and links.hold < 1 and not self._chance(links.hold):
            self._fault("message withheld by its sender")
            return None
        if self.is_healed:
            return 1 + self._below(links.healed_ms)
        if self._are_apart(sender, receiver):
            self._fault("message cut off by a partition")
            return None
        if (sender.name, receiver.name) in self._dead:
            self._fault("message lost on a one-way link")
            return None
        if self._chance(links.drop):
            self._fault("message dropped")
            return None
        delay = self._bad_delay(receiver, message)
        if links.laggard in (sender.member, receiver.member):
            self._fault("message of a slow node")
            delay += self._below(LAGGARD_MS)
        return delay

    def is_duplicated(self) -> bool:
        return self._chance(self._links.duplicate)

    def _are_apart(self, one: Inhabitant, other: Inhabitant) -> bool:
        return self._sides.get(one.name) != self._sides.get(other.name)

    def _bad_delay(self, receiver: Inhabitant, message: Message) -> int:
        links = self._links
        delay = 1 + self._below(150)
        if self._chance(links.slow):
            delay = 1 + self._below(links.far_ms)
            self._fault("message delayed and overtaken")
        if isinstance(message, SignedVote):
            vote = message.vote
            return delay + self._edge_delay(receiver, vote.phase, vote.height, message.epoch)
        if isinstance(message, QuorumCertificate):
            return delay + self._edge_delay(receiver, message.phase, message.height, message.epoch)
        return delay

    def _edge_delay(self, receiver: Inhabitant, phase: VotePhase, height: int, epoch: int) -> int:
        """Attack on R10: COMMITs of the last height reach one node only, PREFERs come late."""
        scenario, links = self._scenario, self._links
        at_edge = height == (epoch + 1) * scenario.epoch_blocks
        if not at_edge and not links.edge_everywhere:
            return 0
        lucky = self._honest[(scenario.seed + epoch) % len(self._honest)]
        unlucky = phase is VotePhase.COMMIT and receiver is not lucky
        if unlucky and self._chance(links.edge_commit):
            self._fault("COMMIT held back at the edge" if at_edge else "COMMIT held back")
            return 300 + self._below(2_000)
        if phase is VotePhase.PREFER and self._chance(links.edge_prefer):
            self._fault("PREFER held back at the edge" if at_edge else "PREFER held back")
            return 100 + self._below(1_000)
        return 0
