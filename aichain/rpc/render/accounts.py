"""Accounts, their proofs, and the supply as results."""

from aichain.rpc.render.names import ROLES
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results import accounts as results
from genesis.units import Address, format_address
from native.hashing import Hash32
from native.signatures import Algorithm
from vm.bodies import Role
from vm.queries import AccountView, RecordProof, SupplyView


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
