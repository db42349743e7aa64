"""What one seed means: who is there, who is evil, what the network and the disks do, and when."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from consensus.core import CoreConfig
from consensus.electorate import Electorate
from consensus.quorum import quorum_weight
from tests.builders_consensus import GENESIS_HASH, make_address, make_electorate
from tests.simulation.log_disk import LogFault

DELTA_MS = 100
HEIGHTS_AFTER_HEALING = 10
FORKED_MS = 10_000
"""So long after healing everybody must have noticed that there are two chains."""


@dataclass(frozen=True)
class Links:
    """What the network does until it heals: probabilities, and how late a late message is."""

    drop: float
    duplicate: float
    slow: float
    far_ms: int
    calm: float
    hold: float
    one_way: float
    laggard: int | None
    edge_commit: float
    edge_prefer: float
    edge_everywhere: bool
    healed_ms: int = DELTA_MS
    """How late messages may be after healing; beyond delta only longer views help."""
    split: bool = False
    """One partition of two halves, each with a twin of every evil member."""


class Loss(Enum):
    """Accidents after which a validator does not sign for a while; names of rows of the table."""

    DISK = "disk lost"
    LOG = "changed bit in the log"
    DATABASE = "database lost, log kept"
    LATE = "validator that starts late"


@dataclass(frozen=True)
class Accident:
    """Something happens to a member, and it is away until it was repaired."""

    member: int
    at_ms: int
    rest_ms: int


@dataclass(frozen=True)
class Accidents:
    """What happens to machines, and when."""

    crashes: tuple[Accident, ...]
    crash_all: tuple[int, ...]
    log_faults: tuple[tuple[LogFault, Accident], ...]
    losses: tuple[tuple[Loss, Accident], ...]
    swap: Accident | None
    wrong_clock: tuple[int, int] | None
    slow_disk: frozenset[int]
    prune_bytes: int


NO_ACCIDENTS = Accidents((), (), (), (), None, None, frozenset(), 1_000_000)


@dataclass(frozen=True)
class Scenario:
    """Drawn once per seed (swarm testing: each seed leaves most faults out)."""

    seed: int
    base_weights: tuple[int, ...]
    byzantine: frozenset[int]
    reformed: frozenset[int]
    changing: bool
    epoch_blocks: int
    block_time_ms: int
    heal_ms: int
    skew_ms: tuple[int, ...]
    links: Links
    accidents: Accidents
    favourites: tuple[str, ...] = ()
    calm: bool = False
    """Nothing is wrong anywhere, so that no view may be skipped."""
    delta_ms: int = DELTA_MS
    least_ms: int = 0
    """It goes on for so long at least, however soon enough heights are final."""
    beyond: bool = False
    """More are evil than safety bears: chains may fork, and must not do so unnoticed."""

    @property
    def nodes(self) -> int:
        return len(self.base_weights)

    @property
    def frail(self) -> frozenset[int]:
        """Who may be silent after healing: the rest must be a quorum."""
        lost = frozenset(accident.member for _, accident in self.accidents.losses)
        return (self.byzantine - self.reformed) | lost

    def config(self, node: int) -> CoreConfig:
        return CoreConfig(
            GENESIS_HASH,
            self.epoch_blocks,
            self.block_time_ms,
            self.delta_ms,
            self.block_time_ms * 2 // 5,
            make_address(node),
        )

    def weights(self, epoch: int) -> tuple[int, ...]:
        """Weights change at every edge, within what this seed's adversary may hold."""
        drawn = epoch if self.changing else 0
        return _weights(self.seed, self.base_weights, self.byzantine, self.frail, drawn)

    def electorate(self, epoch: int) -> Electorate:
        return _electorate(self.weights(epoch), epoch)

    @property
    def deadline_ms(self) -> int:
        """For each height a round of views, all of which might fail: N timeouts (design, 6.2).

        Measured in 170 runs: less than half of that, what happened to machines included.
        """
        timeout_ms = self.block_time_ms + 2 * max(self.delta_ms, self.links.healed_ms)
        rounds = HEIGHTS_AFTER_HEALING * self.nodes * timeout_ms
        if self.beyond:  # may stand still; how long it is watched is known
            rounds = max(rounds, 2 * FORKED_MS)
        return max(self.heal_ms + rounds, self.least_ms + self.nodes * timeout_ms)


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = random.Random(seed)
    weights: tuple[int, ...] = (1,) * rng.choice((4, 4, 4, 5, 7))
    if rng.random() < 0.4:
        weights = tuple(rng.randint(1, 3) for _ in weights)
    byzantine, reformed = _draw_byzantine(rng, weights)
    honest = [node for node in range(len(weights)) if node not in byzantine]
    block_time_ms = rng.choice((50, 50, 200))
    heal_ms = rng.choice((0, 1_000, 2_000, 4_000))
    if rng.random() < 0.2:  # somebody who has no stake and only follows
        weights = (*weights, 0)
    bound = block_time_ms * 2 // 5
    return Scenario(
        seed=seed,
        base_weights=weights,
        byzantine=byzantine,
        reformed=reformed,
        changing=rng.random() < 0.7,
        epoch_blocks=rng.choice((2, 3, 5, 6, 8)),
        block_time_ms=block_time_ms,
        heal_ms=heal_ms,
        skew_ms=tuple(rng.randint(-bound, bound) for _ in weights),
        links=_draw_links(rng, honest),
        accidents=_draw_accidents(rng, heal_ms, weights, byzantine, reformed),
    )


def _draw_links(rng: random.Random, honest: Sequence[int]) -> Links:
    return Links(
        drop=rng.choice((0, 0.05, 0.3)),
        duplicate=rng.choice((0, 0.1)),
        slow=rng.choice((0.1, 0.2, 0.5)),
        far_ms=rng.choice((400, 800, 1_500)),
        calm=rng.choice((0.4, 0.9)),
        hold=rng.choice((1, 0.6)),
        one_way=rng.choice((0, 0, 0.2)),
        laggard=rng.choice(honest) if rng.random() < 0.2 else None,
        edge_commit=rng.choice((0, 0.7, 0.95)),
        edge_prefer=rng.choice((0, 0.5, 0.9)),
        edge_everywhere=rng.random() < 0.25,
    )


def _draw_accidents(
    rng: random.Random,
    heal_ms: int,
    weights: Sequence[int],
    byzantine: frozenset[int],
    reformed: frozenset[int],
) -> Accidents:
    honest = [node for node in range(len(weights)) if node not in byzantine]

    def accident(rest_ms: int, members: Sequence[int] = honest) -> Accident:
        at_ms = rng.randint(0, heal_ms + 500)
        return Accident(rng.choice(members), at_ms, rng.randint(10, rest_ms))

    losses: list[tuple[Loss, Accident]] = []
    lost: set[int] = set()
    for loss in rng.sample(tuple(Loss), rng.choice((0, 1, 1, 2))):
        able = [
            node
            for node in honest
            if node not in lost and may_lose(weights, byzantine, reformed, lost | {node})
        ]
        if able:
            losses.append((loss, accident(600, able)))
            lost.add(losses[-1][1].member)
    return Accidents(
        crashes=tuple(accident(1_500) for _ in range(rng.choice((0, 2, 4)))),
        crash_all=tuple(
            rng.randint(0, heal_ms + 500) for _ in range(rng.choice((0, 0, 0, 1, 1, 3)))
        ),
        log_faults=tuple(
            (rng.choice(tuple(LogFault)), accident(1_000)) for _ in range(rng.choice((0, 0, 1, 3)))
        ),
        losses=tuple(losses),
        swap=accident(600) if rng.random() < 0.1 else None,
        wrong_clock=(rng.choice(honest), rng.choice((-2_000, 2_000)))
        if rng.random() < 0.15
        else None,
        slow_disk=frozenset(node for node in honest if rng.random() < 0.15),
        prune_bytes=rng.choice((1_000, 4_000, 1_000_000)),
    )


def _draw_byzantine(
    rng: random.Random, weights: Sequence[int]
) -> tuple[frozenset[int], frozenset[int]]:
    """Half the seeds reach for the safety bound; what liveness cannot bear reforms at healing."""
    reach = rng.random() < 0.5
    order = list(range(len(weights))) if rng.random() < 0.9 else []
    rng.shuffle(order)
    byzantine: set[int] = set()
    stubborn: set[int] = set()
    for node in order:
        if rng.random() < 0.9 and fits(weights, byzantine | {node}, live=not reach):
            byzantine.add(node)
            if fits(weights, stubborn | {node}, live=True):
                stubborn.add(node)
    return frozenset(byzantine), frozenset(byzantine - stubborn)


def may_lose(
    weights: Sequence[int],
    byzantine: frozenset[int],
    reformed: frozenset[int],
    lost: set[int],
) -> bool:
    """The others are a quorum, and enough of any quorum that they ask neither lies nor forgot."""
    return fits(weights, (byzantine - reformed) | lost, live=True) and fits(
        weights, byzantine | lost, live=False
    )


def fits(weights: Sequence[int], evil: Iterable[int], *, live: bool) -> bool:
    """Within the liveness bound (the rest is a quorum) or the safety bound (quorums overlap)."""
    total = sum(weights)
    quorum, weight = quorum_weight(total), sum(weights[node] for node in evil)
    return weight <= total - quorum if live else weight <= 2 * quorum - total - 1


@lru_cache(maxsize=4_096)
def _weights(
    seed: int,
    base: tuple[int, ...],
    byzantine: frozenset[int],
    frail: frozenset[int],
    epoch: int,
) -> tuple[int, ...]:
    rng = random.Random(seed * 1_000_003 + epoch)
    for _ in range(20 if epoch else 0):
        weights = tuple(
            rng.choice((0, 1, 1, 1, 2, 3)) if rng.random() < 0.5 else weight for weight in base
        )
        if (
            sum(weight > 0 for weight in weights) >= 4
            and fits(weights, byzantine | frail, live=False)
            and fits(weights, frail, live=True)
        ):
            return weights
    return base


@lru_cache(maxsize=4_096)
def _electorate(weights: tuple[int, ...], epoch: int) -> Electorate:
    return make_electorate(weights, epoch)
