"""After a fork of the hard lane: who has to have halted, and who is proved to be guilty."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from consensus.core.effects import Finalize, PersistCertificate
from consensus.instance import Instance
from consensus.lanes import effects as asked
from consensus.lanes.checkpoints import checkpoint_ref
from native.hashing import Hash32
from tests.simulation.inquest import Inquest
from tests.simulation.lanes.scenario import Scenario

NOTICED_WITHIN_MS = 10_000


@dataclass
class Aftermath:
    """Outlives all nodes: what they held together, and when each of them halted."""

    scenario: Scenario
    inquest: Inquest = field(default_factory=Inquest)
    is_forked: bool = False
    halted_at: dict[int, int] = field(default_factory=dict)

    def take(self, effects: Iterable[asked.LaneEffect]) -> None:
        """What an honest member keeps."""
        for effect in effects:
            match effect:
                case asked.InInstance(_, PersistCertificate() as kept):
                    self.inquest.take([kept])
                case asked.FinalizeHard(checkpoint, certificate, _):
                    self.inquest.take([Finalize(certificate, (checkpoint_ref(checkpoint),))])

    def faults(self, instances: dict[Hash32, Instance], heal_ms: int) -> list[str]:
        """What does not hold at the end of a run."""
        if not self.is_forked:
            return (
                [f"{sorted(self.halted_at)} have halted without a fork"] if self.halted_at else []
            )
        deadline = heal_ms + NOTICED_WITHIN_MS
        late = [
            member
            for member in self.scenario.live
            if self.halted_at.get(member, deadline + 1) > deadline
        ]
        number_of, byzantine = self.scenario.number_of, self.scenario.byzantine
        found = [f"{late} have not halted"] if late else []
        if not any(True for _ in self.inquest.forks()):
            found.append("no ballot has two FINALs")
        return found + self.inquest.faults(instances, lambda who: number_of[who] in byzantine)
