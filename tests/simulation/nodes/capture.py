"""A committee that is bought: it makes a block final that one node alone is shown.

Everybody could forge a stand-in for a signature; here that is done in the name of seats which, in
life, would have sold their keys. Nobody but the victim ever sees what they sign.
"""

from typing import Final

import trio

from aichain.node.lanes.assemble import LaneNode
from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from consensus.lanes.state import Term
from consensus.votes import VOTE_CONTEXT, Vote, VotePhase, cancel_vote
from genesis.networks import founder_key
from genesis.units import Address, address_of_key
from native.hashing import Hash32
from native.signatures import SigningKey

_LOOK_S: Final = 0.02
_PATIENCE_S: Final = 8.0
_SELLER: Final = "a seat that sells its word"


async def show_false_final(node: LaneNode, founders: int) -> Hash32 | None:
    """Lead a node that hears nobody else to a turn of its own, and call its block final.

    The term whose seats were bought; none, if the turn does not come in time.
    """
    keys = {address_of_key(key.public_key): key for key in _founders(founders)}
    with trio.move_on_after(_PATIENCE_S):
        while True:
            await trio.sleep(_LOOK_S)
            term = next((each for each in node.engine.state.terms if _can_propose(each)), None)
            if term is None:
                continue
            if term.instance.proposer(term.core.view) != term.core.me:
                await _give(node, term, cancel_vote(term.instance.id, term.core.view), keys)
                continue
            block = _own_block(node, term)
            if block is None:
                continue
            for phase in (VotePhase.PREFER, VotePhase.COMMIT):
                vote = Vote(term.instance.id, phase, block.view, block.height, block.id)
                await _give(node, term, vote, keys)
            return term.instance.id
    return None


def _founders(count: int) -> list[SigningKey]:
    return [founder_key("testnet", index) for index in range(count)]


def _can_propose(term: Term) -> bool:
    """Not the last block of a term: the next term of this node would be another one's, too."""
    known = term.core
    tip = known.blocks.get(term.tip.block_id)
    return (
        term.is_open
        and known.me is not None
        and tip is not None
        and tip.height + 1 < term.instance.last_height
    )


def _own_block(node: LaneNode, term: Term) -> BlockRef | None:
    """What it proposed in this view, once it has executed it."""
    for signed in term.core.at(term.core.view).proposals:
        block = signed.proposal.block
        if signed.proposal.proposer_index == term.core.me and block.id in node.engine.state.tree:
            return block
    return None


async def _give(node: LaneNode, term: Term, vote: Vote, keys: dict[Address, SigningKey]) -> None:
    """A certificate by all seats but the victim's own."""
    instance, members = term.instance, term.instance.electorate.members
    seats = [seat for seat in range(len(members)) if seat != term.core.me]
    bitmap = bytearray((len(members) + 7) // 8)
    for seat in seats:
        bitmap[seat // 8] |= 1 << seat % 8
    certificate = QuorumCertificate(
        instance.id,
        instance.epoch,
        vote.phase,
        vote.view,
        vote.height,
        vote.block_id,
        bytes(bitmap),
        tuple(keys[members[seat]].sign(vote.signing_bytes, VOTE_CONTEXT) for seat in seats),
    )
    await node.services.certificates.take(_SELLER, certificate)
