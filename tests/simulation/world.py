"""The seeded world: one heap of events, links that lose and delay, nodes that crash and lie.

Every source of chance is one `Random(seed)`, so a seed alone replays a run to the same trace.
"""

import heapq
import random
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from aichain.errors import WalDamaged, WalForeign
from aichain.node import engine
from consensus.core.timing import cancel_at_ms, sync_ms
from consensus.instance import BlockRef
from consensus.memory import changed
from consensus.probation import Head
from genesis.units import Address
from native.hashing import Hash32, blake3_256
from tests.simulation.accidents import HEAD_START_MS, Accidents
from tests.simulation.body_sizes import OVERSIZED_BYTES, is_taken
from tests.simulation.checkers import Checker, Violation
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.links import Network
from tests.simulation.messages import Body, Flaw, Message, Request
from tests.simulation.scenario import FORKED_MS, HEIGHTS_AFTER_HEALING, Scenario
from tests.simulation.shell import Node
from tests.simulation.signatures import convicted_percent, read_signed

REPARTITION_MS = 700
QUIET_MS = 500
SPREAD_MAX = 2
"""Heights between the first and the last of those who vote."""


@dataclass(frozen=True)
class Result:
    """What a run shows; of a fork also how much weight all signatures convict."""

    seed: int
    events: int
    finalizations: int
    heights: int
    edges: int
    virtual_ms: int
    trace: str
    violation: str | None
    convicted_percent: int
    faults: Counter[str]

    @property
    def extras(self) -> dict[str, int]:
        """What only this simulator counts."""
        return {"edges": self.edges}


class Adversary(Protocol):
    """Told whenever a Byzantine node could do something."""

    def act(self, node: Inhabitant) -> None: ...
    def lies_to(self, node: Inhabitant, peer: str, request: Request) -> bool: ...
    def head(self, node: Inhabitant) -> Head: ...


class World:
    """Time, network and bodies; the nodes' shells call it, and so does the adversary."""

    def __init__(self, scenario: Scenario, make_adversary: Callable[["World"], Adversary]) -> None:
        self.scenario = scenario
        self.rng = random.Random(scenario.seed ^ 0x5EED)
        self.now = -HEAD_START_MS
        self.events = 0
        self.faults: Counter[str] = Counter()
        self.trace = array("q")
        self.bodies: dict[Hash32, Body] = {}
        self.checker = Checker(self)
        self.heal_height = 0
        self._deadline_ms = scenario.deadline_ms
        self._least_ms = max(scenario.heal_ms + QUIET_MS, scenario.least_ms)
        self._signatures: dict[bytes, tuple[Address, bytes, bytes]] = {}
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self.nodes: list[Node] = []
        for member in range(scenario.nodes):
            for copy in range(2 if member in scenario.byzantine else 1):
                self.nodes.append(Node(self, member, copy, len(self.nodes)))
        self.by_name = {node.name: node for node in self.nodes}
        self.honest = [node for node in self.nodes if node.is_honest]
        self.network = Network(scenario, self.honest, self.below, self.chance, self.fault)
        self.accidents = Accidents(self)
        self.adversary = make_adversary(self)

    # --- running ------------------------------------------------------------------------------

    def run(self) -> Result:
        """Play the scenario until enough heights are final after healing, or something is wrong."""
        violation, heap = None, self._heap
        self._schedule()
        try:
            with _without_log_lines():
                while self.now < self._least_ms or not self._is_done():
                    if not heap and self.checker.halted:
                        break
                    if not heap or heap[0][0] > self._deadline_ms:
                        raise Violation("liveness", self._standing())
                    self.now, _, action = heapq.heappop(heap)
                    self.events += 1
                    action()
                self.checker.on_end()
        except Violation as found:
            violation = ": ".join(map(str, found.args))
        except AssertionError as found:
            violation = f"assertion: {found}"
        self.faults["(fork)"] += self.checker.is_forked
        self.faults["(halt)"] += len(self.checker.halted)
        return Result(
            self.scenario.seed,
            self.events,
            self.checker.finalizations,
            self.checker.height,
            self.checker.height // self.scenario.epoch_blocks,
            self.now,
            blake3_256(self.trace.tobytes()).hex()[:16],
            violation,
            self._convicted() if violation or self.checker.is_forked else 0,
            self.faults,
        )

    def at(self, time: int, action: Callable[[], None]) -> None:
        """Do something then; things of one moment happen in the order they were planned."""
        self._serial += 1
        heapq.heappush(self._heap, (time if time > self.now else self.now, self._serial, action))

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

    def _schedule(self) -> None:
        scenario = self.scenario
        self.accidents.schedule()
        for time in range(0, scenario.heal_ms, REPARTITION_MS):
            self.at(time, lambda: self.network.redraw(self.nodes))
        self.at(scenario.heal_ms, self._heal)
        self.faults["clock skew"] += any(scenario.skew_ms)
        self.faults["weights change at the edge"] += scenario.changing
        self.faults["twins"] += len(scenario.byzantine)
        self.faults["more evil than liveness allows, until healing"] += bool(scenario.reformed)

    def _heal(self) -> None:
        self.network.heal()
        self.heal_height = self.checker.height
        self._deadline_ms += self._failing_ms()
        self.accidents.heal()

    def _failing_ms(self) -> int:
        """A round of views more that fail, at the back-off that healing finds.

        The slots of who lost its log, and is silent, may come three in a row (`damaged`, 1046).
        """
        slow = max((node.state for node in self.honest), key=lambda state: state.fails)
        rounds = range(slow.fails, slow.fails + self.scenario.nodes)
        return sum(cancel_at_ms(changed(slow, entered_ms=0, fails=each), 0) for each in rounds)

    def _is_done(self) -> bool:
        if self.scenario.beyond:
            return self.now > self.scenario.heal_ms + FORKED_MS
        goal = self.heal_height + HEIGHTS_AFTER_HEALING
        return self.checker.height >= goal and all(
            node.is_up
            and node.state.final.height >= goal
            and (self._has_come_near(node) or self._may_lag(node))
            for node in self.honest
        )

    def _has_come_near(self, node: Node) -> bool:
        return node.state.final.height >= self.checker.height - SPREAD_MAX

    def _may_lag(self, node: Node) -> bool:
        """Who is silent with a new log, and who is epochs behind where epochs are shorter than
        two rounds of asking: the core asks for one at a time. Nodes have a syncer beside it."""
        config, behind = node.state.config, self.checker.height - node.state.final.height
        epoch_ms = config.epoch_blocks * config.block_time_ms
        is_outpaced = epoch_ms < 2 * sync_ms(config) and behind > config.epoch_blocks
        return node.state.abstain or is_outpaced

    def _standing(self) -> str:
        nodes = " ".join(
            f"{node.name}{'' if node.is_up else '(down)'}{'(silent)' if node.state.abstain else ''}"
            f"=h{node.state.final.height}/e{node.state.epoch}/v{node.state.view}"
            for node in self.honest
        )
        return f"{nodes}, healed at height {self.heal_height}"

    def _convicted(self) -> int:
        """What of one electorate's weight all signatures together convict, in percent."""
        instances = {each.id: each for each in self.checker.instances.values()}
        return convicted_percent(
            ((member, read_signed(message)) for member, message, _ in self._signatures.values()),
            instances,
        )

    # --- accidents ------------------------------------------------------------------------------

    def on_opened(self, node: Inhabitant) -> None:
        self.accidents.on_opened(node)

    def on_refused(self, node: Inhabitant, refusal: WalDamaged | WalForeign) -> None:
        self.accidents.on_refused(node, refusal)

    def repair(self, node: Inhabitant) -> None:
        self.accidents.repair(node)

    # --- network --------------------------------------------------------------------------------

    def broadcast(self, sender: Inhabitant, message: Message) -> None:
        """Send to all other members, both copies of a twin."""
        self.multicast(sender, message, self.nodes)

    def multicast(
        self, sender: Inhabitant, message: Message, receivers: Iterable[Inhabitant]
    ) -> None:
        for node in receivers:
            if node.member != sender.member:
                self.send(sender, node, message)

    def ask_some(self, sender: Inhabitant, message: Message) -> None:
        """A question goes to two of the others, as a node would do."""
        others = [node for node in self.nodes if node.member != sender.member]
        for _ in range(2):
            self.send(sender, others[self.below(len(others))], message)

    def answer(self, sender: Inhabitant, peer: str, message: Message) -> None:
        self.send(sender, self.by_name[peer], message)

    def send(self, sender: Inhabitant, receiver: Inhabitant, message: Message) -> None:
        """One message over one link, with what the network does to it."""
        delay = self.network.delay_ms(sender, receiver, message)
        if delay is None:
            return
        name = sender.name
        self.at(self.now + delay, lambda: receiver.receive(name, message))
        if self.network.is_duplicated():
            self.fault("message duplicated")
            again = self.now + delay + 1 + self.below(200)
            self.at(again, lambda: receiver.receive(name, message))

    # --- signatures, bodies, heads --------------------------------------------------------------

    def sign(self, member: Address, message: bytes, context: bytes) -> bytes:
        """A fake signature: a number that only this function hands out."""
        signature = len(self._signatures).to_bytes(8, "big")
        self._signatures[signature] = (member, message, context)
        return signature

    def verifies(self, member: Address, message: bytes, context: bytes, signature: bytes) -> bool:
        return self._signatures.get(signature) == (member, message, context)

    def publish(self, block: BlockRef) -> None:
        """A block exists; who holds its body is another question."""
        self.bodies.setdefault(block.id, Body(block))

    def find_body(self, node: Inhabitant, block_id: Hash32) -> Body | None:
        """The body, if the node has it or reaches somebody who has it and gives it."""
        body = self.bodies.get(block_id)
        if body is None or (node.holds(block_id) and body.flaw is not Flaw.OVERSIZED):
            return body
        for other in self.nodes:
            if not other.is_up or not other.holds(block_id) or other.member == node.member:
                continue
            if self.network.is_cut(node, other) or self.network.loses():
                continue
            served = self._serve(other, body)
            if served is not None and served.block.id == block_id:
                return served
        return None

    def _serve(self, server: Inhabitant, body: Body) -> Body | None:
        """What comes back; a wrong body does not lead to its header's roots, so it is no use."""
        if body.flaw is Flaw.OVERSIZED and not is_taken(OVERSIZED_BYTES):
            self.fault("body too big")
            return None
        if not server.is_evil:
            return body
        if body.flaw is Flaw.WITHHELD:
            self.fault("body withheld")
            return None
        if self.chance(0.1):
            self.fault("wrong body served")
            return replace(body, block=server.state.final)
        return body

    def hear_heads(self, node: Inhabitant) -> Iterator[tuple[Address, Head]]:
        """Where the others last said that they stand; evil ones say anything."""
        for other in self.nodes:
            if other.is_up and other.member != node.member and not self.network.is_cut(node, other):
                yield other.address, self.adversary.head(other) if other.is_evil else other.head

    def tempt(self, node: Inhabitant) -> None:
        self.adversary.act(node)

    def lies_to(self, node: Inhabitant, peer: str, request: Request) -> bool:
        return self.adversary.lies_to(node, peer, request)


@contextmanager
def _without_log_lines() -> Iterator[None]:
    """The performer reports each double signature; here there are thousands."""
    was, engine.log.disabled = engine.log.disabled, True
    try:
        yield
    finally:
        engine.log.disabled = was
