"""Domain values as the JSON of `aichain_*`: amounts are decimal strings, bytes are 0x hex."""

from collections.abc import Sequence
from typing import assert_never

from aichain.rpc.backend import BlockView, CommitView, Placement, TransactionView
from genesis.checkpoints import Checkpoint
from genesis.units import Address, format_address
from genesis.validators import Validator, ValidatorSet
from native.node_keys import peer_id_text
from native.signatures import Algorithm
from p2p.network import PeerView
from vm.blocks import Header
from vm.queries import AccountView, RecordProof, SupplyView, ValidatorView
from vm.receipts import Event, Form, Receipt
from vm.system_bodies import Claim, CloseClaim, Evidence, Participation, ProposalClaim, VoteClaim
from vm.transactions import (
    Body,
    RegisterValidator,
    Role,
    SignedTransaction,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
)

Json = dict[str, object]


def show_bytes(value: bytes) -> str:
    return "0x" + value.hex()


def show_header(header: Header) -> Json:
    """Every field that the block's hash covers, and that hash."""
    return {
        "hash": show_bytes(header.id),
        "height": header.height,
        "version": header.version,
        "genesisHash": show_bytes(header.genesis_hash),
        "epoch": header.epoch,
        "view": header.view,
        "parentHash": show_bytes(header.parent_id),
        "parentView": header.parent_view,
        "proposerIndex": header.proposer_index,
        "timestampMs": header.timestamp_ms,
        "txRoot": show_bytes(header.tx_root),
        "witnessRoot": show_bytes(header.witness_root),
        "parentStateRoot": show_bytes(header.parent_state_root),
        "parentReceiptsRoot": show_bytes(header.parent_receipts_root),
        "parentOutboxRoot": show_bytes(header.parent_outbox_root),
        "headerMmrRoot": show_bytes(header.header_mmr_root),
        "vsetHash": show_bytes(header.vset_hash),
        "nextVsetHash": show_bytes(header.next_vset_hash),
        "onionReveal": show_bytes(header.onion_reveal),
        "beaconMix": show_bytes(header.beacon_mix),
        "lastHardHeight": header.last_hard_height,
        "lastHardHash": show_bytes(header.last_hard_id),
    }


def show_block(view: BlockView, validators: ValidatorSet | None) -> Json:
    """Header, transactions, and what became of each."""
    transactions = [
        show_transaction(signed) | {"index": index, "receipt": show_receipt(receipt, events=False)}
        for index, (signed, receipt) in enumerate(
            zip(view.block.transactions, view.receipts, strict=True)
        )
    ]
    return show_block_head(view, validators) | {"transactions": transactions}


def show_block_head(view: BlockView, validators: ValidatorSet | None) -> Json:
    """A block without its transactions: what subscribers are sent."""
    proposer = proposer_of(view.block.header, validators)
    return show_header(view.block.header) | {
        "proposer": None if proposer is None else format_address(proposer),
        "stateRoot": show_bytes(view.state_root),
        "final": view.final,
        "status": view.status.value,
        "finalizedAtMs": view.finalized_at_ms,
        "transactionCount": len(view.block.transactions),
    }


def proposer_of(header: Header, validators: ValidatorSet | None) -> Address | None:
    """Nobody proposed block 0, and the sets of old epochs may not be kept."""
    if header.height == 0 or validators is None or header.proposer_index >= len(validators):
        return None
    return validators[header.proposer_index].address


def show_transaction(signed: SignedTransaction) -> Json:
    """What the sender signed; the witness is left out, `raw` has it."""
    transaction = signed.transaction
    return {
        "hash": show_bytes(signed.id),
        "kind": transaction.kind.name.lower(),
        "networkId": transaction.network_id,
        "sender": format_address(transaction.sender),
        "nonce": transaction.nonce,
        "feeMax": str(transaction.fee_max),
        "tip": str(transaction.tip),
        "validUntil": transaction.valid_until,
        "body": _show_body(transaction.body),
        "algorithm": signed.algorithm.name,
        "weight": signed.weight,
        "sizeBytes": len(signed.raw),
    }


def _show_body(body: Body) -> Json:
    match body:
        case Transfer(to, amount, memo):
            return {"to": format_address(to), "amount": str(amount), "memo": show_bytes(memo)}
        case Stake(role, target, amount) | Unstake(role, target, amount):
            return {
                "role": role.name.lower(),
                "target": format_address(target),
                "amount": str(amount),
            }
        case RegisterValidator():
            return {
                "publicKey": show_bytes(body.public_key),
                "peerId": peer_id_text(body.peer_id),
                "commissionBps": body.commission_bps,
                "onionHead": show_bytes(body.onion_head),
                "onionLength": body.onion_length,
                "stake": str(body.stake),
            }
        case Withdraw() | Unjail():
            return {}
        case Evidence(instance, view, offender, claims):
            return {
                "offender": format_address(offender),
                "instanceId": show_bytes(instance.id),
                "epoch": instance.epoch,
                "lane": instance.lane.name.lower(),
                "view": view,
                "claims": [_show_claim(claim) for claim in claims],
            }
        case Participation(checkpoint=checkpoint):
            return {
                "epoch": body.epoch,
                "view": body.view,
                "voters": show_bytes(body.voters),
                "checkpointHash": checkpoint and show_bytes(checkpoint.id),
            }
        case _:
            assert_never(body)


def _show_claim(claim: Claim) -> Json:
    match claim:
        case VoteClaim(phase, height, block_id):
            kind: Json = {"phase": phase.name.lower()}
        case ProposalClaim(justify_view, height, block_id):
            kind = {"justifyView": justify_view}
        case CloseClaim(tip_view, tip_id):
            return {"tipView": tip_view, "tipHash": show_bytes(tip_id)}
        case _:
            assert_never(claim)
    return kind | {"height": height, "blockHash": show_bytes(block_id)}


def show_transaction_view(view: TransactionView) -> Json:
    placement = view.placement
    shown: Json = {
        "hash": show_bytes(view.signed.id),
        "status": transaction_status(placement),
        "blockStatus": None if placement is None else placement.status.value,
        "height": None,
        "blockHash": None,
        "index": None,
        "transaction": show_transaction(view.signed),
        "receipt": None,
        "raw": show_bytes(view.signed.raw),
    }
    if placement is not None:
        shown |= {
            "height": placement.height,
            "blockHash": show_bytes(placement.block_id),
            "index": placement.index,
            "receipt": show_receipt(placement.receipt),
        }
    return shown


def transaction_status(placement: Placement | None) -> str:
    """`failed` is final too: charged, and without any other effect."""
    if placement is None:
        return "pending"
    if not placement.final:
        return "included"
    return "final" if placement.receipt.ok else "failed"


def show_receipt(receipt: Receipt, *, events: bool = True) -> Json:
    shown: Json = {
        "ok": receipt.ok,
        "error": receipt.error or None,
        "feeBurned": str(receipt.fee_burned),
        "tip": str(receipt.tip),
    }
    return shown | {"events": [_show_event(event) for event in receipt.events]} if events else shown


def _show_event(event: Event) -> Json:
    attributes = {
        _camel(name): _show_attribute(form, value) for name, form, value in event.attributes
    }
    return {"kind": event.kind.name.lower(), **attributes}


def _show_attribute(form: Form, value: int | bytes) -> object:
    match form:
        case Form.ADDRESS:
            assert isinstance(value, bytes)
            return format_address(value)
        case Form.AMOUNT:
            return str(value)
        case _:
            return show_bytes(value) if isinstance(value, bytes) else value


def show_account(view: AccountView) -> Json:
    """An unused address has zeros and `exists` false."""
    return {
        "address": format_address(view.address),
        "exists": view.exists,
        "balance": str(view.balance),
        "nonce": view.nonce,
        "staked": str(view.staked),
        "unbonding": [
            {
                "amount": str(entry.amount),
                "maturesAt": entry.matures_at,
                "role": Role(entry.role).name.lower(),
                "target": format_address(entry.target),
            }
            for entry in view.unbonding
        ],
        "algorithm": Algorithm(view.algorithm).name if view.algorithm else None,
        "isValidator": view.is_validator,
    }


def show_proof(address: Address, proof: RecordProof) -> Json:
    return {
        "address": format_address(address),
        "height": proof.height,
        "stateRoot": show_bytes(proof.state_root),
        "key": show_bytes(proof.key),
        "value": None if proof.value is None else show_bytes(proof.value),
        "proof": show_bytes(proof.proof.encode()),
    }


def show_supply(view: SupplyView) -> Json:
    return {
        "height": view.height,
        "genesis": str(view.genesis),
        "minted": str(view.minted),
        "burned": str(view.burned),
        "total": str(view.total),
        "balances": str(view.balances),
        "staked": str(view.staked),
        "unbonding": str(view.unbonding),
        "treasury": str(view.treasury),
        "aiPool": str(view.ai_pool),
        "voterPool": str(view.voter_pool),
        "cap": str(view.cap),
        "nextReward": str(view.next_reward),
        "baseFee": str(view.base_fee),
    }


def show_registered(view: ValidatorView) -> Json:
    """A registered validator, voting or not."""
    return {
        "address": format_address(view.address),
        "registration": view.index,
        "setIndex": view.set_index,
        "stake": str(view.stake),
        "votingStake": str(view.voting_stake),
        "commissionBps": view.commission_bps,
        "jailedUntil": view.jailed_until,
        "tombstoned": view.is_tombstoned,
        "onionHead": show_bytes(view.onion_head),
        "onionLength": view.onion_length,
        "onionRenewals": view.onion_renewals,
        "peerId": peer_id_text(view.peer_id),
    }


def show_validators(height: int, validators: ValidatorSet) -> Json:
    return {
        "height": height,
        "vsetHash": show_bytes(validators.hash),
        "totalStake": str(validators.total_stake),
        "validators": [show_validator(index, each) for index, each in enumerate(validators)],
    }


def show_validator(index: int, validator: Validator) -> Json:
    return {
        "index": index,
        "address": format_address(validator.address),
        "stake": str(validator.stake),
        "peerId": peer_id_text(validator.peer_id),
        "publicKey": show_bytes(validator.public_key),
    }


def show_commit(height: int, view: CommitView) -> Json:
    """Enough to verify finality with nothing but the validators' public keys.

    `signedMessage` is what each signature covers under the context of votes; the headers' raw
    bytes hash to their `hash`, and each is the `parentHash` of the one before it.
    """
    certificate = view.certificate
    indices = certificate.voter_indices
    return {
        "height": height,
        "blockHash": show_bytes(view.headers[-1].id),
        "certificate": {
            "instanceId": show_bytes(certificate.instance_id),
            "epoch": certificate.epoch,
            "phase": certificate.phase.name.lower(),
            "view": certificate.view,
            "height": certificate.height,
            "blockHash": show_bytes(certificate.block_id),
            "voters": show_bytes(certificate.voters),
            "signedMessage": show_bytes(certificate.vote.signing_bytes),
            "weight": str(sum(view.validators[index].stake for index in indices)),
            "totalStake": str(view.validators.total_stake),
            "signers": [
                {
                    "index": index,
                    "address": format_address(view.validators[index].address),
                    "stake": str(view.validators[index].stake),
                    "signature": show_bytes(signature),
                }
                for index, signature in zip(indices, certificate.signatures, strict=True)
            ],
        },
        "checkpoint": None if view.checkpoint is None else show_checkpoint(view.checkpoint),
        "headers": [
            show_header(header) | {"raw": show_bytes(header.raw)} for header in view.headers
        ],
    }


def show_checkpoint(checkpoint: Checkpoint) -> Json:
    """What the hard lane votes for: a term ends at its block, and the next one starts there."""
    return {
        "number": checkpoint.number,
        "hash": show_bytes(checkpoint.id),
        "parentHash": show_bytes(checkpoint.parent_id),
        "height": checkpoint.block_height,
        "blockHash": show_bytes(checkpoint.block_id),
        "restart": checkpoint.is_restart,
        "nextVsetHash": show_bytes(checkpoint.next_vset_hash),
        "epoch": checkpoint.epoch,
        "view": checkpoint.view,
        "proposerIndex": checkpoint.proposer_index,
        "timestampMs": checkpoint.timestamp_ms,
    }


def show_peers(peers: Sequence[PeerView]) -> list[Json]:
    return [
        {
            "peerId": peer.peer_id,
            "address": peer.address,
            "direction": peer.direction.value,
            "agent": peer.agent,
            "validatorKey": show_bytes(peer.validator_key) if peer.validator_key else None,
            "finalHeight": peer.final_height,
            "finalHash": show_bytes(peer.final_id),
            "epoch": peer.epoch,
            "view": peer.view,
            "rttMs": peer.rtt_ms,
            "score": peer.score,
        }
        for peer in peers
    ]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
