"""What an operator must hear of the lanes: closed terms, lies, fast blocks taken back."""

import logging

from aichain.metrics import Metrics
from aichain.node.lanes.engine import LaneEngine
from consensus.lanes.accusations import Accusation, BrokenClose
from consensus.lanes.effects import BeginInstance, RollBack
from consensus.lanes.records import TermClosed
from consensus.lanes.state import Lanes
from consensus.votes import Lane

log = logging.getLogger(__name__)


class Alarms:
    """Log and metrics; nothing here changes what the lanes do."""

    def __init__(self, engine: LaneEngine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self._closed: TermClosed | None = None

    def began(self, effect: BeginInstance) -> None:
        """A term or a ballot begins."""
        lane = "term" if effect.lane is Lane.FAST else "ballot"
        start = effect.instance.start.height
        log.debug("%s %d begins at height %d", lane, effect.number, start)

    def closed(self, state: Lanes, record: TermClosed) -> None:
        """A committee is given up: the hard lane decides where the next one starts."""
        if record == self._closed:
            return
        self._closed = record
        self._metrics.term_closed()
        term = state.term(record.term)
        cause = "" if term is None or term.closed is None else term.closed.cause.value
        log.warning("term %d is closed at view %d: %s", record.term, record.tip_view, cause)

    def rolled_back(self, effect: RollBack) -> None:
        """Fast blocks are gone: whoever was told of them must hear it."""
        self._metrics.fast_rolled_back(len(effect.lost))
        log.error(
            "ALARM: checkpoint %d ends at height %d, and %d blocks that were fast are undone",
            effect.number,
            effect.to.height,
            len(effect.lost),
        )
        for block in effect.lost:
            log.error("undone: block %d, 0x%s", block.height, block.id.hex())

    def accused(self, accusation: Accusation) -> None:
        """Somebody signed two things that exclude each other."""
        self._metrics.equivocation_seen()
        name = self._engine.evidence.accuse(accusation)
        kind = "a CLOSE below its own COMMIT" if _is_close(accusation) else "a double signature"
        log.error(
            "voter %d of term %d in epoch %d gave %s: evidence 0x%s",
            accusation.offender,
            accusation.term,
            accusation.epoch,
            kind,
            name.hex(),
        )


def _is_close(accusation: Accusation) -> bool:
    return isinstance(accusation.evidence, BrokenClose)
