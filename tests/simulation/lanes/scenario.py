"""What a scenario and a seed mean: stakes, who is evil or absent, when the network is bad."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from consensus.committee import draw_committee
from consensus.core import CoreConfig
from consensus.electorate import Electorate, draw_schedule
from consensus.lanes.state import LanesConfig
from consensus.lanes.voters import EpochVoters
from genesis.units import Address
from native.hashing import Hash32, blake3_256
from tests.builders_consensus import GENESIS_HASH
from tests.simulation.lanes.halves import halve

TICK_MS = 50
SEEDS_TRIED = 200
REAL_EVERY = 8
"""In every eighth seed the cores count the votes themselves."""
DELTA_MS = 5 * TICK_MS
BLOCK_TIME_MS = 500
ESCAPE_MS = 10_000
TERM_BLOCKS = 4
EPOCH_TERMS = 4
CLOCK_OFFSET_MS = 200
BAD_SEATS = 8

QUIET = ("coop",)
FAST_MODES = ("coop", "silent", "late", "dribble", "equiv", "random", "slowp")
HARD_MODES = ("coop", "silent", "lie", "equiv", "random")
SAFE = (0, BAD_SEATS - 1)


@dataclass(frozen=True)
class Kind:
    """One row of the table of scenarios. Times are in ms of the simulated network."""

    shows: str
    byzantine: float = 0
    offline: float = 0
    fast_modes: tuple[str, ...] = QUIET
    hard_modes: tuple[str, ...] = QUIET
    bad_seats: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    always_bad: tuple[int, int] | None = None
    heal_ms: int = 0
    partitions: bool = False
    cut_ms: int = 0
    crashes: int = 0
    blackouts: int = 0
    dark: bool = False
    run_ms: int = 200_000
    """After healing: until then everybody must have so many checkpoints more, and ten heights."""
    checkpoints: int = 10
    must_live: bool = True
    halves: bool = False
    """Until healing there are two sides that do not hear each other, with evil twins in both."""


def captured(*numbers: int) -> dict[int, tuple[int, int]]:
    """Committees of which the adversary holds a quorum."""
    return dict.fromkeys(numbers, (14, 20))


KINDS: dict[str, Kind] = {
    "clean": Kind(
        "Nobody evil or absent, on a network with delays only.",
    ),
    "offline": Kind("31 % of the stake never comes.", offline=0.31, run_ms=400_000, checkpoints=5),
    "crash": Kind(
        "14 crashes, 10 % absent, 15 % evil.",
        offline=0.1,
        byzantine=0.15,
        crashes=14,
        fast_modes=FAST_MODES,
        hard_modes=HARD_MODES,
    ),
    "sync31": Kind(
        "31 % evil in every mood on a good network, at most 7 bad seats.",
        byzantine=0.31,
        fast_modes=FAST_MODES,
        hard_modes=HARD_MODES,
        always_bad=SAFE,
    ),
    "sync37": Kind(
        "The same with 37 %, the most that safety bears; it need not go on.",
        byzantine=0.37,
        fast_modes=FAST_MODES[2:],
        hard_modes=("help", "help", "lie", "equiv", "random"),
        always_bad=SAFE,
        run_ms=120_000,
        must_live=False,
    ),
    "mixed": Kind(
        "16 % evil and 15 % absent: less of either, but together 31 %.",
        byzantine=0.16,
        offline=0.15,
        fast_modes=FAST_MODES,
        hard_modes=HARD_MODES,
    ),
    "cap8": Kind(
        "In terms 1, 3 and 4 the adversary has 8 to 13 seats: a quorum's overlap, but no quorum.",
        byzantine=0.31,
        fast_modes=("equiv", "random", "late"),
        hard_modes=HARD_MODES,
        bad_seats=dict.fromkeys((1, 3, 4), (8, 13)),
    ),
    "cap14": Kind(
        "In terms 1, 3 and 4 it has 14 seats or more: the committee is captured.",
        byzantine=0.31,
        fast_modes=("capture", "withhold", "invalid", "equiv"),
        hard_modes=HARD_MODES,
        bad_seats=captured(1, 3, 4),
        run_ms=400_000,
    ),
    "chase": Kind(
        "A captured committee makes the tip move whenever somebody proposes a checkpoint.",
        byzantine=0.31,
        fast_modes=("chase",),
        hard_modes=("help", "lie", "silent"),
        bad_seats=captured(1),
        run_ms=300_000,
        checkpoints=4,
    ),
    "feed": Kind(
        "A captured committee shows FINALs of blocks whose bodies it withholds.",
        byzantine=0.31,
        fast_modes=("feed",),
        hard_modes=("coop", "silent"),
        bad_seats=captured(1),
        run_ms=300_000,
        checkpoints=4,
    ),
    "amnesia": Kind(
        "Three blackouts, each after one node alone was shown a certificate.",
        byzantine=0.3,
        fast_modes=("late",),
        always_bad=(7, 7),
        blackouts=3,
        checkpoints=8,
    ),
    "dark": Kind(
        "All fail when a third has COMMITted to a checkpoint that is final nowhere.",
        offline=0.1,
        dark=True,
        checkpoints=6,
    ),
    "cut3s": Kind(
        "A late FINAL keeps a minority open, which is then cut off for 3 s; 7 bad seats.",
        byzantine=0.31,
        fast_modes=("split",),
        hard_modes=("help",),
        always_bad=(7, 7),
        cut_ms=3_000,
        checkpoints=5,
    ),
    "cut30s": Kind(
        "The same for 30 s, longer than any wait: fast blocks may be reversed.",
        byzantine=0.31,
        fast_modes=("split",),
        hard_modes=("help",),
        always_bad=(7, 7),
        cut_ms=30_000,
        checkpoints=5,
    ),
    "strike": Kind(
        "The evil seats go along for two views and then stop: some blocks are fast, the term dies.",
        byzantine=0.31,
        fast_modes=("strike",),
        hard_modes=("help",),
        always_bad=(7, 7),
        checkpoints=3,
    ),
    "drip": Kind(
        "The evil seats release one FINAL just before each escape time ends.",
        byzantine=0.31,
        fast_modes=("drip",),
        always_bad=(7, 7),
        run_ms=165_000,
        checkpoints=5,
    ),
    "split37": Kind(
        "A minority is kept open by a late FINAL, and 37 % finish its term behind the restart.",
        byzantine=0.37,
        fast_modes=("split",),
        hard_modes=("help",),
        always_bad=(7, 7),
        must_live=False,
        run_ms=60_000,
    ),
    "split31": Kind(
        "The same with 31 %, so that it must go on.",
        byzantine=0.31,
        fast_modes=("split",),
        hard_modes=("help",),
        always_bad=(7, 7),
        run_ms=400_000,
        checkpoints=5,
    ),
    "async31": Kind(
        "75 s of partitions and slow links, 31 % evil.",
        byzantine=0.31,
        fast_modes=FAST_MODES,
        hard_modes=HARD_MODES,
        heal_ms=75_000,
        partitions=True,
        always_bad=SAFE,
    ),
    "async37": Kind(
        "125 s of partitions and slow links, 37 % evil; it need not go on.",
        byzantine=0.37,
        fast_modes=FAST_MODES,
        hard_modes=("help", "help", "lie", "equiv", "random"),
        heal_ms=125_000,
        partitions=True,
        run_ms=120_000,
        must_live=False,
    ),
    "beyond": Kind(
        "45 % evil, with a copy in each half of a split for 50 s: hard checkpoints fork.",
        byzantine=0.45,
        fast_modes=("twins",),
        hard_modes=("twins",),
        halves=True,
        heal_ms=50_000,
        run_ms=10_000,
        must_live=False,
    ),
    "part": Kind(
        "75 s of partitions and slow links, nobody evil, 10 % absent.",
        offline=0.1,
        heal_ms=75_000,
        partitions=True,
    ),
    "power": Kind(
        "Three blackouts, 25 % evil.",
        byzantine=0.25,
        fast_modes=("late", "dribble", "coop", "random"),
        hard_modes=HARD_MODES,
        blackouts=3,
        always_bad=SAFE,
    ),
}


class Scenario:
    """A kind of scenario with all that its seed decides, and the voters of every epoch."""

    def __init__(
        self,
        name: str,
        seed: int,
        *,
        nodes: int | None = None,
        counted: bool | None = None,
        term_blocks: int = TERM_BLOCKS,
    ) -> None:
        self.name, self.seed, self.kind = name, seed, KINDS[name]
        self.term_blocks, self.epoch_blocks = term_blocks, EPOCH_TERMS * term_blocks
        self.run_ms = self.kind.run_ms * term_blocks // TERM_BLOCKS
        self.counted = bool(seed % REAL_EVERY) if counted is None else counted
        rng = random.Random(f"{name} {seed}")
        self.nodes = rng.choice((30, 36, 45)) if nodes is None else nodes
        equal = rng.random() < 0.5
        self.changing = rng.random() < 0.5
        self.stakes = tuple(10 if equal else rng.randint(5, 20) for _ in range(self.nodes))
        order = list(range(self.nodes))
        rng.shuffle(order)
        self.byzantine = frozenset(self._take(order, self.kind.byzantine, self.stakes))
        honest = [member for member in order if member not in self.byzantine]
        self.offline = frozenset(self._take(honest, self.kind.offline, self.stakes))
        self.honest = tuple(sorted(honest))
        self.live = tuple(member for member in self.honest if member not in self.offline)
        self.halves = halve(self.live, self.stakes) if self.kind.halves else ()
        skewed = rng.random() < 0.5
        bound = CLOCK_OFFSET_MS // 2
        self.skew_ms = tuple(rng.randint(-bound, bound) if skewed else 0 for _ in range(self.nodes))
        self.delays = rng.choice(("uniform", "extremes", "links"))
        self._voters: dict[int, EpochVoters] = {}
        self._committees: dict[tuple[int, int], Electorate] = {}
        self.members = tuple(make_member(member) for member in range(self.nodes))
        self.number_of = {address: member for member, address in enumerate(self.members)}

    def _take(self, order: list[int], share: float, stakes: tuple[int, ...]) -> list[int]:
        taken, weight = list[int](), 0
        for member in order:
            if weight + stakes[member] <= share * sum(stakes):
                taken.append(member)
                weight += stakes[member]
        return taken

    def config(self, member: int) -> LanesConfig:
        core = CoreConfig(
            GENESIS_HASH,
            self.epoch_blocks,
            BLOCK_TIME_MS,
            DELTA_MS,
            CLOCK_OFFSET_MS,
            self.members[member],
        )
        return LanesConfig(core, ESCAPE_MS)

    def voters(self, epoch: int) -> EpochVoters:
        """Stakes change at the edges, but never beyond what this kind gives the adversary."""
        if epoch not in self._voters:
            stakes = self.stakes
            rng = random.Random(f"stakes {self.seed} {epoch}")
            for _ in range(20 if epoch and self.changing else 0):
                drawn = tuple(max(1, stake + rng.randint(-4, 4)) for stake in self.stakes)
                if self._fits(drawn):
                    stakes = drawn
                    break
            seed = blake3_256(f"epoch {self.name} {self.seed} {epoch}".encode())
            name = blake3_256(repr((epoch, stakes)).encode())
            schedule = draw_schedule(stakes, seed)
            electorate = Electorate(epoch, self.members, stakes, schedule, name)
            self._voters[epoch] = EpochVoters(electorate, seed, self._pace(rng, epoch))
        return self._voters[epoch]

    def _pace(self, rng: random.Random, epoch: int) -> int:
        """More or fewer validators would change the length of terms, from one epoch to the next."""
        blocks = self.term_blocks
        return rng.choice((blocks // 2, blocks)) if self.changing and epoch else blocks

    def _fits(self, stakes: tuple[int, ...]) -> bool:
        total = sum(stakes)
        bad = sum(stakes[member] for member in self.byzantine)
        absent = sum(stakes[member] for member in self.offline)
        return bad <= self.kind.byzantine * total and absent <= self.kind.offline * total

    def committee(
        self, electorate: Electorate, seed: Hash32, term: int, *, seats: int
    ) -> Electorate:
        """The real draw; where a scenario wants it so bad, seeds are tried and then seats moved."""
        key = (electorate.epoch, term)
        if key not in self._committees:
            wanted = self.kind.bad_seats.get(term, self.kind.always_bad)
            for salt in range(SEEDS_TRIED):
                tried = seed if salt == 0 else blake3_256(seed + salt.to_bytes(4, "big"))
                drawn = draw_committee(electorate, tried, term, seats=seats)
                if wanted is None or wanted[0] <= self.bad_weight(drawn) <= wanted[1]:
                    break
            else:
                assert wanted is not None, "the first draw would have done"
                drawn = self._corrupt(electorate, drawn, wanted)
            self._committees[key] = drawn
        return self._committees[key]

    def _corrupt(
        self, electorate: Electorate, drawn: Electorate, wanted: tuple[int, int]
    ) -> Electorate:
        """Move seats between honest and Byzantine holders until their number is as wanted."""
        rng = random.Random(f"corrupt {self.seed} {drawn.epoch} {drawn.schedule[:8]}")
        held = dict(zip(drawn.members, drawn.weights, strict=True))
        evil = [each for each in electorate.members if self.number_of[each] in self.byzantine]
        good = [each for each in electorate.members if each not in evil]
        bad = self.bad_weight(drawn)
        while not wanted[0] <= bad <= wanted[1]:
            source, goal, gain = (good, evil, 1) if bad < wanted[0] else (evil, good, -1)
            giver = rng.choice([each for each in source if held.get(each)])
            taker = rng.choice(goal)
            held[giver] -= 1
            held[taker] = held.get(taker, 0) + 1
            bad += gain
        members = tuple(each for each in electorate.members if held.get(each))
        weights = tuple(held[each] for each in members)
        schedule = draw_schedule(weights, blake3_256(repr(weights).encode()))
        places = tuple(electorate.members.index(each) for each in members)
        vset_hash = electorate.vset_hash
        return Electorate(electorate.epoch, members, weights, schedule, vset_hash, places)

    def bad_weight(self, electorate: Electorate) -> int:
        """What the adversary weighs in an instance."""
        return sum(
            weight
            for address, weight in zip(electorate.members, electorate.weights, strict=True)
            if self.number_of[address] in self.byzantine
        )


def make_member(member: int) -> Address:
    """Up to 256 members; the builders' addresses do for these, too."""
    return Address((member + 1).to_bytes(2, "big") * 10)
