"""What a block of transfers costs besides signatures: decode, check, build, apply, hash."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from harness import Row, arguments, measure, report

from aichain.upkeep.transfer_scene import Scene, make_scene
from vm.apply import apply_block
from vm.blocks import Block, VerifiedBlock, decode_body, encode_body, require_body
from vm.build import build_block
from vm.receipts import encode_receipt
from vm.state import State
from vm.transactions import (
    SignedTransaction,
    decode_transaction,
)
from vm.validate import check_transaction
from vm.witnesses import block_witnesses

Item = TypeVar("Item")


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
