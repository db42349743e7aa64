"""Who proposes what no rule allows: said in the log, counted, and charged to the proposer."""

import logging
from typing import Final

from aichain.node.context import NodeContext
from consensus.errors import InvalidProposal, StampInFuture
from genesis.checkpoints import Checkpoint
from genesis.units import address_of_key, format_address
from genesis.upgrades import LATEST
from native.errors import InvalidData
from p2p.errors import Penalty
from vm.blocks import Header
from vm.errors import WrongBlockVersion

log = logging.getLogger(__name__)

MISSET_CLOCK_MS: Final = 86_400_000
"""As far as a machine's clock is set wrong by mistake: a daylight hour, a time zone."""


def charge_refused(
    context: NodeContext,
    proposed: Header | Checkpoint,
    proposer: bytes,
    refusal: InvalidProposal | None,
    *,
    clock_trouble: str,
) -> None:
    """What a signed proposal is refused for before anything is executed, if for anything.

    A stamp of the future may be the fault of either clock. Ours costs the proposer nothing; its
    own costs it the turn, and no points: the votes of who has a wrong clock are good, and a ban
    would outlast the mistake.
    """
    if isinstance(refusal, StampInFuture) and (
        clock_trouble or refusal.given_ms - refusal.now_ms <= MISSET_CLOCK_MS
    ):
        report_refused(context, proposed, proposer, refusal)
    elif refusal is not None:
        charge_proposer(context, proposed, proposer, refusal)


def charge_proposer(
    context: NodeContext,
    proposed: Header | Checkpoint,
    proposer: bytes | None,
    error: InvalidData,
) -> None:
    """A block whose proposer signed for it will never get our vote; `proposer` is the public key.

    Only the connection that proved this key pays: others may have passed the block on. It is not
    banned at once, for a wrong program is no attack; and who upgrades at another height loses its
    turns alone, or bans would outlast the mistake.
    """
    report_refused(context, proposed, proposer, error)
    if isinstance(error, WrongBlockVersion) and error.given <= LATEST:
        return
    for peer in context.network.peers():
        if peer.validator_key == proposer:
            context.network.penalize(peer.peer_id, Penalty.MALFORMED, str(error))


def report_refused(
    context: NodeContext,
    proposed: Header | Checkpoint,
    proposer: bytes | None,
    error: InvalidData,
) -> None:
    """The same for the operator alone."""
    context.metrics.block_refused(error.code)
    log.warning(
        "refused %s %d, 0x%s, of %s: %s",
        *_place_of(proposed),
        proposed.id.hex(),
        format_address(address_of_key(proposer)) if proposer else "an unknown proposer",
        error,
    )


def _place_of(proposed: Header | Checkpoint) -> tuple[str, int]:
    if isinstance(proposed, Checkpoint):
        return "checkpoint", proposed.number
    return "block", proposed.height
