"""Tells a validator whose clock is wrong: what peers propose shows it, and nothing else does."""

import logging
from collections import deque

from aichain.clock_offset import Sighting, allowed_offset_ms, least_offset_ms
from aichain.node.electorates import Electorates
from consensus.proposals import Proposal
from genesis.limits import CLOCK_SIGHTINGS_MAX
from genesis.params import ConsensusParams

log = logging.getLogger(__name__)


class ClockWatch:
    """Compares the last proposals' timestamps with our clock; warns once, and again once over."""

    def __init__(self, params: ConsensusParams, electorates: Electorates) -> None:
        self._params = params
        self._electorates = electorates
        self._sightings: deque[Sighting] = deque(maxlen=CLOCK_SIGHTINGS_MAX)
        self.offset_ms: int | None = None
        """As `least_offset_ms` says it: positive when we are ahead."""

    @property
    def trouble(self) -> str:
        """What is wrong and what to do, while the clock is further off than consensus allows.

        Short, for it is shown in a table.
        """
        if self.offset_ms is None or abs(self.offset_ms) <= allowed_offset_ms(self._params):
            return ""
        way = "ahead of" if self.offset_ms > 0 else "behind"
        return (
            f"this clock is {abs(self.offset_ms)} ms or more {way} the others; fix: set it, and "
            "keep it right with NTP"
        )

    def saw(self, proposal: Proposal, view: int, now_ms: int) -> None:
        """What the proposer of its view signed has come, while we are in `view`.

        Repetitions carry old stamps (R10), and of views to come one proposer could sign so many
        that nobody else would be heard. Who proposed is known by the signature: the header may
        name anybody.
        """
        if proposal.is_repeat or proposal.view > view + 1:
            return
        electorate = self._electorates.electorate(proposal.block.epoch)
        proposer = electorate.members[proposal.proposer_index]
        self._sightings.append(Sighting(proposer, now_ms - proposal.block.timestamp_ms))
        weights = dict(zip(electorate.members, electorate.weights, strict=True))
        before = self.trouble
        self.offset_ms = least_offset_ms(self._sightings, weights, self._params)
        if self.trouble and not before:
            log.warning("votes and blocks of this node come at the wrong time: %s", self.trouble)
        elif before and not self.trouble:
            log.info("the clock of this node agrees with the others again")
