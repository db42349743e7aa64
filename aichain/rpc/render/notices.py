"""What subscribers are pushed, as results."""

from collections.abc import Sequence

from aichain.rpc.backend import BlockView
from aichain.rpc.render.names import PHASES
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results.notices import AccountNotice, VoteNotice
from consensus.core.events import VoteAccepted
from consensus.votes import VotePhase
from genesis.units import format_address
from vm.queries import AccountView


def show_account_notice(
    view: BlockView, indices: Sequence[int], account: AccountView, *, state_height: int
) -> AccountNotice:
    return AccountNotice(
        address=format_address(account.address),
        height=view.block.header.height,
        block_hash=show_bytes(view.block.header.id),
        transactions=[show_bytes(view.block.transactions[index].id) for index in indices],
        balance=str(account.balance),
        nonce=account.nonce,
        state_height=state_height,
    )


def show_vote(event: VoteAccepted) -> VoteNotice:
    signed, vote = event.vote, event.vote.vote
    cancels = vote.phase is VotePhase.CANCEL
    return VoteNotice(
        instance_id=show_bytes(vote.instance_id),
        epoch=signed.epoch,
        phase=PHASES[vote.phase],
        view=vote.view,
        height=None if cancels else vote.height,
        block_hash=None if cancels else show_bytes(vote.block_id),
        voter=signed.voter_index,
        accepted_ms=event.now_ms,
    )
