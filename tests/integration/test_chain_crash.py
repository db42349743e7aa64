"""kill -9 at every step of a commit and at any other time: nothing acknowledged is ever lost."""

import multiprocessing
import os
import random
import signal
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from aichain.chain import Chain
from aichain.store.failpoints import FailPoints
from aichain.store.paths import DataPaths
from aichain.store.wal import VoteWal
from consensus.headers import block_ref
from consensus.records import HeightFinal, decode_record, encode_record
from native.hashing import Hash32
from tests.integration.ledgers import REVEALS, Purse, build_on, certify, make_document, must
from vm.blocks import Header
from vm.genesis_block import genesis_state
from vm.queries import account_view

DOCUMENT = make_document()
KEY = b"the signer's public key"
ACK = struct.Struct(">Q32s")
Acks: TypeAlias = list[tuple[int, bytes]]
CHECKED = 40
POINTS = ("bodies appended", "bodies written", "state written", "index written")


def commit_blocks(
    root: Path, rule: str, acknowledge: Callable[[int, bytes], object], *, blocks: int
) -> None:
    """A node's writing side: bodies, commit, the vote log's floor, acknowledge."""
    wal = VoteWal.open(DataPaths(root).signer, KEY)
    chain = Chain.open(root, DOCUMENT, fail_points=FailPoints(rule))
    for block in chain.unfinalized():
        chain.execute(block)
    wal.append(final_record(chain.head.head))  # a crash may have come between commit and log
    purse = Purse(nonce=account_view(chain.head, Purse().address).nonce)
    while chain.head.head.height < blocks:
        built = build_on(chain.head, [purse.pay(DOCUMENT)])
        chain.execute(built.block)
        chain.make_durable(built.block.id)
        header = built.block.header
        chain.finalize([block_ref(header)], certify(header), finalized_at_ms=1)
        wal.append(final_record(header))
        acknowledge(header.height, header.id)
    chain.close()
    wal.close()


def final_record(header: Header) -> bytes:
    instance = Hash32(bytes(32))
    return encode_record(HeightFinal(instance, header.epoch, header.view, header.height, header.id))


@dataclass
class Ending:
    """How a writing process ended, and what it had told before."""

    signal: int
    acknowledged: Acks


def run_and_kill(
    root: Path, *, rule: str = "", blocks: int = 10**9, after_s: float | None = None
) -> Ending:
    reader, writer = os.pipe()
    context = multiprocessing.get_context("fork")

    def child() -> None:
        os.close(reader)
        commit_blocks(root, rule, lambda *ack: os.write(writer, ACK.pack(*ack)), blocks=blocks)

    process = context.Process(target=child)
    process.start()
    os.close(writer)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(must(process.pid), signal.SIGKILL)
    process.join(60)
    assert process.exitcode is not None
    data = b""
    while chunk := os.read(reader, 1 << 16):
        data += chunk
    os.close(reader)
    whole = len(data) // ACK.size * ACK.size
    return Ending(-process.exitcode, list(ACK.iter_unpack(data[:whole])))


def check_recovered(root: Path, acknowledged: Acks) -> int:
    """Open (which compares the state with its root) and look at every promise that was made."""
    chain = Chain.open(root, DOCUMENT)
    wal = VoteWal.open(DataPaths(root).signer, KEY)
    try:
        head = chain.head.head
        last = acknowledged[-1][0] if acknowledged else 0
        assert last <= head.height <= last + 1, "at most one commit was not acknowledged yet"
        for height, block_id in acknowledged:
            assert must(chain.blocks.header_at(height)).id == block_id
        for height in range(max(1, head.height - CHECKED), head.height + 1):
            stored = must(chain.blocks.block_at(height))
            assert chain.blocks.height_of(stored.header.id) == height
            [signed] = stored.block.transactions
            assert must(chain.locate(signed.id)).height == height
            assert len(stored.receipts) == 1
            assert chain.blocks.certificate_covering(height) is not None
        assert account_view(chain.head, Purse().address).nonce == head.height
        records = [decode_record(raw) for raw in wal.records()]
        sealed = max((r.height for r in records if isinstance(r, HeightFinal)), default=0)
        assert head.height - 1 <= sealed <= head.height, "the tip is never behind the vote log"
        return head.height
    finally:
        wal.close()
        chain.close()


@pytest.mark.parametrize("step", range(1, 2 * len(POINTS) + 1))
def test_a_crash_at_any_step_of_a_commit_loses_nothing(tmp_path: Path, step: int) -> None:
    Chain.create(tmp_path, DOCUMENT)
    acknowledged = run_and_kill(tmp_path, blocks=2).acknowledged
    ending = run_and_kill(tmp_path, rule=str(step), blocks=6)
    assert ending.signal == signal.SIGKILL
    acknowledged += ending.acknowledged
    height = check_recovered(tmp_path, acknowledged)
    committed = 2 + (step - 1) // len(POINTS) + ((step - 1) % len(POINTS) >= 2)
    assert height == committed, "from the synced batch on the block is final"
    ending = run_and_kill(tmp_path, blocks=6)
    assert ending.signal == 0
    assert check_recovered(tmp_path, ending.acknowledged) == 6


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_the_same_step_again_and_again_still_makes_progress_or_stands(
    tmp_path: Path, point: str
) -> None:
    Chain.create(tmp_path, DOCUMENT)
    heights = [0]
    for _ in range(3):
        ending = run_and_kill(tmp_path, rule=point, blocks=6)
        assert ending.signal == signal.SIGKILL
        assert ending.acknowledged == []
        heights.append(check_recovered(tmp_path, acks(tmp_path)))
    grew = POINTS.index(point) >= POINTS.index("state written")
    assert heights == ([0, 1, 2, 3] if grew else [0, 0, 0, 0])


def acks(root: Path) -> Acks:
    """What the chain holds by itself, as if it had all been acknowledged."""
    chain = Chain.open(root, DOCUMENT)
    heights = range(1, chain.head.head.height + 1)
    held: Acks = [(height, must(chain.blocks.header_at(height)).id) for height in heights]
    chain.close()
    return held


def test_a_body_that_was_durable_comes_back_after_a_crash_before_the_commit(tmp_path: Path) -> None:
    Chain.create(tmp_path, DOCUMENT)
    run_and_kill(tmp_path, rule="bodies written", blocks=1)
    chain = Chain.open(tmp_path, DOCUMENT)
    [left] = chain.unfinalized()
    assert left.header.height == 1
    chain.execute(left)
    chain.finalize([block_ref(left.header)], certify(left.header), finalized_at_ms=None)
    assert chain.head.head.id == left.id
    chain.close()


def kill_repeatedly(root: Path, *, kills: int, blocks: int, seed: int) -> None:
    """At least so many kills and so many blocks; how many a kill depends on the machine."""
    generator, killed = random.Random(seed), 0
    Chain.create(root, DOCUMENT)
    REVEALS.next(genesis_state(DOCUMENT), 0, 0)  # made once here: the children inherit it
    acknowledged: Acks = []
    while killed < kills or len(acknowledged) < blocks:
        ending = run_and_kill(root, after_s=generator.uniform(0.02, 0.3))
        assert ending.signal == signal.SIGKILL
        killed += 1
        acknowledged += ending.acknowledged
        held = acks(root)
        assert held[: len(acknowledged)] == acknowledged
        check_recovered(root, acknowledged)
        acknowledged = held


def test_killed_at_any_time(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path, kills=8, blocks=20, seed=1)


@pytest.mark.slow
def test_killed_at_any_time_for_long(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path, kills=150, blocks=500, seed=2)
