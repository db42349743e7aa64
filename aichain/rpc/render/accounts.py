"""Accounts, their proofs, and the supply as results."""

from aichain.rpc.backend import AccountHistoryView
from aichain.rpc.render.names import ROLES
from aichain.rpc.render.texts import show_address, show_bytes
from aichain.rpc.results import accounts as results
from aichain.store.history_index import Entry
from aichain.store.location import Location
from genesis.units import Address, format_address
from native.hashing import Hash32
from native.signatures import Algorithm
from vm.bodies import Role
from vm.queries import AccountView, RecordProof, RewardsView, SupplyView


def show_account(view: AccountView, *, pending_nonce: int, height: int) -> results.Account:
    return results.Account(
        address=format_address(view.address),
        exists=view.exists,
        balance=str(view.balance),
        nonce=view.nonce,
        staked=str(view.staked),
        unbonding=[
            results.Unbonding(
                amount=str(entry.amount),
                matures_at=entry.matures_at,
                role=ROLES[Role(entry.role)],
                target=format_address(entry.target),
            )
            for entry in view.unbonding
        ],
        algorithm=Algorithm(view.algorithm).name if view.algorithm else None,
        is_validator=view.is_validator,
        pending_nonce=pending_nonce,
        height=height,
    )


def show_proof(address: Address, proof: RecordProof, block_id: Hash32) -> results.AccountProof:
    return results.AccountProof(
        address=format_address(address),
        height=proof.height,
        state_root=show_bytes(proof.state_root),
        block_hash=show_bytes(block_id),
        key=show_bytes(proof.key),
        value=None if proof.value is None else show_bytes(proof.value),
        proof=show_bytes(proof.proof.encode()),
    )


def show_history(
    address: Address, view: AccountHistoryView, *, limit: int
) -> results.AccountHistory:
    """A full page has a cursor, though the next one may be empty."""
    entries = view.entries
    return results.AccountHistory(
        address=format_address(address),
        transactions=[_show_entry(each) for each in entries],
        next=show_cursor(entries[-1].location) if len(entries) == limit else None,
        first_height=view.first,
        indexed_height=view.height,
    )


def show_cursor(location: Location) -> str:
    return f"{location.height}.{location.index}"


def _show_entry(entry: Entry) -> results.HistoryEntry:
    return results.HistoryEntry(
        height=entry.location.height,
        index=entry.location.index,
        hash=show_bytes(entry.tx_id),
        kind=entry.kind.name.lower(),
        sender=format_address(entry.sender),
        to=show_address(entry.to),
        amount=str(entry.amount),
        ok=not entry.error,
        error=entry.error or None,
        fee_burned=str(entry.fee_burned),
        tip=str(entry.tip),
        timestamp_ms=entry.timestamp_ms,
    )


def show_rewards(address: Address, view: RewardsView) -> results.Rewards:
    return results.Rewards(
        address=format_address(address),
        height=view.height,
        pending=str(view.pending),
        vote_counted=view.vote_counted,
        paid_at=view.paid_at,
        accruing=str(view.accruing),
        next_proposal=str(view.next_proposal),
    )


def show_supply(view: SupplyView) -> results.Supply:
    return results.Supply(
        height=view.height,
        genesis=str(view.genesis),
        minted=str(view.minted),
        burned=str(view.burned),
        total=str(view.total),
        balances=str(view.balances),
        staked=str(view.staked),
        unbonding=str(view.unbonding),
        treasury=str(view.treasury),
        ai_pool=str(view.ai_pool),
        voter_pool=str(view.voter_pool),
        cap=str(view.cap),
        next_reward=str(view.next_reward),
        base_fee=str(view.base_fee),
    )
