"""How a node halts at a fork: it says so, names the guilty, and answers the others for a while."""

import logging
from typing import NoReturn

import trio

from aichain.errors import ConsensusHalted
from aichain.node.accuser import Accuser
from aichain.node.finalizer import Finalized
from aichain.node.fork_report import ForkReport, Guilty
from consensus.certificates import QuorumCertificate
from native.errors import AIChainError

log = logging.getLogger(__name__)

SERVED_AFTER_HALT_S = 12.0
"""Nothing is signed any more, but the other side may still ask for what halts it, too: a second
until our status has told it, and as long as `fork_watch` waits for all its answers."""


async def halt(
    reason: str,
    certificate: QuorumCertificate | None,
    finalizer: Finalized,
    report: ForkReport | None,
    accuser: Accuser | None,
) -> NoReturn:
    """Who is told to stop meanwhile has halted none the less, and says so."""
    try:
        if report is not None and certificate is not None:
            finalizer.contest(report.contested_height(certificate))
            await _accuse(accuser, await report.tell(certificate))
            await trio.sleep(SERVED_AFTER_HALT_S)
    except trio.Cancelled as stopped:
        raise ConsensusHalted(reason=reason) from stopped
    raise ConsensusHalted(reason=reason)


async def _accuse(accuser: Accuser | None, guilty: Guilty | None) -> None:
    """While peers still hear us, and for the time after a new start."""
    try:
        if accuser is not None and guilty is not None:
            await accuser.accuse_of_fork(guilty)
    except AIChainError as error:
        log.error("who signed for both sides is not accused: %s", error)
