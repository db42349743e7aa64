"""Transactions and their receipts as results."""

from typing import Any, assert_never

from msgspec import UNSET, UnsetType

from aichain.rpc.backend import Placement, TransactionView
from aichain.rpc.render.names import LANES, PHASES, ROLES
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results import transactions as results
from genesis.units import format_address
from native.node_keys import peer_id_text
from vm.receipts import Event, EventKind, Form, Receipt
from vm.system_bodies import Claim, CloseClaim, Evidence, Participation, ProposalClaim, VoteClaim
from vm.transactions import (
    RegisterValidator,
    SignedTransaction,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
)

EVENTS: dict[EventKind, type[results.Event]] = {
    EventKind.TRANSFERRED: results.Transferred,
    EventKind.ACCOUNT_CREATED: results.AccountCreated,
    EventKind.VALIDATOR_REGISTERED: results.ValidatorRegistered,
    EventKind.STAKED: results.Staked,
    EventKind.UNSTAKED: results.Unstaked,
    EventKind.WITHDRAWN: results.Withdrawn,
    EventKind.UNJAILED: results.Unjailed,
    EventKind.ONION_RENEWED: results.OnionRenewed,
    EventKind.VALIDATOR_SLASHED: results.ValidatorSlashed,
    EventKind.VOTES_COUNTED: results.VotesCounted,
}


def show_transaction(
    signed: SignedTransaction,
    *,
    index: int | UnsetType = UNSET,
    receipt: results.Receipt | UnsetType = UNSET,
) -> results.Transaction:
    """What the sender signed; the witness is left out, `raw` has it."""
    transaction = signed.transaction
    fields: dict[str, Any] = {
        "hash": show_bytes(signed.id),
        "network_id": transaction.network_id,
        "sender": format_address(transaction.sender),
        "nonce": transaction.nonce,
        "fee_max": str(transaction.fee_max),
        "tip": str(transaction.tip),
        "valid_until": transaction.valid_until,
        "algorithm": signed.algorithm.name,
        "weight": signed.weight,
        "size_bytes": len(signed.raw),
        "index": index,
        "receipt": receipt,
    }
    body = transaction.body
    match body:
        case Transfer():
            return results.TransferTransaction(body=_transfer(body), **fields)
        case Stake():
            return results.StakeTransaction(body=_stake(body), **fields)
        case Unstake():
            return results.UnstakeTransaction(body=_stake(body), **fields)
        case Withdraw():
            return results.WithdrawTransaction(body=results.NoBody(), **fields)
        case RegisterValidator():
            return results.RegisterValidatorTransaction(body=_registration(body), **fields)
        case Unjail():
            return results.UnjailTransaction(body=results.NoBody(), **fields)
        case Evidence():
            return results.EvidenceTransaction(body=_evidence(body), **fields)
        case Participation():
            return results.ParticipationTransaction(body=_participation(body), **fields)
        case _:
            assert_never(body)


def show_transaction_status(
    view: TransactionView, *, raw: bool = True
) -> results.TransactionStatus:
    placement = view.placement
    return results.TransactionStatus(
        hash=show_bytes(view.signed.id),
        status=transaction_status(placement),
        block_status=None if placement is None else placement.status,
        height=None if placement is None else placement.height,
        block_hash=None if placement is None else show_bytes(placement.block_id),
        index=None if placement is None else placement.index,
        transaction=show_transaction(view.signed),
        receipt=None if placement is None else show_receipt(placement.receipt),
        raw=show_bytes(view.signed.raw) if raw else UNSET,
    )


def transaction_status(placement: Placement | None) -> results.Standing:
    """`failed` is final too: charged, and without any other effect."""
    if placement is None:
        return "pending"
    if not placement.final:
        return "included"
    return "final" if placement.receipt.ok else "failed"


def show_receipt(receipt: Receipt, *, events: bool = True) -> results.Receipt:
    return results.Receipt(
        ok=receipt.ok,
        error=receipt.error or None,
        fee_burned=str(receipt.fee_burned),
        tip=str(receipt.tip),
        events=[show_event(event) for event in receipt.events] if events else UNSET,
    )


def show_event(event: Event) -> results.Event:
    shown = {name: _attribute(form, value) for name, form, value in event.attributes}
    return EVENTS[event.kind](**shown)


def _attribute(form: Form, value: int | bytes) -> Any:  # noqa: ANN401 as the event's type has it
    match form:
        case Form.ADDRESS:
            assert isinstance(value, bytes)
            return format_address(value)
        case Form.AMOUNT:
            return str(value)
        case _:
            return show_bytes(value) if isinstance(value, bytes) else value


def _transfer(body: Transfer) -> results.TransferBody:
    return results.TransferBody(
        to=format_address(body.to), amount=str(body.amount), memo=show_bytes(body.memo)
    )


def _stake(body: Stake | Unstake) -> results.StakeBody:
    return results.StakeBody(
        role=ROLES[body.role], target=format_address(body.target), amount=str(body.amount)
    )


def _registration(body: RegisterValidator) -> results.RegisterValidatorBody:
    return results.RegisterValidatorBody(
        public_key=show_bytes(body.public_key),
        peer_id=peer_id_text(body.peer_id),
        commission_bps=body.commission_bps,
        onion_head=show_bytes(body.onion_head),
        onion_length=body.onion_length,
        stake=str(body.stake),
    )


def _evidence(body: Evidence) -> results.EvidenceBody:
    return results.EvidenceBody(
        offender=format_address(body.offender),
        instance_id=show_bytes(body.instance.id),
        epoch=body.instance.epoch,
        lane=LANES[body.instance.lane],
        view=body.view,
        claims=[_claim(claim) for claim in body.claims],
    )


def _claim(claim: Claim) -> results.VoteClaim | results.ProposalClaim | results.CloseClaim:
    match claim:
        case VoteClaim(phase, height, block_id):
            return results.VoteClaim(PHASES[phase], height, show_bytes(block_id))
        case ProposalClaim(justify_view, height, block_id):
            return results.ProposalClaim(justify_view, height, show_bytes(block_id))
        case CloseClaim(tip_view, tip_id):
            return results.CloseClaim(tip_view, show_bytes(tip_id))
        case _:
            assert_never(claim)


def _participation(body: Participation) -> results.ParticipationBody:
    checkpoint = body.checkpoint
    return results.ParticipationBody(
        epoch=body.epoch,
        view=body.view,
        voters=show_bytes(body.voters),
        checkpoint_hash=None if checkpoint is None else show_bytes(checkpoint.id),
    )
