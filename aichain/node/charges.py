"""Who proposes what no rule allows: said in the log, counted, and charged to the proposer."""

import logging

from aichain.node.context import NodeContext
from genesis.units import address_of_key, format_address
from native.errors import InvalidData
from p2p.errors import Penalty
from vm.blocks import Header

log = logging.getLogger(__name__)


def charge_proposer(
    context: NodeContext, header: Header, proposer: bytes | None, error: InvalidData
) -> None:
    """A block whose proposer signed for it will never get our vote; `proposer` is the public key.

    Only the connection that proved this key pays: others may have passed the block on. It is not
    banned at once, for a wrong clock or program is no attack.
    """
    report_refused(context, header, proposer, error)
    for peer in context.network.peers():
        if peer.validator_key == proposer:
            context.network.penalize(peer.peer_id, Penalty.MALFORMED, str(error))


def report_refused(
    context: NodeContext, header: Header, proposer: bytes | None, error: InvalidData
) -> None:
    """The same for the operator alone: where our own clock is wrong, nobody else is to blame."""
    context.metrics.block_refused(error.code)
    log.warning(
        "refused block %d, 0x%s, of %s: %s",
        header.height,
        header.id.hex(),
        format_address(address_of_key(proposer)) if proposer else "an unknown proposer",
        error,
    )
