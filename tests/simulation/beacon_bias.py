"""What somebody gains who skips turns at the end of an epoch until the next seed suits it.

The seed of epoch e + 2 is the mix at the last block of e. Whoever has a run of turns that reaches
that block knows what each of its reveals would make of it, and publishes what suits; if nothing
does, it skips, and the next proposer fills in: a draw more. Real are the beacon, the onions, the
committee that proposes, and the committee that is drawn from the outcome.
`python -m tests.simulation.beacon_bias` prints the table of vm/README.md (minutes).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from math import comb

from consensus.committee import COMMITTEE_SEATS, draw_committee, draw_seats
from consensus.electorate import SCHEDULE_SLOTS, Electorate
from consensus.quorum import quorum_weight
from genesis.beacon import mixed
from genesis.onion import Onion
from genesis.units import Address
from native.hashing import ZERO_HASH, Hash32, derive_hash

UNSAFE_SEATS = 2 * quorum_weight(COMMITTEE_SEATS) - COMMITTEE_SEATS
VALIDATORS = 100
STAKES = (1,) * VALIDATORS
LAST_BLOCKS = 8
"""The blocks of an epoch's last term, with a hundred validators."""
LAYERS = 32
TRIALS = 20_000
TARGET = 3
"""The term, any one, whose committee is to be a bad one."""


@cache
def chance_of(bad: int) -> float:
    """That a draw which nobody influences gives them UNSAFE_SEATS or more."""
    share, seats = bad / VALIDATORS, COMMITTEE_SEATS
    return sum(
        comb(seats, held) * share**held * (1 - share) ** (seats - held)
        for held in range(UNSAFE_SEATS, seats + 1)
    )


@dataclass(frozen=True, slots=True)
class Tail:
    """The last term of an epoch: whose turn each view is. Members below `bad` are one adversary."""

    turns: Sequence[int]
    bad: int

    def run(self, view: int) -> int:
        """How many turns in a row the adversary has from here."""
        length = 0
        while self.turns[view + length] < self.bad:
            length += 1
        return length

    def places_after(self, left: int, view: int) -> Iterator[tuple[int, int]]:
        """Blocks to be made and view, once the run is over and an honest proposer has its turn."""
        run = self.run(view)
        for published in range(min(run, left - 1) + 1):
            yield left - published - 1, view + run + 1


@dataclass(frozen=True, slots=True)
class Prospects:
    """What the adversary can hope for with `left` blocks to be made from `view` on."""

    tail: Tail
    chance: float
    _best: dict[tuple[int, int], float] = field(default_factory=dict)
    _draws: dict[tuple[int, int], int] = field(default_factory=dict)

    def best(self, left: int, view: int) -> float:
        """The probability of a seed that suits, if it always does what is best."""
        if left == 0:
            return self.chance
        if (left, view) not in self._best:
            after = max(self.best(*place) for place in self.tail.places_after(left, view))
            seen = comb(self.tail.run(view), left)
            self._best[left, view] = 1 - (1 - self.chance) ** seen * (1 - after)
        return self._best[left, view]

    def draws(self, left: int, view: int) -> int:
        """The seeds that it can get to see; times `chance` that is the union bound."""
        if left == 0:
            return 1
        if (left, view) not in self._draws:
            after = max(self.draws(*place) for place in self.tail.places_after(left, view))
            self._draws[left, view] = comb(self.tail.run(view), left) + after
        return self._draws[left, view]


@dataclass(frozen=True, slots=True)
class Trial:
    """The end of one epoch, drawn by `number` alone."""

    number: int
    bad: int
    pattern: str = ""
    """Whose turns the last blocks are, A for the adversary; by default as the seed has it."""

    @property
    def tail(self) -> Tail:
        """The committee of the last term takes turns; the views of a term begin at 1."""
        if self.pattern:
            return tail_of(self.pattern, self.bad)
        members = tuple(Address(index.to_bytes(20, "big")) for index in range(VALIDATORS))
        everybody = Electorate(0, members, STAKES, (0,) * SCHEDULE_SLOTS, ZERO_HASH)
        committee = draw_committee(everybody, self._hash("seed"), 31)
        places = [int.from_bytes(member, "big") for member in committee.members]
        turns = [places[committee.proposer(view)] for view in range(1, SCHEDULE_SLOTS)]
        return Tail((*turns, VALIDATORS), self.bad)

    def honest(self) -> bool:
        """Whether the seed suits when everybody publishes."""
        return self._suits(self._publish(self._hash("mix"), self.tail.turns[:LAST_BLOCKS], {}))

    def strategic(self) -> bool:
        """Whether it does when the adversary does its best with what it knows at each view."""
        return self.played()[0]

    def played(self) -> tuple[bool, int]:
        """The same, and how many turns of its own it let pass: each is a block that is not paid."""
        tail, left, view, skipped = self.tail, LAST_BLOCKS, 0, 0
        prospects, mix = Prospects(tail, chance_of(self.bad)), self._hash("mix")
        revealed: dict[int, int] = {}
        while left:
            run = tail.turns[view : view + tail.run(view)]
            for places in combinations(range(len(run)), left):
                some = [run[place] for place in places]
                if self._suits(self._publish(mix, some, dict(revealed))):
                    return True, skipped + places[-1] + 1 - left
            ways = tail.places_after(left, view)
            # Of what is equally good, what lets the fewest turns pass.
            after, following = max(ways, key=lambda way: (prospects.best(*way), -way[0]))
            published = run[: left - after - 1]
            skipped += len(run) - len(published)
            mix = self._publish(mix, (*published, tail.turns[following - 1]), revealed)
            left, view = after, following
        return self._suits(mix), skipped

    def _publish(self, mix: Hash32, turns: Sequence[int], revealed: dict[int, int]) -> Hash32:
        """The mix after these turns; `revealed` counts the layers of each member."""
        for who in turns:
            used = revealed[who] = revealed.get(who, 0) + 1
            mix = mixed(mix, _onion(who).reveal(LAYERS + 1 - used))
        return mix

    def _suits(self, mix: Hash32) -> bool:
        """The committee of TARGET, drawn from this seed, can contradict itself."""
        return sum(draw_seats(STAKES, mix, TARGET)[: self.bad]) >= UNSAFE_SEATS

    def _hash(self, what: str) -> Hash32:
        return derive_hash("aichain/test/bias/v1", f"{what} {self.number}".encode())


@cache
def _onion(who: int) -> Onion:
    return Onion.build(derive_hash("aichain/test/bias-onion/v1", bytes([who])), LAYERS)


def tail_of(pattern: str, bad: int) -> Tail:
    """A for the adversary's turns; from the end on, all are honest."""
    turns = [at if turn == "A" else VALIDATORS - 1 - at for at, turn in enumerate(pattern)]
    return Tail((*turns, *(VALIDATORS - 1,) * 40), bad)


def table_chance(chance: float, turns: int) -> float:
    """Table 6 of the design: the best of 2^turns seeds, each as good as any."""
    return 1.0 - float((1.0 - chance) ** 2**turns)


def table_draws(tail: Tail) -> int:
    """2^t for the t turns before the edge that are the adversary's: the table of the design."""
    draws, last = 1, LAST_BLOCKS - 1
    while last >= 0 and tail.turns[last] < tail.bad:
        draws, last = 2 * draws, last - 1
    return draws


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates over many epochs' ends, and what was to be expected of each."""

    honest: float
    strategic: float
    expected: float
    draws: float
    table: float
    skipped: float
    """Turns that the adversary lets pass at the end of an epoch."""


def measure(bad: int, trials: int) -> Measured:
    honest = strategic = draws = table = skipped = 0
    expected = 0.0
    for number in range(trials):
        trial = Trial(number, bad)
        prospects = Prospects(trial.tail, chance_of(bad))
        honest += trial.honest()
        suits, passed = trial.played()
        strategic, skipped = strategic + suits, skipped + passed
        expected += prospects.best(LAST_BLOCKS, 0)
        draws += prospects.draws(LAST_BLOCKS, 0)
        table += table_draws(trial.tail)
    sums = (honest, strategic, expected, draws, table, skipped)
    return Measured(*(each / trials for each in sums))


def main() -> None:
    """The table of vm/README.md, decision 19."""
    print("stake  by luck  measured  expected  times  seeds  mean of 2^t  turns skipped")
    for bad in (10, 20, 30):
        found, luck = measure(bad, TRIALS), chance_of(bad)
        print(
            f"{bad:>4} %  {luck:.3g}  {found.strategic:.3g}  {found.expected:.3g}  "
            f"{found.expected / luck:.2f}  {found.draws:.2f}  {found.table:.2f}  "
            f"{found.skipped:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
