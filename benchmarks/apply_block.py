"""What a block of transfers costs besides signatures: decode, check, build, apply, hash."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

from harness import Row, arguments, measure, report

from genesis.document import GenesisDocument
from genesis.networks import founder_onion_seed, local_document
from genesis.onion import Onion
from genesis.params import FeeParams
from genesis.units import AI, Address
from native import codec
from native.hashing import blake3_256
from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Algorithm
from vm.apply import apply_block
from vm.blocks import Block, VerifiedBlock, decode_body, encode_body, require_body
from vm.build import BlockAttributes, build_block
from vm.genesis_block import genesis_state
from vm.headers import earliest_timestamp_ms
from vm.onions import onion_at
from vm.receipts import encode_receipt
from vm.records import Account, account_key, encode_account, public_key_key
from vm.state import Outcome, State
from vm.transactions import (
    SignedTransaction,
    Transaction,
    Transfer,
    VerifiedTransaction,
    decode_transaction,
)
from vm.validate import check_transaction
from vm.witnesses import block_witnesses

Item = TypeVar("Item")

ALGORITHM = Algorithm.ML_DSA_65
SIGNATURE = bytes(SIGNATURE_BYTES[ALGORITHM])
ROOMY = FeeParams(max_block_weight=2**31, max_block_bytes=2**25)
BALANCE = 10**6 * AI


@dataclass(frozen=True, slots=True)
class Scene:
    """A committed state, a block on it, and the candidates it was built of."""

    state: State
    candidates: Sequence[VerifiedTransaction]
    block: VerifiedBlock
    attributes: BlockAttributes


def make_scene(accounts: int, transactions: int, senders: int) -> Scene:
    """`transactions` transfers of `senders` among `accounts` funded accounts with known keys."""
    document = local_document("devnet", 1)
    document = _with_fees(document, ROOMY)
    state = _funded(genesis_state(document), accounts)
    candidates = [
        _transfer(document, index % senders, index // senders, (index * 7 + 1) % accounts)
        for index in range(transactions)
    ]
    attributes = _attributes(state, 2)
    block = build_block(state, candidates, attributes).block
    assert len(block.transactions) == transactions, "every candidate is good"
    return Scene(state, candidates, block, attributes)


def rows_of(name: str, scene: Scene, repeats: int) -> list[Row]:
    """Microseconds a transaction for every stage."""
    state, block, count = scene.state, scene.block, len(scene.candidates)
    raws = [signed.raw for signed in scene.candidates]
    body = encode_body(block.transactions)
    after, receipts = apply_block(state, block)
    first_of_each = [each for each in scene.candidates if each.transaction.nonce == 0]
    height = state.head.height + 1
    stages: dict[str, tuple[int, Callable[[], object]]] = {
        "decode_transaction": (count, partial(_each, decode_transaction, raws)),
        "decode_body": (count, partial(decode_body, body)),
        "require_body (two Merkle roots)": (
            count,
            partial(require_body, block.header, block.transactions),
        ),
        "check_transaction (admission)": (
            len(first_of_each),
            partial(_check, state, first_of_each, height),
        ),
        "block_witnesses": (count, partial(block_witnesses, state, block)),
        "build_block": (count, partial(build_block, state, scene.candidates, scene.attributes)),
        "apply_block": (count, partial(apply_block, state, block)),
        "encode receipts": (count, partial(_each, encode_receipt, receipts)),
        "state tree": (count, partial(state.tree.update, after.changes)),
    }
    return [
        measure(work, repeats=repeats, operations=operations).row(f"{name}: {stage}")
        for stage, (operations, work) in stages.items()
    ]


def empty_row(scene: Scene, repeats: int) -> Row:
    """A block without transactions: what every 500 ms costs on an idle chain, root included."""
    empty = build_block(scene.state, [], scene.attributes).block

    def work() -> None:
        after, _ = apply_block(scene.state, VerifiedBlock(Block(empty.header, ())))
        assert after.root != scene.state.root

    return measure(work, repeats=repeats).row("empty block, with its root")


def _with_fees(document: GenesisDocument, fees: FeeParams) -> GenesisDocument:
    return GenesisDocument(
        name=document.name,
        network_id=document.network_id,
        genesis_time_ms=document.genesis_time_ms,
        seed=document.seed,
        consensus=document.consensus,
        fees=fees,
        accounts=document.accounts,
        validators=document.validators,
        public_keys=True,
    )


def _funded(genesis: State, accounts: int) -> State:
    """A child of genesis with more accounts, as read back from a database."""
    account = encode_account(Account(0, BALANCE, 0, int(ALGORITHM)))
    changes: dict[bytes, bytes | None] = {}
    for index in range(accounts):
        changes[account_key(_address(index))] = account
        changes[public_key_key(_address(index))] = bytes(PUBLIC_KEY_BYTES[ALGORITHM])
    block = build_block(genesis, [], _attributes(genesis, 1)).block
    state = genesis.after(block.header, Outcome(changes, ()))
    database = {**genesis.changes, **changes}
    state.collapse(cast("dict[bytes, bytes]", database))
    return state


def _attributes(state: State, view: int) -> BlockAttributes:
    """The turn of devnet's only founder in a view of the first epoch."""
    left = onion_at(state.get, 0, 0).layers
    reveal = Onion.build(founder_onion_seed("devnet", 0), left).reveal(left)
    return BlockAttributes(0, view, view - 1, 0, earliest_timestamp_ms(state), reveal)


def _address(index: int) -> Address:
    return Address(blake3_256(index.to_bytes(4, "big"))[:20])


def _transfer(document: GenesisDocument, sender: int, nonce: int, to: int) -> VerifiedTransaction:
    transaction = Transaction(
        network_id=document.network_id,
        sender=_address(sender),
        nonce=nonce,
        fee_max=AI,
        tip=1,
        valid_until=100,
        body=Transfer(_address(to), AI),
    )
    witness = codec.encode([int(ALGORITHM), b"", SIGNATURE])
    raw = b"\x92" + transaction.unsigned_bytes + witness
    return VerifiedTransaction(decode_transaction(raw))


def _each(work: Callable[[Item], object], items: Sequence[Item]) -> None:
    for item in items:
        work(item)


def _check(state: State, transactions: Sequence[SignedTransaction], height: int) -> None:
    for signed in transactions:
        check_transaction(state, signed, height=height)


def _more_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--transactions", type=int, default=1_000)


def main() -> None:
    """Run alone: `python benchmarks/apply_block.py [--accounts N] [--transactions N] [--json]`."""
    options = arguments("a block of transfers, without signatures", _more_arguments)
    count, accounts = options.transactions, options.accounts
    spread = make_scene(accounts, count, count)
    rows = rows_of("every sender once", spread, options.repeats)
    rows += rows_of("100 senders", make_scene(accounts, count, min(100, count)), options.repeats)
    rows.append(empty_row(spread, options.repeats))
    applied = next(row for row in rows if row["name"] == "every sender once: apply_block")
    report(
        "apply_block",
        rows,
        as_json=options.json,
        accounts=accounts,
        transactions=count,
        apply_block_us_a_transfer=applied["us"],
        aim_us_a_transfer=60,
    )


if __name__ == "__main__":
    main()
