"""What one seed means: who is there, who is evil, what the network and the disks do, and when."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from consensus.core import CoreConfig
from consensus.electorate import Electorate
from consensus.quorum import quorum_weight
from tests.builders_consensus import GENESIS_HASH, make_address, make_electorate
from tests.simulation.crimes import CRIMES

DELTA_MS = 100
HEIGHTS_AFTER_HEALING = 10


@dataclass(frozen=True)
class Scenario:
    """Drawn once per seed (swarm testing: each seed leaves most faults out)."""

    seed: int
    nodes: int
    base_weights: tuple[int, ...]
    byzantine: frozenset[int]
    reformed: frozenset[int]
    frail: frozenset[int]
    changing: bool
    epoch_blocks: int
    block_time_ms: int
    heal_ms: int
    skew_ms: tuple[int, ...]
    drop: float
    duplicate: float
    slow: float
    far_ms: int
    calm: float
    hold: float
    edge_commit: float
    edge_prefer: float
    edge_everywhere: bool
    favourites: tuple[str, ...]
    crashes: tuple[tuple[int, int, int], ...]
    crash_all: tuple[int, ...]
    wipe: tuple[int, int, int] | None
    lost: tuple[int, int, int] | None

    def config(self, node: int) -> CoreConfig:
        return CoreConfig(
            GENESIS_HASH,
            self.epoch_blocks,
            self.block_time_ms,
            DELTA_MS,
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
        """Ten heights and an edge take a second or two of an honest network's time."""
        return self.heal_ms + 30_000 + 200 * self.block_time_ms


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = random.Random(seed)
    nodes = rng.choice((4, 4, 4, 5, 7))
    weights = (1,) * nodes
    if rng.random() < 0.4:
        weights = tuple(rng.randint(1, 3) for _ in range(nodes))
    byzantine, reformed = _draw_byzantine(rng, weights)
    honest = [node for node in range(nodes) if node not in byzantine]
    block_time_ms = rng.choice((50, 50, 200))
    heal_ms = rng.choice((0, 1_000, 2_000, 4_000))
    if rng.random() < 0.2:  # somebody who has no stake and only follows
        nodes += 1
        weights = (*weights, 0)
    bound = block_time_ms * 2 // 5
    crashes = tuple(
        (rng.choice(honest), rng.randint(0, heal_ms + 500), rng.randint(10, 1_500))
        for _ in range(rng.choice((0, 2, 4)))
    )
    wipe = None
    frail = byzantine - reformed
    victims = [node for node in honest if fits(weights, frail | {node}, live=True)]
    if victims and rng.random() < 0.5:  # it abstains for an epoch, so the others must do
        wipe = (rng.choice(victims), rng.randint(0, heal_ms + 1_000), rng.randint(10, 600))
        frail |= {wipe[0]}
    lost = _draw_lost(seed, heal_ms, [n for n in honest if fits(weights, frail | {n}, live=True)])
    if lost is not None:
        frail |= {lost[0]}
    return Scenario(
        seed=seed,
        nodes=nodes,
        base_weights=weights,
        byzantine=byzantine,
        reformed=reformed,
        frail=frail,
        changing=rng.random() < 0.7,
        epoch_blocks=rng.choice((2, 3, 5, 6, 8)),
        block_time_ms=block_time_ms,
        heal_ms=heal_ms,
        skew_ms=tuple(rng.randint(-bound, bound) for _ in range(nodes)),
        drop=rng.choice((0, 0.05, 0.3)),
        duplicate=rng.choice((0, 0.1)),
        slow=rng.choice((0.1, 0.2, 0.5)),
        far_ms=rng.choice((400, 800, 1_500)),
        calm=rng.choice((0.4, 0.9)),
        hold=rng.choice((1, 0.6)),
        edge_commit=rng.choice((0, 0.7, 0.95)),
        edge_prefer=rng.choice((0, 0.5, 0.9)),
        edge_everywhere=rng.random() < 0.25,
        favourites=tuple(rng.sample(CRIMES, 2)),
        crashes=crashes,
        crash_all=tuple(
            rng.randint(0, heal_ms + 500) for _ in range(rng.choice((0, 0, 0, 1, 1, 3)))
        ),
        wipe=wipe,
        lost=lost,
    )


def _draw_lost(seed: int, heal_ms: int, victims: list[int]) -> tuple[int, int, int] | None:
    """Its log may be ahead of everybody's chain for a while, and it is silent that long."""
    rng = random.Random(f"database {seed}")
    if not victims or rng.random() < 0.7:
        return None
    return rng.choice(victims), rng.randint(300, heal_ms + 1_000), rng.randint(10, 600)


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


def fits(weights: Sequence[int], evil: set[int] | frozenset[int], *, live: bool) -> bool:
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
            and fits(weights, byzantine, live=False)
            and fits(weights, frail, live=True)
        ):
            return weights
    return base


@lru_cache(maxsize=4_096)
def _electorate(weights: tuple[int, ...], epoch: int) -> Electorate:
    return make_electorate(weights, epoch)
