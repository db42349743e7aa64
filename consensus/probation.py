"""When a validator whose vote log is new may sign: once nothing it may have forgotten can count."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from consensus.electorate import Electorate
from consensus.quorum import reaches_quorum
from genesis.limits import PROBATION_VIEWS


@dataclass(frozen=True, slots=True)
class Head:
    """Where a validator says it stands."""

    final_height: int
    epoch: int
    view: int


@dataclass(frozen=True, slots=True)
class Probation:
    """A validator whose log is new, on a network that may remember its signatures better.

    `heard` holds its own head at start, and the first word of each member. Any quorum of these will
    do, so whoever claims what is not true hushes nobody else up.
    """

    electorate: Electorate
    heard: Mapping[int, Head]

    def with_hello(self, index: int, head: Head) -> "Probation":
        """A member said where it stands."""
        if index in self.heard:
            return self
        return replace(self, heard={**self.heard, index: head})


def has_heard_quorum(probation: Probation) -> bool:
    """69 % of the weight, ours included, have said where they stand."""
    return _are_quorum(probation.electorate, probation.heard)


def has_just_begun(probation: Probation) -> bool:
    """69 % of the weight, ours included, know no final block but genesis."""
    return _are_quorum(
        probation.electorate,
        (index for index, head in probation.heard.items() if head.final_height == 0),
    )


def _are_quorum(electorate: Electorate, members: Iterable[int]) -> bool:
    weight = sum(electorate.weights[index] for index in members)
    return reaches_quorum(weight, electorate.total)


def _reached(heard: Mapping[int, Head], epoch: int, final_view: int) -> Mapping[int, Head]:
    place = epoch, final_view
    return {index: head for index, head in heard.items() if (head.epoch, head.view) <= place}


def may_start_signing(probation: Probation, *, epoch: int, final_view: int) -> bool:
    """A wiped disk may have signed anything that can still count, so wait until nothing can.

    `epoch` and `final_view` are where our own core stands now. A chain on which a quorum knows no
    final block but genesis has just begun, and so has our log. Otherwise somebody in the quorum
    saw every view we can have voted in, but the newest and view 1 of the next instance: hence the
    distance within an instance, and the first FINAL of one that began later.

    Heads that our core has not reached by certificates may be lies, and need not be waited for:
    those that it has reached must be a quorum. So a lie costs its author's weight, or 64 views.
    """
    if has_just_begun(probation):
        return True
    reached = _reached(probation.heard, epoch, final_view)
    if not _are_quorum(probation.electorate, reached):
        return False
    heads = reached.values()
    last_epoch = max(head.epoch for head in heads)
    last_view = max(head.view for head in heads if head.epoch == last_epoch)
    if epoch == last_epoch:
        return final_view > last_view + PROBATION_VIEWS
    return epoch > last_epoch and final_view > 0
