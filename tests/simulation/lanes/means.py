"""What the adversary knows and can do at any moment: honest votes, its own, and all they make."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from consensus.certificates import QuorumCertificate, assemble
from consensus.instance import BlockRef, Instance
from consensus.quorum import quorum_weight
from consensus.votes import Lane, SignedVote, Vote, VotePhase
from native.hashing import Hash32, blake3_256
from tests.builders_consensus import GENESIS
from tests.simulation.lanes.node import Node
from tests.simulation.lanes.scenario import BLOCK_TIME_MS, TICK_MS
from tests.simulation.lanes.world import World


@dataclass
class Front:
    """One instance as the adversary sees it: its own seats in it, and what honest voters said."""

    lane: Lane
    number: int
    instance: Instance
    audience: tuple[int, ...]
    mode: str
    evil: tuple[int, ...]
    bad: int
    votes: dict[Vote, dict[int, SignedVote]] = field(default_factory=dict)
    weight: dict[Vote, int] = field(default_factory=dict)
    blocks: dict[Hash32, BlockRef] = field(default_factory=dict)
    spoilt: set[Hash32] = field(default_factory=set)
    certified: dict[Vote, QuorumCertificate] = field(default_factory=dict)
    held_back: list[Vote] = field(default_factory=list)
    led: set[int] = field(default_factory=set)
    minority: list[int] | None = None

    @property
    def quorum(self) -> int:
        return quorum_weight(self.instance.electorate.total)

    def reach(self, vote: Vote) -> int:
        """The weight of a certificate for this, if all Byzantine voters join."""
        return self.weight.get(vote, 0) + self.bad


class Means:
    """Everything Byzantine members do goes through here, so nothing is forged."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = random.Random(f"evil {world.scenario.name} {world.scenario.seed}")
        self.live = tuple(world.scenario.live)
        self.fronts: dict[Hash32, Front] = {}
        self._serial = 0

    # --- knowing --------------------------------------------------------------------------------

    def open_front(self, lane: Lane, number: int, instance: Instance) -> Front:
        scenario = self.world.scenario
        kind = scenario.kind
        modes = kind.fast_modes if lane is Lane.FAST else kind.hard_modes
        electorate = instance.electorate
        evil = tuple(
            index
            for index, address in enumerate(electorate.members)
            if scenario.number_of[address] in scenario.byzantine
        )
        front = Front(
            lane,
            number,
            instance,
            self.world.audience(instance.id),
            self.rng.choice(modes),
            evil,
            sum(electorate.weights[index] for index in evil),
        )
        self.fronts[instance.id] = front
        return front

    def hear(self, front: Front, signed: SignedVote) -> tuple[bool, bool]:
        """(first vote for this, now a certificate is within reach)."""
        vote = signed.vote
        held = front.votes.setdefault(vote, {})
        first = not held
        if signed.voter_index in held:
            return False, False
        held[signed.voter_index] = signed
        before = front.reach(vote)
        front.weight[vote] = (
            front.weight.get(vote, 0) + front.instance.electorate.weights[signed.voter_index]
        )
        if vote.phase is VotePhase.PREFER and vote.block_id in self.world.bodies:
            front.blocks.setdefault(vote.block_id, self.world.bodies[vote.block_id])
        return first, before < front.quorum <= front.reach(vote)

    def certificate(self, front: Front, vote: Vote) -> QuorumCertificate | None:
        """Honest votes and all of ours, if that is a quorum."""
        if front.reach(vote) < front.quorum:
            return None
        if vote not in front.certified:
            votes = [*front.votes.get(vote, {}).values(), *self.own_votes(front, vote)]
            size = len(front.instance.electorate)
            front.certified[vote] = assemble(votes, size)
        return front.certified[vote]

    def own_votes(self, front: Front, vote: Vote) -> list[SignedVote]:
        return [SignedVote(vote, front.instance.epoch, index, b"") for index in front.evil]

    def some(self, members: Sequence[int]) -> list[int]:
        """A random part of them, at least one."""
        return self.rng.sample(list(members), self.rng.randint(1, len(members)))

    def ticks(self, least: int, most: int) -> int:
        return TICK_MS * self.rng.randint(least, most)

    # --- doing ----------------------------------------------------------------------------------

    def vote(
        self, front: Front, vote: Vote, members: Iterable[int], delay: int | None = None
    ) -> None:
        """All our votes for this, to some."""
        votes = self.own_votes(front, vote)
        delay = self.ticks(1, 5) if delay is None else delay

        def give(node: Node) -> None:
            for signed in votes:
                self.world.give_vote(node, signed)

        self.world.links.hand_over(delay, members, give)

    def show(self, certificate: QuorumCertificate, members: Sequence[int], delay: int = 0) -> None:
        """A certificate, to whom we like; what they do with it is theirs."""
        groups = [(delay or self.ticks(1, 5), list(members))]
        self.world.gossip_certificate(-1, certificate, to_all=True, groups=groups)

    def forge(self, front: Front, vote: Vote, kind: str) -> None:
        """A certificate that proves nothing, for everybody: one seat short, a name too many,
        or of an instance that nobody knows."""
        votes = [*front.votes.get(vote, {}).values(), *self.own_votes(front, vote)]
        weights, chosen, weight = front.instance.electorate.weights, dict[int, SignedVote](), 0
        for signed in votes:
            if weight + weights[signed.voter_index] < front.quorum:
                chosen[signed.voter_index] = signed
                weight += weights[signed.voter_index]
        if not chosen:
            return
        certificate = assemble(chosen.values(), len(weights))
        if kind == "signature repeated":
            certificate = replace(certificate, signatures=certificate.signatures * 2)
        elif kind == "another instance":
            certificate = replace(certificate, instance_id=blake3_256(certificate.instance_id))
        self.world.fault(f"certificate forged: {kind}")
        if weight == front.quorum - 1 == 13 and kind == "short":
            self.world.fault("certificate of 13 of 20 seats")
        self.world.links.hand_over(
            TICK_MS, self.live, lambda node: self.world.give_certificate(node, certificate)
        )

    def release(self, front: Front, vote: Vote, count: int) -> None:
        """Let `count` random nodes have a certificate that was held back."""
        certificate = self.certificate(front, vote)
        everybody = front.lane is Lane.HARD or vote.phase is VotePhase.COMMIT
        members = self.live if everybody else front.audience
        if certificate is not None and members:
            self.show(certificate, self.rng.sample(list(members), min(count, len(members))))
            self.world.fault("certificate released late")

    def release_later(self, front: Front, vote: Vote, delay: int, count: int) -> None:
        self.world.at(self.world.now + delay, lambda: self.release(front, vote, count))

    def make_block(
        self, front: Front, view: int, parent: BlockRef, parent_view: int, *, spoilt: bool
    ) -> BlockRef:
        """A block of ours; `spoilt` if it is invalid or will be withheld."""
        self._serial += 1
        now = GENESIS.timestamp_ms + self.world.now
        place = (
            parent.height + 1,
            view,
            front.instance.epoch,
            parent.id,
            parent_view,
            front.instance.electorate.place(front.instance.proposer(view)),
            max(parent.timestamp_ms + BLOCK_TIME_MS, now - BLOCK_TIME_MS),
        )
        name = blake3_256(repr((place, front.instance.id, "evil", self._serial)).encode())
        block = BlockRef(name, *place)
        front.blocks[block.id] = block
        if spoilt:
            front.spoilt.add(block.id)
        return block

    def publish(self, block: BlockRef, *, flaw: str = "") -> None:
        """It exists, but nobody has it yet, and if it is withheld hardly anybody ever will."""
        self.world.publish(block, is_valid=flaw != "invalid")
        if flaw == "withheld":
            self.world.withheld.add(block.id)

    def hand_body(self, block: BlockRef, members: Sequence[int], delay: int) -> None:
        self.world.gossip_body(-1, block, groups=[(delay, list(members))])
