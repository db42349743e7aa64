"""Which nodes of a fleet are well: a function of the registry, of what was seen, and of now."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from aichain.fleet.heartbeat import Heartbeat
from aichain.fleet.registry import FleetNode, Registry
from aichain.fleet.telemetry import strains
from genesis.limits import FLEET_SILENCE_MS
from native.node_keys import peer_id_text

VOTES: Final = ("yes", "notValidator")
"""What `aichain_status` says of votes where nothing is wrong."""


class State(StrEnum):
    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node said of itself when it was asked; None is what it did not say."""

    at_ms: int
    """When, by the clock of who asked."""
    took_ms: int
    is_ready: bool
    """Level with the network, by its own judgement (`GET /ready`)."""
    network: str
    height: int
    target_height: int
    finalized_ago_ms: int
    is_syncing: bool
    peers: int
    genesis_hash: str | None = None
    node_id: str | None = None
    voting: str | None = None
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """It was asked, and this is why there is no answer."""

    reason: str


Sight: TypeAlias = Answer | Silence


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """The verdict on one node. `reasons` are empty for one that is online."""

    node: FleetNode
    state: State
    reasons: tuple[str, ...]
    answer: Answer | None
    last_seen_ms: int | None
    """Its last sign of life; None if there was none yet."""
    heartbeat: Heartbeat | None = None


@dataclass(frozen=True, slots=True)
class FleetHealth:
    """One look at a fleet."""

    checked_at_ms: int
    nodes: tuple[NodeHealth, ...]

    def count(self, state: State) -> int:
        return sum(each.state is state for each in self.nodes)

    @property
    def exit_code(self) -> int:
        """0 all online, 1 some degraded, 2 some offline."""
        if self.count(State.OFFLINE):
            return 2
        return 1 if self.count(State.DEGRADED) else 0

    @property
    def last_seen(self) -> Mapping[str, int]:
        """What the next look needs to know of this one."""
        seen = {each.node.name: each.last_seen_ms for each in self.nodes}
        return {name: at_ms for name, at_ms in seen.items() if at_ms is not None}


@dataclass(frozen=True, slots=True)
class Change:
    """A node whose state is another one than at the last look."""

    now: NodeHealth
    before: State | None
    """None at the first look."""


@dataclass(frozen=True, slots=True)
class _Fleet:
    """What a node is compared with."""

    genesis_hash: str | None = None
    is_alone: bool = True


@dataclass(frozen=True, slots=True)
class Signs:
    """All that is known of a node at one look."""

    sight: Sight
    last_seen_ms: int | None = None
    """Its last sign of life before this look."""
    heartbeat: Heartbeat | None = None
    """Its last one whose signature is its own."""


def assess(registry: Registry, signs: Mapping[str, Signs], now_ms: int) -> FleetHealth:
    """The verdict on each node of the registry; who is not among the signs was not seen."""
    unseen = Signs(Silence("it was not asked"))
    known = {node.name: signs.get(node.name, unseen) for node in registry.nodes}
    fleet = _Fleet(_common_chain(known), is_alone=len(registry.nodes) == 1)
    verdicts = tuple(_verdict(node, known[node.name], fleet, now_ms) for node in registry.nodes)
    return FleetHealth(now_ms, verdicts)


def changes(before: FleetHealth | None, now: FleetHealth) -> tuple[Change, ...]:
    """What an alert is about: other states than before, and at a first look what is not well."""
    known = {} if before is None else {each.node.name: each.state for each in before.nodes}
    return tuple(
        Change(each, known.get(each.node.name))
        for each in now.nodes
        if each.state is not known.get(each.node.name, State.ONLINE)
    )


def _verdict(node: FleetNode, signs: Signs, fleet: _Fleet, now_ms: int) -> NodeHealth:
    """Offline is who gave no sign of life for FLEET_SILENCE_MS, by an answer or by a heartbeat."""
    sight, heartbeat = signs.sight, signs.heartbeat
    answer = sight if isinstance(sight, Answer) else None
    told = [] if signs.last_seen_ms is None else [signs.last_seen_ms]
    if answer is not None:
        told.append(answer.at_ms)
    if heartbeat is not None:
        told.append(min(now_ms, heartbeat.sent_ms))  # its clock may be ahead of ours
    last_seen_ms = max(told, default=None)
    reasons: list[str] = []
    if isinstance(sight, Silence):
        reasons.append(f"no answer: {sight.reason}")
        if last_seen_ms is None or now_ms - last_seen_ms > FLEET_SILENCE_MS:
            return NodeHealth(node, State.OFFLINE, tuple(reasons), None, last_seen_ms, heartbeat)
        reasons.append(f"last sign of life {seconds(now_ms - last_seen_ms)} ago")
    else:
        reasons += _complaints(node, sight, fleet)
    reasons += _heartbeat_complaints(heartbeat, now_ms)
    state = State.DEGRADED if reasons else State.ONLINE
    return NodeHealth(node, state, tuple(reasons), answer, last_seen_ms, heartbeat)


def _complaints(node: FleetNode, answer: Answer, fleet: _Fleet) -> list[str]:
    """What is wrong with a node by its own answer."""
    found = []
    if node.peer_id is not None and answer.node_id not in (None, peer_id_text(node.peer_id)):
        found.append(f"another node answers at its address: {answer.node_id}")
    if answer.genesis_hash and fleet.genesis_hash not in (None, answer.genesis_hash):
        found.append(f"on another chain than most of the fleet: {answer.network}")
    if answer.is_syncing:
        found.append(f"syncing: block {answer.height} of {answer.target_height}")
    elif not answer.is_ready:
        found.append(f"its last final block is {seconds(answer.finalized_ago_ms)} old")
    if not answer.peers and not fleet.is_alone:
        found.append("it has no peers")
    if answer.voting is not None and answer.voting not in VOTES:
        found.append(f"it does not vote: {answer.voting}")
    return [*found, *answer.troubles]


def _heartbeat_complaints(heartbeat: Heartbeat | None, now_ms: int) -> list[str]:
    """What a heartbeat tells of its machine; one that is late tells only that."""
    if heartbeat is None:
        return []
    age_ms = now_ms - heartbeat.sent_ms
    if age_ms > FLEET_SILENCE_MS:
        return [f"its last heartbeat is {seconds(age_ms)} old"]
    return list(strains(heartbeat.telemetry))


def _common_chain(signs: Mapping[str, Signs]) -> str | None:
    """The genesis hash that more than half of those who name one name."""
    named = Counter(
        each.sight.genesis_hash
        for each in signs.values()
        if isinstance(each.sight, Answer) and each.sight.genesis_hash
    )
    ((chain, count),) = named.most_common(1) or ((None, 0),)
    return chain if 2 * count > named.total() else None


def seconds(ms: int) -> str:
    """A time for people, whole seconds up to two minutes."""
    if ms < 120_000:
        return f"{ms // 1000} s"
    return f"{ms // 60_000} min" if ms < 7_200_000 else f"{ms // 3_600_000} h"
