"""The seeded world: one heap of events, links that lose and delay, nodes that crash and lie.

Every source of chance is one `Random(seed)`, so a seed alone replays a run to the same trace.
"""

import heapq
import random
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from consensus import guard
from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from consensus.proposals import Proposal
from consensus.votes import SignedVote, Vote, VotePhase
from genesis.units import Address
from native.hashing import Hash32, blake3_256
from tests.simulation.checkers import Checker, Violation
from tests.simulation.messages import Body, Message
from tests.simulation.scenario import DELTA_MS, HEIGHTS_AFTER_HEALING, Scenario
from tests.simulation.shell import Node

REPARTITION_MS = 700
QUIET_MS = 500


@dataclass(frozen=True)
class Result:
    """What a run shows."""

    seed: int
    events: int
    finalizations: int
    heights: int
    edges: int
    trace: str
    violation: str | None
    faults: Counter[str]


class Adversary(Protocol):
    """Told whenever a Byzantine node could do something."""

    def act(self, node: Node) -> None: ...


class World:
    """Time, network and bodies; the nodes' shells call it, and so does the adversary."""

    def __init__(self, scenario: Scenario, make_adversary: Callable[["World"], Adversary]) -> None:
        self.scenario = scenario
        self.rng = random.Random(scenario.seed ^ 0x5EED)
        self.now = 0
        self.events = 0
        self.faults: Counter[str] = Counter()
        self.trace = array("q")
        self.checker = Checker(scenario, self.faults)
        self.bodies: dict[Hash32, Body] = {}
        self.signatures: dict[bytes, tuple[Address, Vote | Proposal]] = {}
        self.partition: dict[str, int] | None = None
        self.heal_height = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self.nodes: list[Node] = []
        for member in range(scenario.nodes):
            for copy in range(2 if member in scenario.byzantine else 1):
                self.nodes.append(Node(self, member, copy, len(self.nodes)))
        self.by_name = {node.name: node for node in self.nodes}
        self.honest = [node for node in self.nodes if node.is_honest]
        self.adversary = make_adversary(self)

    # --- running ------------------------------------------------------------------------------

    def run(self) -> Result:
        """Play the scenario until enough heights are final after healing, or something is wrong."""
        scenario, violation, heap = self.scenario, None, self._heap
        self._schedule_faults()
        try:
            while not self._is_done():
                if not heap or heap[0][0] > scenario.deadline_ms:
                    raise Violation("liveness", self._standing())
                self.now, _, action = heapq.heappop(heap)
                self.events += 1
                action()
        except Violation as found:
            violation = ": ".join(map(str, found.args))
        except AssertionError as found:
            violation = f"assertion: {found}"
        return Result(
            scenario.seed,
            self.events,
            self.checker.finalizations,
            self.checker.height,
            self.checker.height // scenario.epoch_blocks,
            blake3_256(self.trace.tobytes()).hex()[:16],
            violation,
            self.faults,
        )

    def at(self, time: int, action: Callable[[], None]) -> None:
        """Do something then; things of one moment happen in the order they were planned."""
        self._serial += 1
        heapq.heappush(self._heap, (max(time, self.now), self._serial, action))

    def note(self, *numbers: int) -> None:
        """Part of the trace that two runs of a seed must agree on."""
        self.trace.append(self.now)
        self.trace.extend(numbers)

    def fault(self, kind: str) -> None:
        self.faults[kind] += 1

    def chance(self, probability: float) -> bool:
        return probability > 0 and self.rng.random() < probability

    def below(self, bound: int) -> int:
        """A number in [0, bound); much cheaper than randrange."""
        return int(self.rng.random() * bound)

    @property
    def is_healed(self) -> bool:
        return self.now >= self.scenario.heal_ms

    def _is_done(self) -> bool:
        if self.now < self.scenario.heal_ms + QUIET_MS:
            return False
        goal = self.heal_height + HEIGHTS_AFTER_HEALING
        return all(node.is_up and node.state.final.height >= goal for node in self.honest)

    def _standing(self) -> str:
        nodes = " ".join(
            f"{node.name}{'' if node.is_up else '(down)'}"
            f"=h{node.state.final.height}/e{node.state.epoch}/v{node.state.view}"
            for node in self.honest
        )
        return f"{nodes}, healed at height {self.heal_height}"

    # --- faults by the clock --------------------------------------------------------------------

    def _schedule_faults(self) -> None:
        scenario = self.scenario
        for node in self.nodes:
            self.at(self.below(50), node.boot)
        for time in range(0, scenario.heal_ms, REPARTITION_MS):
            self.at(time, self._repartition)
        self.at(scenario.heal_ms, self._heal)
        for member, time, rest in scenario.crashes:
            self._plan_crash(member, time, rest)
        for time in scenario.crash_all:
            self.at(time, self._crash_all)
        if scenario.wipe is not None:
            member, time, rest = scenario.wipe
            self.at(time, lambda: self._wipe(member, rest))
        if scenario.lost is not None:
            victim, when, pause = scenario.lost
            self.at(when, lambda: self._lose_database(victim, pause))
        self.faults["clock skew"] += any(scenario.skew_ms)
        self.faults["weights change at the edge"] += scenario.changing
        self.faults["twins"] += len(scenario.byzantine)
        self.faults["more evil than liveness allows, until healing"] += bool(scenario.reformed)

    def _repartition(self) -> None:
        if self.chance(self.scenario.calm):
            self.partition = None
        else:
            self.partition = {node.name: self.below(2) for node in self.nodes}
            self.fault("partition")

    def _heal(self) -> None:
        self.partition = None
        self.heal_height = self.checker.height
        for node in self.nodes:
            if node.member in self.scenario.reformed:
                if node.copy == 0:
                    node.reform()
                elif node.is_up:
                    node.crash()

    def _plan_crash(self, member: int, time: int, rest: int) -> None:
        def crash() -> None:
            for node in self.honest:
                if node.member == member and node.is_up:
                    self.fault("crash")
                    node.crash()
                    self.at(self.now + rest, node.boot)

        self.at(time, crash)

    def _crash_all(self) -> None:
        self.fault("crash of everybody")
        for node in self.honest:
            if node.is_up:
                node.crash()
                self.at(self.now + 10 + self.below(500), node.boot)

    def _wipe(self, member: int, rest: int) -> None:
        """Only on a live chain: who signed before the first final block must keep its disk."""
        if any(node.state.final.height == 0 for node in self.honest):
            self.at(self.now + 200, lambda: self._wipe(member, rest))
            return
        for node in self.honest:
            if node.member == member and node.is_up:
                self.fault("wiped disk")
                node.crash()
                node.wipe()
                self.at(self.now + rest, node.boot)

    def _lose_database(self, member: int, rest: int) -> None:
        """The chain is moved away and synced again; the log of signatures stays."""
        for node in self.honest:
            if node.member == member and node.is_up:
                self.fault("database lost, log kept")
                node.crash()
                node.disk.lose_database()
                self.at(self.now + rest, node.boot)

    # --- network --------------------------------------------------------------------------------

    def broadcast(self, sender: Node, message: Message) -> None:
        """Send to all other members, both copies of a twin."""
        self.multicast(sender, message, self.nodes)

    def multicast(self, sender: Node, message: Message, receivers: Iterable[Node]) -> None:
        for node in receivers:
            if node.member != sender.member:
                self.send(sender, node, message)

    def ask_some(self, sender: Node, message: Message) -> None:
        """A question goes to two of the others, as a node would do."""
        others = [node for node in self.nodes if node.member != sender.member]
        for _ in range(2):
            self.send(sender, others[self.below(len(others))], message)

    def answer(self, sender: Node, peer: str, message: Message) -> None:
        self.send(sender, self.by_name[peer], message)

    def send(self, sender: Node, receiver: Node, message: Message) -> None:
        """One message over one link, with what the network does to it."""
        scenario = self.scenario
        if sender.is_evil and scenario.hold < 1 and not self.chance(scenario.hold):
            self.fault("message withheld by its sender")
            return
        if self.is_healed:
            delay = 1 + self.below(DELTA_MS)
        elif self.are_apart(sender, receiver):
            self.fault("message cut off by a partition")
            return
        elif self.chance(scenario.drop):
            self.fault("message dropped")
            return
        else:
            delay = self._bad_delay(receiver, message)
        self.at(self.now + delay, lambda: receiver.receive(sender, message))
        if self.chance(scenario.duplicate):
            self.fault("message duplicated")
            again = self.now + delay + 1 + self.below(200)
            self.at(again, lambda: receiver.receive(sender, message))

    def are_apart(self, one: Node, other: Node) -> bool:
        return self.partition is not None and self.partition[one.name] != self.partition[other.name]

    def _bad_delay(self, receiver: Node, message: Message) -> int:
        scenario = self.scenario
        delay = 1 + self.below(150)
        if self.chance(scenario.slow):
            delay = 1 + self.below(scenario.far_ms)
            self.fault("message delayed and overtaken")
        if isinstance(message, SignedVote):
            vote = message.vote
            return delay + self._edge_delay(receiver, vote.phase, vote.height, message.epoch)
        if isinstance(message, QuorumCertificate):
            return delay + self._edge_delay(receiver, message.phase, message.height, message.epoch)
        return delay

    def _edge_delay(self, receiver: Node, phase: VotePhase, height: int, epoch: int) -> int:
        """Attack on R10: COMMITs of the last height reach one node only, PREFERs come late."""
        scenario = self.scenario
        at_edge = height == (epoch + 1) * scenario.epoch_blocks
        if not at_edge and not scenario.edge_everywhere:
            return 0
        lucky = self.honest[(scenario.seed + epoch) % len(self.honest)]
        unlucky = phase is VotePhase.COMMIT and receiver is not lucky
        if unlucky and self.chance(scenario.edge_commit):
            self.fault("COMMIT held back at the edge" if at_edge else "COMMIT held back")
            return 300 + self.below(2_000)
        if phase is VotePhase.PREFER and self.chance(scenario.edge_prefer):
            self.fault("PREFER held back at the edge" if at_edge else "PREFER held back")
            return 100 + self.below(1_000)
        return 0

    # --- signatures, bodies, heads --------------------------------------------------------------

    def sign(self, member: Address, subject: Vote | Proposal) -> bytes:
        """A fake signature: a number that only this function hands out."""
        signature = len(self.signatures).to_bytes(8, "big")
        self.signatures[signature] = (member, subject)
        return signature

    def verifies(self, member: Address, subject: Vote | Proposal, signature: bytes) -> bool:
        return self.signatures.get(signature) == (member, subject)

    def publish(self, block: BlockRef, *, is_valid: bool = True, is_withheld: bool = False) -> None:
        """A block exists; who holds its body is another question."""
        self.bodies.setdefault(block.id, Body(block, is_valid, is_withheld))

    def find_body(self, node: Node, block_id: Hash32) -> Body | None:
        """The body, if the node has it or reaches somebody who has it and gives it."""
        body = self.bodies.get(block_id)
        if body is None or node.holds(block_id):
            return body
        for other in self.nodes:
            if not other.is_up or not other.holds(block_id):
                continue
            if body.is_withheld and other.is_evil:
                self.fault("body withheld")
            elif self.is_healed or not (
                self.are_apart(node, other) or self.chance(self.scenario.drop)
            ):
                return body
        return None

    def hear_heads(self, node: Node) -> list[tuple[int, guard.Head]]:
        """Where the members of the first electorate say they stand; evil ones say anything."""
        heads = []
        electorate = self.scenario.electorate(0)
        for other in self.nodes:
            index = electorate.index_of(other.address)
            if index is None or not other.is_up or other.member == node.member:
                continue
            if not self.is_healed and self.are_apart(node, other):
                continue
            state = other.state
            if other.is_evil:
                heads.append((index, guard.Head(self.below(2), 0, 1)))
            else:
                heads.append((index, guard.Head(state.final.height, state.epoch, state.view)))
        return heads

    def tempt(self, node: Node) -> None:
        self.adversary.act(node)
