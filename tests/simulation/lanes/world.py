"""The seeded world of two lanes: who gets which message, what is planned, and what it shows."""

import random
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from unittest.mock import patch

from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef, Instance
from consensus.lanes import effects as asked
from consensus.lanes import voters
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import CloseMessage
from consensus.lanes.voters import EpochVoters
from consensus.proposals import SignedProposal
from consensus.votes import Lane, SignedVote, VotePhase
from native.hashing import Hash32, blake3_256
from tests.builders_consensus import GENESIS
from tests.simulation.lanes import delivery
from tests.simulation.lanes.checker import Checker, Reversal, Violation
from tests.simulation.lanes.comparing import Comparing
from tests.simulation.lanes.counting import Counts
from tests.simulation.lanes.halves import sides_of
from tests.simulation.lanes.life import has_enough, require_life
from tests.simulation.lanes.links import Clock, Groups, Links, key_of
from tests.simulation.lanes.node import Node, Question, ViewsWanted
from tests.simulation.lanes.scenario import BAD_SEATS, TICK_MS, Scenario

DARK_PERCENT = 35
REPARTITION_MS = (3_000, 7_500, 15_000, 30_000)


@dataclass(frozen=True)
class Result:
    """What a run shows."""

    name: str
    seed: int
    events: int
    checkpoints: int
    restarts: int
    fast_blocks: int
    reversals: tuple[Reversal, ...]
    trace: str
    violation: str | None
    faults: Counter[str]
    virtual_ms: int

    @property
    def finalizations(self) -> int:
        """Checkpoints that became hard."""
        return self.checkpoints

    @property
    def extras(self) -> dict[str, int]:
        """What only this simulator counts; the last two are runs in which it happened."""
        by_seats = any(each.bad_seats >= BAD_SEATS for each in self.reversals)
        late = bool(self.reversals) and not by_seats
        undone = {"undone by bad seats": int(by_seats), "undone late": int(late)}
        return {"restarts": self.restarts, "fast blocks": self.fast_blocks, **undone}


class Adversary(Protocol):
    """All Byzantine members as one, told of every signature at once."""

    def on_instance(self, lane: Lane, number: int, instance: Instance) -> None: ...
    def on_vote(self, signed: SignedVote) -> None: ...
    def on_view(self, instance_id: Hash32, view: int) -> None: ...
    def on_close(self, member: int, message: CloseMessage) -> None: ...
    def on_checkpoint(self, checkpoint: Checkpoint, instance_id: Hash32) -> None: ...
    def on_blackout(self) -> None: ...


class World:
    """Time, network and bodies; the nodes' shells call it, and so does the adversary."""

    def __init__(self, scenario: Scenario, make_adversary: Callable[["World"], Adversary]) -> None:
        self.scenario = scenario
        self.rng = random.Random(f"world {scenario.name} {scenario.seed}")
        self.clock = Clock()
        self.links = Links(self.clock, self.rng, scenario.delays, scenario.kind.heal_ms, self.fault)
        self.links.is_cut = bool(scenario.kind.cut_ms) or scenario.kind.halves
        self.links.partition = sides_of(scenario.halves) or None
        self.faults: Counter[str] = Counter()
        self.trace = array("q")
        self.checker = Checker(scenario, self.faults, self.links)
        self.bodies: dict[Hash32, BlockRef] = {GENESIS.id: GENESIS}
        self.invalid: set[Hash32] = set()
        self.withheld: set[Hash32] = set()
        self.checkpoints: dict[Hash32, Checkpoint] = {}
        self.healed_at = 0
        self.was_cut = False
        self._epoch = 0
        self._darkened: set[int] = set()
        self._committed: dict[int, set[int]] = {}
        self.counts = Counts()
        self._audiences: dict[Hash32, tuple[int, ...]] = {}
        self.everybody = tuple(scenario.live)
        self.nodes = {
            member: Node(self, member, scenario.members[member], scenario.config(member))
            for member in scenario.live
        }
        self.links.nodes = self.nodes
        self.adversary = make_adversary(self)

    # --- running ------------------------------------------------------------------------------

    def run(self) -> Result:
        """Play until enough checkpoints are hard after healing, or something is wrong."""
        scenario, violation = self.scenario, None
        self._plan()
        with patch.object(voters, "draw_committee", scenario.committee):
            try:
                self._play()
                require_life(self)
                self.checker.on_end(self.heal_ms)
            except Violation as found:
                violation = ": ".join(map(str, found.args))
            except AssertionError as found:
                violation = f"assertion: {found}"
        checker = self.checker
        return Result(
            scenario.name,
            scenario.seed,
            self.clock.events,
            max(checker.decided, default=0),
            checker.restarts,
            checker.fast_blocks // max(1, len(self.nodes)),
            tuple(checker.reversals),
            blake3_256(self.trace.tobytes()).hex()[:16],
            violation,
            self.faults,
            self.now,
        )

    def _play(self) -> None:
        while self.clock.tick(self.heal_ms + self.scenario.run_ms):
            if self.clock.events % 64 == 0 and has_enough(self):
                break

    @property
    def now(self) -> int:
        return self.clock.now

    @property
    def heal_ms(self) -> int:
        return self.links.heal_ms

    def at(self, time: int, action: Callable[[], None]) -> None:
        self.clock.at(time, action)

    def note(self, *numbers: int) -> None:
        """Part of the trace that two runs of a seed must agree on."""
        self.trace.append(self.now)
        self.trace.extend(numbers)

    def fault(self, kind: str) -> None:
        self.faults[kind] += 1

    def below(self, bound: int) -> int:
        return int(self.rng.random() * bound)

    def voters(self, epoch: int) -> EpochVoters:
        return self.scenario.voters(epoch)

    # --- faults by the clock --------------------------------------------------------------------

    def _plan(self) -> None:
        kind = self.scenario.kind
        self.faults["clock skew"] += any(self.scenario.skew_ms)
        self.faults["offline"] += len(self.scenario.offline)
        for node in self.nodes.values():
            self.at(self.below(TICK_MS), node.boot)
        time = 5 * TICK_MS
        while kind.partitions and time < self.heal_ms:
            self.at(time, self._repartition)
            time += self.rng.choice(REPARTITION_MS)
        self.at(self.heal_ms, self.heal)
        Comparing(self).start()
        horizon = max(self.heal_ms, 30_000)
        for _ in range(kind.crashes):
            self._plan_crash([self.rng.choice(self.everybody)], 250 + self.below(horizon), 20_000)
        for _ in range(kind.blackouts):
            self._plan_crash(self.everybody, 1_000 + self.below(horizon), 1_500)

    def _go_dark(self, signed: SignedVote) -> None:
        """Everybody fails when a third has COMMITted to a checkpoint that is final nowhere."""
        lane, number, instance = self.checker.instances[signed.vote.instance_id]
        if lane is Lane.HARD and number not in self._darkened:
            voters = self._committed.setdefault(number, set())
            voters.add(signed.voter_index)
            weight = sum(instance.electorate.weights[index] for index in voters)
            if 100 * weight >= DARK_PERCENT * instance.electorate.total:
                self._darkened.add(number)
                self._plan_crash(self.everybody, self.now + 1, 1_500)

    def _plan_crash(self, members: Sequence[int], time: int, rest: int) -> None:
        def crash() -> None:
            if len(members) > 1:
                self.adversary.on_blackout()
            for member in members:
                node = self.nodes[member]
                if node.is_up:
                    self.fault("crash" if len(members) == 1 else "blackout")
                    node.crash()
                    self.links.forget(member)
                    self.counts.forget(member)
                    self.at(self.now + 250 + self.below(rest), node.boot)

        self.at(time, crash)

    def _repartition(self) -> None:
        share = self.rng.choice((0.3, 0.5))
        whole = self.rng.random() < 0.3
        sides = {member: int(self.rng.random() < share) for member in self.everybody}
        self.links.partition = None if whole else sides
        self.links.slowness = self.rng.choice((1, 1, 3, 12))
        if not whole:
            self.fault("partition")

    def cut_off(self, members: Iterable[int]) -> None:
        """Some are alone until the cut heals."""
        self.was_cut = True
        away = set(members)
        self.links.partition = {member: int(member in away) for member in self.everybody}
        self.links.heal_ms = self.now + self.scenario.kind.cut_ms
        self.at(self.links.heal_ms, self.heal)
        self.fault("cut off")

    def heal(self) -> None:
        self.links.heal()
        self.healed_at = max(self.checker.decided, default=0)

    # --- messages -------------------------------------------------------------------------------

    def began(self, effect: asked.BeginInstance) -> None:
        """The first node to enter an instance makes it known to all who watch."""
        instance = effect.instance
        if instance.id in self.checker.instances:
            return
        self.checker.instances[instance.id] = (effect.lane, effect.number, instance)
        self._count_edge(instance.epoch)
        here = set(self.everybody)
        members = (self.scenario.number_of[address] for address in instance.electorate.members)
        self._audiences[instance.id] = tuple(member for member in members if member in here)
        self.adversary.on_instance(effect.lane, effect.number, instance)

    def _count_edge(self, epoch: int) -> None:
        """Epochs that began with other stakes than the one before."""
        if epoch <= self._epoch:
            return
        before, now = (self.voters(each).electorate.weights for each in (self._epoch, epoch))
        self.faults["stakes change at an edge"] += before != now
        self._epoch = epoch

    def entered(self, instance_id: Hash32, view: int) -> None:
        self.adversary.on_view(instance_id, view)

    def audience(self, instance_id: Hash32) -> tuple[int, ...]:
        """The honest voters of an instance that are not absent for good."""
        return self._audiences[instance_id]

    def send_vote(self, node: Node, signed: SignedVote) -> None:
        def give(other: Node) -> None:
            if other is not node:
                self.give_vote(other, signed)

        if self.scenario.counted:
            node.later(0, lambda: self.give_vote(node, signed))
        self.links.deliver(node.member, self.audience(signed.vote.instance_id), give)
        self.adversary.on_vote(signed)
        if self.scenario.kind.dark and signed.vote.phase is VotePhase.COMMIT:
            self._go_dark(signed)

    def give_vote(self, node: Node, signed: SignedVote) -> None:
        """To the core, or to the count that stands for its tally."""
        if not self.scenario.counted:
            delivery.give_vote(node, signed)
            return
        electorate = self.checker.instances[signed.vote.instance_id][2].electorate
        if self.counts.add(node, signed, electorate):
            certificate = self.counts.certificate(signed.vote)
            assert certificate is not None, "it was announced"
            self.gossip_certificate(node.member, certificate, to_all=False)

    def send_proposal(
        self, sender: int, signed: SignedProposal, receivers: tuple[int, ...] | None = None
    ) -> None:
        """To those who vote; the body goes its own way."""
        if receivers is None:
            receivers = self.audience(signed.proposal.instance_id)
        self.links.deliver(sender, receivers, lambda to: delivery.give_proposal(to, signed))

    def send_checkpoint(
        self,
        sender: int,
        effect: asked.RebroadcastCheckpoint,
        receivers: tuple[int, ...] | None = None,
    ) -> None:
        name = effect.signed.proposal.instance_id
        self.checkpoints[effect.checkpoint.id] = effect.checkpoint
        if receivers is None:
            receivers = self.audience(name)
            self.adversary.on_checkpoint(effect.checkpoint, name)
        self.links.deliver(sender, receivers, lambda to: delivery.give_checkpoint(to, effect))

    def gossip_certificate(
        self,
        sender: int,
        certificate: QuorumCertificate,
        *,
        to_all: bool,
        groups: Groups | None = None,
    ) -> None:
        """A FINAL goes to everybody, other certificates to those who vote."""
        everybody = to_all or certificate.phase is VotePhase.COMMIT
        receivers = self.everybody if everybody else self.audience(certificate.instance_id)
        self.links.spread(
            key_of(certificate),
            sender,
            receivers,
            lambda to: self.give_certificate(to, certificate),
            groups=groups,
        )

    def give_certificate(self, node: Node, certificate: QuorumCertificate) -> None:
        """A forged one names an instance that exists, or none at all."""
        known = self.checker.instances.get(certificate.instance_id)
        if known is not None:
            delivery.give_certificate(node, certificate, known[2].electorate)

    def gossip_close(
        self, sender: int, message: CloseMessage, *, groups: Groups | None = None
    ) -> None:
        signed = message.signed
        self.links.spread(
            (signed.close, signed.voter_index),
            sender,
            self.everybody,
            lambda to: delivery.give_close(to, message),
            groups=groups,
        )
        if sender >= 0:
            self.adversary.on_close(sender, message)

    def gossip_body(self, sender: int, block: BlockRef, *, groups: Groups | None = None) -> None:
        def give(node: Node) -> None:
            node.take_body(block)
            self.gossip_body(node.member, block)

        self.publish(block)
        self.links.spread(block.id, sender, self.everybody, give, groups=groups)

    def answer(self, node: Node, peer: str, certificate: QuorumCertificate) -> None:
        self.links.deliver(
            node.member, (int(peer),), lambda to: self.give_certificate(to, certificate)
        )

    def ask(self, node: Node, question: Question) -> None:
        """Whom it goes to, and what comes back."""
        match question:
            case ViewsWanted(name, low, high):
                delivery.ask_views(self, node, name, low, high)
            case asked.RequestDecision(number):
                delivery.ask_decision(self, node, number)
            case asked.FetchCheckpoint(checkpoint_id):
                delivery.ask_checkpoint(self, node, checkpoint_id)
            case asked.FetchBlocks(block_id):
                delivery.ask_block(self, node, block_id)

    def publish(self, block: BlockRef, *, is_valid: bool = True) -> None:
        """A block exists; who holds its body is another question."""
        self.bodies.setdefault(block.id, block)
        if not is_valid:
            self.invalid.add(block.id)

    def is_valid(self, block_id: Hash32) -> bool:
        return block_id not in self.invalid

    def reachable(self, node: Node) -> list[Node]:
        """Who is up and on our side."""
        sides = None if self.now >= self.heal_ms else self.links.partition
        return [
            other
            for other in self.nodes.values()
            if other.is_up and (sides is None or sides[other.member] == sides[node.member])
        ]
