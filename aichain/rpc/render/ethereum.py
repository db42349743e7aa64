"""Blocks as the results of `eth_*`: what Ethereum clients insist on, without claiming what is not.

`alloy` refuses a block that lacks one of these fields, web3.py one whose extraData is longer than
32 bytes, `ethers` a transaction without r and s. Fields without a meaning here have the constants
of an empty Ethereum block.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from msgspec import UNSET
from msgspec.structs import asdict

from aichain.rpc.ai_mining import CONTRACT
from aichain.rpc.backend import BlockView, NodeStatus, Placement, TransactionView
from aichain.rpc.logs import Log, bloom_of, logs_of
from aichain.rpc.render.texts import proposer_of, show_bytes
from aichain.rpc.results import ethereum as results
from genesis.document import GenesisDocument
from genesis.units import ZERO_ADDRESS, format_address
from genesis.validators import ValidatorSet
from native.hashing import keccak256
from vm.fees import value_of
from vm.receipts import EventKind, Receipt, receipts_root
from vm.transactions import SignedTransaction, Transfer

TRANSACTION_TYPE = "0x6d"
"""Our own EIP-2718 type byte: no client claims to know its fields."""

EXTRA_DATA = b"AI-Chain"
_EMPTY_LIST_HASH = show_bytes(keccak256(b"\xc0"))  # keccak256(rlp([])): no uncles
_NO_NONCE = "0x" + "00" * 8


@dataclass(frozen=True, slots=True)
class ShownLog:
    """What filters look at, and what callers are given."""

    log: Log
    shown: results.EthLog


def quantity(value: int) -> str:
    """EIP-1474 QUANTITY."""
    return hex(value)


def show_eth_block(
    view: BlockView,
    validators: ValidatorSet | None,
    document: GenesisDocument,
    base_fee: int | None,
    *,
    full: bool,
) -> results.EthBlock:
    """`full` lists transactions instead of their hashes."""
    header = view.block.header
    transactions = view.block.transactions
    placed = enumerate(zip(transactions, view.receipts, strict=True))
    return results.EthBlock(
        **asdict(show_eth_head(view, validators, document, base_fee)),
        transactions=[
            show_eth_transaction(
                TransactionView(
                    signed, Placement(header.height, header.id, index, receipt, view.status)
                )
            )
            if full
            else show_bytes(signed.id)
            for index, (signed, receipt) in placed
        ],
        uncles=[],
        size=quantity(len(header.raw) + sum(len(signed.raw) for signed in transactions)),
    )


def show_eth_head(
    view: BlockView,
    validators: ValidatorSet | None,
    document: GenesisDocument,
    base_fee: int | None,
) -> results.EthHead:
    """Gas is weight: bytes and 1,000 a signature. A price that is not known is left out."""
    header = view.block.header
    proposer = proposer_of(header, validators)
    return results.EthHead(
        number=quantity(header.height),
        hash=show_bytes(header.id),
        parent_hash=show_bytes(header.parent_id),
        timestamp=quantity(header.timestamp_ms // 1000),
        miner=format_address(ZERO_ADDRESS if proposer is None else proposer),
        state_root=show_bytes(view.state_root),
        transactions_root=show_bytes(header.tx_root),
        receipts_root=show_bytes(receipts_root(view.receipts)),
        gas_used=quantity(weight_of(view)),
        gas_limit=quantity(document.fees.max_block_weight),
        base_fee_per_gas=UNSET if base_fee is None else quantity(base_fee),
        extra_data=show_bytes(EXTRA_DATA),
        mix_hash=show_bytes(header.beacon_mix),
        difficulty=quantity(0),
        total_difficulty=quantity(0),
        nonce=_NO_NONCE,
        sha3_uncles=_EMPTY_LIST_HASH,
        logs_bloom=show_bytes(bloom_of(logs_in(view, validators, document))),
    )


def show_syncing(status: NodeStatus) -> results.Syncing:
    """How far the node is."""
    return results.Syncing(
        starting_block=quantity(0),
        current_block=quantity(status.height),
        highest_block=quantity(max(status.height, status.target_height)),
    )


def weight_of(view: BlockView) -> int:
    """Of all transactions of a block."""
    return sum(signed.weight for signed in view.block.transactions)


def show_eth_transaction(view: TransactionView) -> results.EthTransaction:
    """`gas` times `gasPrice` is exactly the fee of the weight; what else it cost stands apart.

    While it is not final its price is what it allows at most, and it has no place.
    """
    signed = view.signed
    transaction, body = signed.transaction, signed.transaction.body
    placement = view.placement if view.placement is not None and view.placement.final else None
    if placement is None:
        price, creation, tip = transaction.fee_max // signed.weight, 0, transaction.tip
    else:
        receipt = placement.receipt
        price, tip = paid_price(signed, receipt), receipt.tip
        creation = creation_fee(receipt)
    return results.EthTransaction(
        type=TRANSACTION_TYPE,
        hash=show_bytes(signed.id),
        sender=format_address(transaction.sender),
        to=recipient_of(signed),
        value=quantity(value_of(transaction)),
        input=show_bytes(body.memo if isinstance(body, Transfer) else b""),
        nonce=quantity(transaction.nonce),
        gas=quantity(signed.weight),
        gas_price=quantity(price),
        account_creation_fee=quantity(creation),
        tip=quantity(tip),
        chain_id=quantity(transaction.network_id),
        block_hash=None if placement is None else show_bytes(placement.block_id),
        block_number=None if placement is None else quantity(placement.height),
        transaction_index=None if placement is None else quantity(placement.index),
        pq_scheme=signed.algorithm.name,
        v=quantity(0),
        r=quantity(0),
        s=quantity(0),
    )


def show_eth_receipts(
    view: BlockView, logs: Sequence[ShownLog], indices: Iterable[int]
) -> list[results.EthReceipt]:
    """Of these transactions of a block; `logs` are all of the block."""
    of_transaction: dict[int, list[ShownLog]] = {}
    for each in logs:
        of_transaction.setdefault(each.log.transaction_index, []).append(each)
    used = list(accumulate(signed.weight for signed in view.block.transactions))
    return [
        _show_eth_receipt(view, index, used[index], of_transaction.get(index, []))
        for index in indices
    ]


def _show_eth_receipt(
    view: BlockView, index: int, used: int, logs: list[ShownLog]
) -> results.EthReceipt:
    header, signed = view.block.header, view.block.transactions[index]
    receipt = view.receipts[index]
    return results.EthReceipt(
        type=TRANSACTION_TYPE,
        status=quantity(int(receipt.ok)),
        error=receipt.error or None,
        transaction_hash=show_bytes(signed.id),
        transaction_index=quantity(index),
        block_hash=show_bytes(header.id),
        block_number=quantity(header.height),
        sender=format_address(signed.transaction.sender),
        to=recipient_of(signed),
        contract_address=None,
        cumulative_gas_used=quantity(used),
        gas_used=quantity(signed.weight),
        effective_gas_price=quantity(paid_price(signed, receipt)),
        account_creation_fee=quantity(creation_fee(receipt)),
        tip=quantity(receipt.tip),
        logs=[each.shown for each in logs],
        logs_bloom=show_bytes(bloom_of([each.log for each in logs])),
    )


def show_eth_log(view: BlockView, log: Log) -> results.EthLog:
    header = view.block.header
    return results.EthLog(
        address=format_address(CONTRACT),
        topics=[show_bytes(topic) for topic in log.topics],
        data=show_bytes(log.data),
        block_hash=show_bytes(header.id),
        block_number=quantity(header.height),
        block_timestamp=quantity(header.timestamp_ms // 1000),
        transaction_hash=show_bytes(log.transaction_id),
        transaction_index=quantity(log.transaction_index),
        log_index=quantity(log.index),
        removed=False,
    )


def logs_in(
    view: BlockView, validators: ValidatorSet | None, document: GenesisDocument
) -> tuple[Log, ...]:
    """All logs of a block."""
    return logs_of(view, proposer_of(view.block.header, validators), document.rewards)


def paid_price(signed: SignedTransaction, receipt: Receipt) -> int:
    """What each unit of weight cost: the base fee of the block, or nothing (system ones)."""
    return (receipt.fee_burned - creation_fee(receipt)) // signed.weight


def creation_fee(receipt: Receipt) -> int:
    """The part of the burned fee that is for new accounts and not for weight."""
    attributes = (
        attribute
        for event in receipt.events
        if event.kind is EventKind.ACCOUNT_CREATED
        for attribute in event.attributes
    )
    return sum(int(value) for name, _, value in attributes if name == "fee_burned")


def recipient_of(signed: SignedTransaction) -> str:
    """What is not a transfer goes to the pseudo contract: null would say that it creates one."""
    body = signed.transaction.body
    return format_address(body.to if isinstance(body, Transfer) else CONTRACT)
