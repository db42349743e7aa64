"""The account index: what a transaction costs it, and how long a page of many takes."""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import Row, arguments, measure, report

from aichain.server_url import ServerUrl
from aichain.store.account_index import AccountIndex
from aichain.store.history_index import HistoryIndex
from aichain.store.location import Location
from aichain.store.remote_index import open_remote_index
from genesis.networks import account_key, local_document
from genesis.units import AI, Address, address_of_key
from native.hashing import Hash32, derive_hash
from vm.blocks import Block, Header
from vm.genesis_block import genesis_state
from vm.receipts import Event, EventKind, Receipt
from vm.transactions import SignedTransaction, Transaction, Transfer, sign_transaction

BLOCK_TRANSACTIONS = 100
PAGE = 100
BUSY = Address(bytes(19) + b"\x07")
"""It gets something by every transaction."""


def blocks_of(
    count: int, head: Header, signed: SignedTransaction
) -> list[tuple[Block, list[Receipt]]]:
    """Blocks of transfers, each from a sender of its own to the busy account."""
    made = []
    for height in range(1, count + 1):
        transactions = tuple(_another(signed, height, at) for at in range(BLOCK_TRANSACTIONS))
        receipts = [
            Receipt(
                each.id,
                ok=True,
                error="",
                fee_burned=1000,
                tip=5,
                events=(Event(EventKind.TRANSFERRED, (each.transaction.sender, BUSY, AI, b"")),),
            )
            for each in transactions
        ]
        head = replace(head, height=height, parent_id=head.id)
        made.append((Block(head, transactions), receipts))
    return made


def main() -> None:
    """Write them all, then read pages at the top, in the middle and at the bottom."""
    options = arguments("The account index", _add)
    key = account_key("testnet", 0)
    document = local_document("testnet", 1)
    body = Transfer(BUSY, AI, b"")
    transaction = Transaction(
        document.network_id, address_of_key(key.public_key), 0, AI, 5, 5_000, body
    )
    signed = sign_transaction(transaction, key, reveal=True)
    count = options.transactions // BLOCK_TRANSACTIONS
    blocks = blocks_of(count, genesis_state(document).head, signed)
    with tempfile.TemporaryDirectory() as folder:
        index: HistoryIndex = AccountIndex(Path(folder) / "accounts", document.hash)
        if options.url:
            index = open_remote_index(
                ServerUrl(options.url), document.hash, lambda _: genesis_state(document).head
            )
            assert not index.height, "the figures are those of an empty database"
        assert index.may_add(), index.cause
        began_s, cpu_s = time.perf_counter(), time.process_time()
        for at in range(0, count, options.batch):
            index.add(blocks[at : at + options.batch])
        wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        assert index.height == count, index.cause
        rows = _pages(index, count, options.repeats)
        index.close()
    total = count * BLOCK_TRANSACTIONS
    report(
        "account_index",
        rows,
        as_json=options.json,
        transactions=total,
        us_per_transaction=round(wall_s * 1e6 / total, 1),
        cpu_us_per_transaction=round(cpu_s * 1e6 / total, 1),
    )


def _pages(index: HistoryIndex, count: int, repeats: int) -> list[Row]:
    places: Sequence[tuple[str, Location | None]] = (
        ("newest", None),
        ("middle", Location(count // 2, 0)),
        ("oldest", Location(2, 0)),
    )
    rows = []
    for name, before in places:

        def page(before: Location | None = before) -> None:
            assert len(index.page(BUSY, before, PAGE)) == PAGE

        rows.append(measure(page, repeats=repeats).row(f"page of {PAGE}, {name}"))
    return rows


def _another(signed: SignedTransaction, height: int, index: int) -> SignedTransaction:
    """The same with another sender and id; the index looks at no signature."""
    name = derive_hash("bench/tx", b"%d.%d" % (height, index))
    sender = Address(name[:20])
    transaction = replace(signed.transaction, sender=sender)
    return replace(signed, transaction=transaction, id=Hash32(name))


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--transactions", type=int, default=100_000)
    parser.add_argument("--url", default="", help="an empty PostgreSQL database, not a folder")
    parser.add_argument("--batch", type=int, default=1, help="blocks a write (default 1)")


if __name__ == "__main__":
    main()
