"""Blocks as the results of `eth_*`: what Ethereum clients insist on, without claiming what is not.

`alloy` refuses a block that lacks one of these fields, web3.py one whose extraData is longer than
32 bytes. Fields without a meaning here have the constants of an empty Ethereum block.
"""

from msgspec.structs import asdict

from aichain.rpc.backend import BlockView
from aichain.rpc.render.texts import proposer_of, show_bytes
from aichain.rpc.results import ethereum as results
from genesis.units import ZERO_ADDRESS, format_address
from genesis.validators import ValidatorSet
from native.hashing import keccak256
from vm.blocks import Header
from vm.receipts import EventKind, Receipt, receipts_root
from vm.transactions import Body, SignedTransaction, Transfer

TRANSACTION_TYPE = "0x6d"
"""Our own EIP-2718 type byte: neither client asks an unknown type for v, r and s."""

EXTRA_DATA = b"AI-Chain"
_EMPTY_LIST_HASH = show_bytes(keccak256(b"\xc0"))  # keccak256(rlp([])): no uncles
_NO_BLOOM = "0x" + "00" * 256
_NO_NONCE = "0x" + "00" * 8


def quantity(value: int) -> str:
    """EIP-1474 QUANTITY."""
    return hex(value)


def show_eth_block(
    view: BlockView, validators: ValidatorSet | None, *, gas_limit: int, full: bool
) -> results.EthBlock:
    """`full` lists transactions instead of their hashes."""
    header = view.block.header
    transactions = view.block.transactions
    placed = enumerate(zip(transactions, view.receipts, strict=True))
    return results.EthBlock(
        **asdict(show_eth_head(view, validators, gas_limit=gas_limit)),
        transactions=[
            _show_transaction(signed, receipt, header, index) if full else show_bytes(signed.id)
            for index, (signed, receipt) in placed
        ],
        uncles=[],
        size=quantity(len(header.raw) + sum(len(signed.raw) for signed in transactions)),
    )


def show_eth_head(
    view: BlockView, validators: ValidatorSet | None, *, gas_limit: int
) -> results.EthHead:
    """Gas is weight: bytes and 1,000 a signature."""
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
        gas_used=quantity(sum(signed.weight for signed in view.block.transactions)),
        gas_limit=quantity(gas_limit),
        extra_data=show_bytes(EXTRA_DATA),
        mix_hash=show_bytes(header.beacon_mix),
        difficulty=quantity(0),
        total_difficulty=quantity(0),
        nonce=_NO_NONCE,
        sha3_uncles=_EMPTY_LIST_HASH,
        logs_bloom=_NO_BLOOM,
    )


def _show_transaction(
    signed: SignedTransaction, receipt: Receipt, header: Header, index: int
) -> results.EthTransaction:
    """`gas` times `gasPrice` is exactly the fee of the weight; what else it cost stands apart."""
    transaction = signed.transaction
    creation_fee = _creation_fee(receipt)
    recipient, value, data = _transfer_of(transaction.body)
    return results.EthTransaction(
        type=TRANSACTION_TYPE,
        hash=show_bytes(signed.id),
        sender=format_address(transaction.sender),
        to=recipient,
        value=quantity(value),
        input=show_bytes(data),
        nonce=quantity(transaction.nonce),
        gas=quantity(signed.weight),
        gas_price=quantity((receipt.fee_burned - creation_fee) // signed.weight),
        account_creation_fee=quantity(creation_fee),
        tip=quantity(receipt.tip),
        chain_id=quantity(transaction.network_id),
        block_hash=show_bytes(header.id),
        block_number=quantity(header.height),
        transaction_index=quantity(index),
        pq_scheme=signed.algorithm.name,
    )


def _creation_fee(receipt: Receipt) -> int:
    """The part of the burned fee that is for new accounts and not for weight."""
    attributes = (
        attribute
        for event in receipt.events
        if event.kind is EventKind.ACCOUNT_CREATED
        for attribute in event.attributes
    )
    return sum(int(value) for name, _, value in attributes if name == "fee_burned")


def _transfer_of(body: Body) -> tuple[str | None, int, bytes]:
    match body:
        case Transfer(to, amount, memo):
            return format_address(to), amount, memo
        case _:
            return None, 0, b""
