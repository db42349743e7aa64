"""What the shell does around the core, as somebody could get it wrong: log, guard, probation."""

from collections.abc import Sequence
from typing import Any

from aichain.errors import StoreFailed
from aichain.node.engine import Performer
from aichain.store.wal import VoteWal
from consensus.certificates import certificate_witnesses
from consensus.core.effects import Effect
from consensus.guard import SignedSlots
from consensus.probation import Probation, may_start_signing
from consensus.records import (
    HeightFinal,
    ProposalCast,
    Record,
    SigningAllowed,
    VoteCast,
    decode_record,
    record_instance,
)
from native.hashing import Hash32
from native.signatures import SignatureItem
from tests.simulation.shell import Node

RECORDS = VoteWal.records
RESTORED = Node._restored
CRASH = Node.crash
MAY_START_SIGNING = may_start_signing
WITNESSES = certificate_witnesses


# --- the log --------------------------------------------------------------------------------------


def write_without_sync(wal: VoteWal, frame: bytes) -> None:
    wal._file.write(frame, wal._size)


def ignore_failed_sync(wal: VoteWal, frame: bytes) -> None:
    wal._file.write(frame, wal._size)
    try:
        wal._file.sync()
    except StoreFailed:
        pass


async def send_before_logging(performer: Performer, effects: tuple[Effect, ...]) -> None:
    for effect in effects:
        await performer._perform(effect)
    ballots = performer._services.ballots
    assert ballots is not None
    await ballots.log(effects)


def accept_damage(wal: VoteWal, data: bytes, start: int) -> None:
    """Whatever cannot be read is taken for a write that never finished."""


def refuse_torn_writes(data: bytes, start: int) -> bool:
    return False


def accept_any_owner(wal: VoteWal, data: bytes) -> None:
    """The head of the file is not looked at."""


def keep_torn_tail(wal: VoteWal) -> tuple[int, int]:
    """What follows the last whole frame stays, and the next frame is written behind it."""
    data = wal._read()
    wal._require_own_file(data)
    return len(data), 0


def only_permission(wal: VoteWal) -> tuple[bytes, ...]:
    """After a restart the key is used again as if it had signed nothing."""
    return tuple(raw for raw in RECORDS(wal) if isinstance(decode_record(raw), SigningAllowed))


def outlives_every_epoch(raw: bytes, floor: HeightFinal, instance_id: Hash32) -> bool:
    """Only records of later epochs survive a rewrite: the open views of this one are forgotten."""
    record = decode_record(raw)
    return (
        record == floor
        or isinstance(record, SigningAllowed)
        or record_instance(record)[0] > floor.epoch
    )


# --- what is done with it -------------------------------------------------------------------------


def forgetful_core(node: Node, records: tuple[Record, ...]) -> Any:
    kept = tuple(each for each in records if not isinstance(each, VoteCast | ProposalCast))
    return RESTORED(node, kept)


def no_second_check(signed: SignedSlots, record: VoteCast | ProposalCast) -> None:
    """The guard agrees with everything."""


def forget_bodies(node: Node, *, power: bool) -> None:
    """Bodies above the final tip were never made durable."""
    CRASH(node, power=power)
    tip = node.disk.chain[-1].height
    node.disk.blocks = {
        block.id: block for block in node.disk.blocks.values() if block.height <= tip
    }


def first_witness_only(*arguments: Any) -> Sequence[SignatureItem]:
    """One valid signature vouches for all."""
    return WITNESSES(*arguments)[:1]


# --- probation ------------------------------------------------------------------------------------


def sign_at_once(probation: object, *, epoch: int, final_view: int) -> bool:
    return True


def sign_in_a_new_instance(probation: Probation, *, epoch: int, final_view: int) -> bool:
    """Without waiting for its first FINAL: we may have voted there before anybody we heard."""
    last_epoch = max((head.epoch for head in probation.heard.values()), default=0)
    first_final = final_view if epoch == last_epoch else max(1, final_view)
    return MAY_START_SIGNING(probation, epoch=epoch, final_view=first_final)


def unanimously_new(probation: Probation) -> bool:
    """One who claims a final block is believed, and silences all that hear it."""
    return all(head.final_height == 0 for head in probation.heard.values())
