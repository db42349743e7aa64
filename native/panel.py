"""The engines at work: one verifies, OpenSSL looks over its shoulder, and who is wrong is out."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from native.engine import Engine, EngineFailed, EngineFault
from native.known_answers import wrong_answer
from native.placement import Cost, Load, audit_one_in, place
from native.signatures import SignatureItem

AUDIT_ONE_IN = 4096
"""So many verdicts of an engine to one that OpenSSL is asked about, too, as long as nobody has
measured what they take: about 1 % of the time of the fastest engine of a CPU."""
FLOOD_LEAST = 8
"""Fewer never leave home: an event loop may be the caller, and a device may be busy."""
VOTES_MAX = 64
"""More votes in one batch are a flood: an anchor's certificate may have 690."""

_ACCEPTED = "it accepted a signature that OpenSSL refuses"
_REFUSED = "it refused a signature that OpenSSL finds valid"


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts in order, and whose they are."""

    verdicts: list[bool]
    engine: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item of which `engine` says that it is not valid."""

    item: SignatureItem
    engine: str


class Panel:
    """Engines are believed until OpenSSL, the `reference`, contradicts one: that one is not used
    any more, and OpenSSL decides. Threads may call it at once.

    Work stays at `home` (else with OpenSSL), on the processor and its cache of keys; accelerators
    get what `set_costs` says is faster there. `draw` gives a number below its argument that nobody
    can foresee: peers must not know which verdicts are looked at.
    """

    def __init__(
        self,
        reference: Engine,
        home: Engine | None = None,
        accelerators: Sequence[Engine] = (),
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        home = home or reference
        self._faults: dict[str, EngineFault] = {}
        self._reference = reference
        self._engines = {engine.name: engine for engine in (*accelerators, home)}
        self._home = home.name
        self._last = home.name
        self._draw = draw
        self._pinned = frozenset[bytes]()
        self._costs: Mapping[str, Cost] = {}
        self._audited: Mapping[str, int] = {}
        for engine in self._engines.values():
            if engine is not reference:
                self._require_known_answers(engine)

    @property
    def name(self) -> str:
        """Who verifies now, of all that is not a flood."""
        return self._at_home().name

    @property
    def accelerators(self) -> tuple[str, ...]:
        """Who takes floods, where that is faster."""
        return tuple(
            name for name in self._engines if name != self._home and name not in self._faults
        )

    @property
    def engines(self) -> Sequence[Engine]:
        """Those that are used, OpenSSL among them and last."""
        others = (each for each in self._engines.values() if each is not self._reference)
        return (*(each for each in others if each.name not in self._faults), self._reference)

    @property
    def costs(self) -> Mapping[str, Cost]:
        """What `set_costs` learnt; nothing where nobody measured."""
        return self._costs

    def set_costs(self, cost_of: Callable[[Engine], Cost]) -> None:
        """Where floods go, and how much is audited, by what each of `engines` takes."""
        costs = {}
        for engine in self.engines:
            try:
                costs[engine.name] = cost_of(engine)
            except EngineFailed as error:
                self._quarantine(engine.name, error.reason)
        reference = costs[self._reference.name]
        self._audited = {name: audit_one_in(cost, reference) for name, cost in costs.items()}
        self._costs = costs

    @property
    def faults(self) -> tuple[EngineFault, ...]:
        """Who is not used any more, and why."""
        return tuple(self._faults.values())

    def judge_votes(self, items: Sequence[SignatureItem]) -> Judged:
        """The same for what must not wait behind floods."""
        return self._judge(items, self._at_home()) if len(items) <= VOTES_MAX else self.judge(items)

    def judge(self, items: Sequence[SignatureItem]) -> Judged:
        """One verdict an item. Blocks: an event loop goes through a thread."""
        return self._judge(items, self._placed(items))

    def _judge(self, items: Sequence[SignatureItem], engine: Engine) -> Judged:
        if engine is self._reference:
            return self._by_reference(items)
        try:
            verdicts = engine.verify(items)
        except EngineFailed as error:
            self._quarantine(engine.name, error.reason)
            return self._judge(items, self._at_home())
        assert len(verdicts) == len(items), "an engine returned another number of verdicts"
        if engine.name in self._faults or self._is_wrong(engine, items, verdicts):
            return self._by_reference(items)  # also if another thread found it wrong meanwhile
        return Judged(verdicts, engine.name)

    def confirm(self, refusals: Sequence[Refusal]) -> Judged:
        """What OpenSSL says of what an engine refused, before it costs anybody anything."""
        judged = self._by_reference([refusal.item for refusal in refusals])
        for refusal, is_valid in zip(refusals, judged.verdicts, strict=True):
            if is_valid and not self.is_reference(refusal.engine):
                self._quarantine(refusal.engine, _REFUSED)
        return judged

    def is_trusted(self, engine: str) -> bool:
        """Whether an engine is not in quarantine: it may have come there since it judged."""
        return engine not in self._faults

    def is_reference(self, engine: str) -> bool:
        """Whether nobody is left to ask about its verdicts."""
        return engine == self._reference.name

    def pin(self, public_keys: Sequence[bytes]) -> None:
        """Whose signatures will come often, in place of those named before."""
        for engine in self.engines:
            try:
                engine.pin(public_keys)
            except EngineFailed as error:
                self._quarantine(engine.name, error.reason)
        self._pinned = frozenset(public_keys)

    def _at_home(self) -> Engine:
        return self._reference if self._home in self._faults else self._engines[self._home]

    def _placed(self, items: Sequence[SignatureItem]) -> Engine:
        home = self._at_home()
        if len(items) < FLOOD_LEAST:
            return home
        costs = {
            name: cost
            for name, cost in self._costs.items()
            if name == home.name or (name in self._engines and name not in self._faults)
        }
        if len(costs) < 2:
            return home
        known = sum(item.public_key in self._pinned for item in items)
        self._last = place(Load(known, len(items) - known), costs, self._last)
        return self._engines.get(self._last, home)

    def _by_reference(self, items: Sequence[SignatureItem]) -> Judged:
        return Judged(self._reference.verify(items), self._reference.name)

    def _is_wrong(
        self, engine: Engine, items: Sequence[SignatureItem], verdicts: Sequence[bool]
    ) -> bool:
        """Ask OpenSSL, too, about a few of the items."""
        one_in = self._audited.get(engine.name, AUDIT_ONE_IN)
        count, rest = divmod(len(items), one_in)
        count += self._draw(one_in) < rest
        for index in [self._draw(len(items)) for _ in range(count)]:
            (truth,) = self._reference.verify([items[index]])
            if verdicts[index] is not truth:
                self._quarantine(engine.name, _REFUSED if truth else _ACCEPTED)
                return True
        return False

    def _require_known_answers(self, engine: Engine) -> None:
        try:
            wrong = wrong_answer(engine)
        except EngineFailed as error:
            self._quarantine(engine.name, error.reason)
            return
        if wrong:
            self._quarantine(engine.name, f"in its test it answered {wrong}")

    def _quarantine(self, engine: str, reason: str) -> None:
        self._faults.setdefault(engine, EngineFault(engine, reason))
