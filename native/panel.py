"""The engines at work: one verifies, OpenSSL looks over its shoulder, and who is wrong is out."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from native.engine import Engine, EngineFailed, EngineFault
from native.known_answers import wrong_answer
from native.signatures import SignatureItem

AUDIT_ONE_IN = 4096
"""So many verdicts of an engine to one that OpenSSL is asked about, too: about 1 % of the time
of the fastest engine of a CPU."""

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

    `draw` gives a number below its argument that nobody can foresee: peers must not know which
    verdicts are looked at.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        reference: Engine,
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._faults: dict[str, EngineFault] = {}
        self._engines = tuple(engine for engine in engines if engine is not reference)
        self._reference = reference
        self._draw = draw
        for engine in self._engines:
            self._require_known_answers(engine)

    @property
    def name(self) -> str:
        """Who verifies now."""
        return self._at_work().name

    @property
    def faults(self) -> tuple[EngineFault, ...]:
        """Who is not used any more, and why."""
        return tuple(self._faults.values())

    def judge(self, items: Sequence[SignatureItem]) -> Judged:
        """One verdict an item. Blocks: an event loop goes through a thread."""
        engine = self._at_work()
        if engine is self._reference:
            return self._by_reference(items)
        try:
            verdicts = engine.verify(items)
        except EngineFailed as error:
            self._quarantine(engine.name, error.reason)
            return self.judge(items)
        assert len(verdicts) == len(items), "an engine returned another number of verdicts"
        if self._is_wrong(engine, items, verdicts):
            return self._by_reference(items)
        return Judged(verdicts, engine.name)

    def confirm(self, refusals: Sequence[Refusal]) -> Judged:
        """What OpenSSL says of what an engine refused, before it costs anybody anything."""
        judged = self._by_reference([refusal.item for refusal in refusals])
        for refusal, is_valid in zip(refusals, judged.verdicts, strict=True):
            if is_valid and not self.is_reference(refusal.engine):
                self._quarantine(refusal.engine, _REFUSED)
        return judged

    def is_reference(self, engine: str) -> bool:
        """Whether nobody is left to ask about its verdicts."""
        return engine == self._reference.name

    def pin(self, public_keys: Sequence[bytes]) -> None:
        """Whose signatures will come often, in place of those named before."""
        for engine in (*self._engines, self._reference):
            engine.pin(public_keys)

    def _at_work(self) -> Engine:
        trusted = (engine for engine in self._engines if engine.name not in self._faults)
        return next(trusted, self._reference)

    def _by_reference(self, items: Sequence[SignatureItem]) -> Judged:
        return Judged(self._reference.verify(items), self._reference.name)

    def _is_wrong(
        self, engine: Engine, items: Sequence[SignatureItem], verdicts: Sequence[bool]
    ) -> bool:
        """Ask OpenSSL, too, about one item in `AUDIT_ONE_IN`."""
        count, rest = divmod(len(items), AUDIT_ONE_IN)
        count += self._draw(AUDIT_ONE_IN) < rest
        for place in [self._draw(len(items)) for _ in range(count)]:
            (truth,) = self._reference.verify([items[place]])
            if verdicts[place] is not truth:
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
