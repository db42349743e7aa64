"""The shell's duties that need no state: filter what arrives, answer what peers ask."""

from typing import Protocol

from consensus.certificates import QuorumCertificate
from consensus.core import events as told
from consensus.electorate import Electorate
from consensus.errors import InvalidCertificate
from consensus.instance import BlockRef
from consensus.lanes import effects as asked
from consensus.lanes import events as heard
from consensus.lanes import filters
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import CloseMessage
from consensus.proposals import SignedProposal
from consensus.votes import SignedVote
from native.hashing import Hash32
from tests.simulation.lanes.checker import Checker
from tests.simulation.lanes.links import Links
from tests.simulation.lanes.node import Node
from tests.simulation.lanes.scenario import DELTA_MS

ASKED_PEERS = 2


class Neighbourhood(Protocol):
    """Who can be asked, and what exists."""

    checker: Checker
    links: Links
    bodies: dict[Hash32, BlockRef]
    withheld: set[Hash32]
    checkpoints: dict[Hash32, Checkpoint]

    def fault(self, kind: str) -> None: ...
    def reachable(self, node: Node) -> list[Node]: ...


# --- cheap filter, then the lanes ---------------------------------------------------------------


def give_vote(node: Node, signed: SignedVote) -> None:
    if filters.is_wanted(node.state, signed):
        node.handle(told.VoteAccepted(signed, node.now_ms))


def give_proposal(node: Node, signed: SignedProposal) -> None:
    if filters.wants_proposal(node.state, signed.proposal):
        node.handle(told.ProposalAccepted(signed, node.now_ms))


def give_checkpoint(node: Node, effect: asked.RebroadcastCheckpoint) -> None:
    if filters.wants_proposal(node.state, effect.signed.proposal):
        content = (effect.signed, effect.checkpoint, effect.proof)
        node.handle(heard.CheckpointProposed(*content, node.now_ms))


def give_certificate(node: Node, certificate: QuorumCertificate, electorate: Electorate) -> None:
    """Signatures are not simulated here; who signed, and with which weight, is checked."""
    if not filters.wants_certificate(node.state, certificate):
        return
    try:
        certificate.check_quorum(electorate)
    except InvalidCertificate:
        return
    node.handle(told.CertificateAccepted(certificate, node.now_ms))


def give_close(node: Node, message: CloseMessage) -> None:
    if filters.wants_close(node.state, message.signed):
        node.handle(heard.CloseAccepted(message, node.now_ms))


# --- questions ----------------------------------------------------------------------------------


def peers_of(world: Neighbourhood, node: Node) -> list[Node]:
    """A question goes to two of the others that can be reached."""
    others = [other for other in world.reachable(node) if other is not node]
    return [others[world.links.below(len(others))] for _ in range(ASKED_PEERS)] if others else []


def ask_views(world: Neighbourhood, node: Node, instance_id: Hash32, low: int, high: int) -> None:
    """Certificates of an instance; who has left that behind says what was decided."""
    _, number, instance = world.checker.instances[instance_id]
    for other in peers_of(world, node):
        if number in other.disk.decisions:
            _tell_decision(world, other, node, number)
        else:
            _ask_one(
                world,
                node,
                other,
                told.CertificatesRequested(node.name, instance.epoch, low, high, other.now_ms),
                instance_id,
            )


def _ask_one(
    world: Neighbourhood,
    node: Node,
    other: Node,
    request: told.CertificatesRequested,
    instance_id: Hash32,
) -> None:
    event = heard.CertificatesWanted(instance_id, request)
    world.links.deliver(node.member, (other.member,), lambda peer: peer.handle(event))


def ask_decision(world: Neighbourhood, node: Node, number: int) -> None:
    for other in peers_of(world, node):
        if number in other.disk.decisions:
            _tell_decision(world, other, node, number)


def _tell_decision(world: Neighbourhood, other: Node, node: Node, number: int) -> None:
    checkpoint, certificate = other.disk.decisions[number]

    def tell(me: Node) -> None:
        me.handle(heard.DecisionReceived(checkpoint, certificate, me.now_ms))

    world.links.deliver(other.member, (node.member,), tell)


def ask_checkpoint(world: Neighbourhood, node: Node, checkpoint_id: Hash32) -> None:
    """Somebody who voted for it has it in its log."""
    checkpoint = world.checkpoints.get(checkpoint_id)
    if checkpoint is None or not any(
        other.knows_checkpoint(checkpoint_id) for other in world.reachable(node)
    ):
        return
    found: Checkpoint = checkpoint

    def tell(me: Node) -> None:
        me.handle(heard.CheckpointFetched(found, me.now_ms))

    world.links.deliver(node.member, (node.member,), tell)


def ask_block(world: Neighbourhood, node: Node, block_id: Hash32) -> None:
    """The block and its ancestors, as far as somebody within reach holds them."""
    path: list[BlockRef] = []
    wanted_id = block_id
    while block_id in world.bodies and block_id not in node.disk.blocks:
        path.insert(0, world.bodies[block_id])
        block_id = path[0].parent_id
    for at, block in enumerate(path):
        if not any(other.holds(block.id) for other in world.reachable(node)):
            path = path[:at]
            break
    if not path:
        if wanted_id in world.withheld:
            world.fault("withheld block asked for")
        return
    own = len(path) == 1 and path[0].id in node.bodies
    delay = 1 + world.links.below(10 if own else DELTA_MS)
    node.later(delay, lambda: node.obtain(path))
