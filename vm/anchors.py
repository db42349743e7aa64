"""Anchors: who voted for the last block of an epoch, what that earns, and who was never there.

Certificates stay outside of blocks, and no state reads one. Instead each epoch's last block, the
anchor, has its votes collected by the proposers of the first blocks after it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from genesis.epochs import last_height
from genesis.limits import (
    ABSENT_ANCHORS_MAX,
    ANCHOR_WINDOW_BLOCKS,
    GENESIS_VALIDATORS_MAX,
    STATE_RECORD_MAX_BYTES,
)
from genesis.params import ConsensusParams
from genesis.signed_bytes import InstanceName, Lane, VotePhase, vote_bytes
from genesis.units import decode_amount, encode_amount
from native import codec
from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32, hash32
from vm.accounts import credit
from vm.blocks import Header
from vm.draft import Draft
from vm.epochs import Epoch
from vm.receipts import Event, EventKind
from vm.records import RECORD_VERSION, TREASURY, VOTER_POOL
from vm.staking import jail
from vm.state import State
from vm.system_bodies import Participation
from vm.validator_errors import (
    AnchorClosed,
    CheckpointMisplaced,
    VoteCounted,
    VotersMalformed,
    WrongAnchor,
    WrongCheckpoint,
)

ANCHOR_KEY = b"ve"
ABSENCES_KEY = b"va"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last block of the last epoch that ended, and whose votes for it were seen."""

    height: int
    start_id: Hash32
    """The anchor before it: where the instance that decided it began."""
    block_id: Hash32
    pool: int
    """What its voters have earned in the epoch; zero once it is paid."""
    voters: bytes
    """Bit i of the set is bit i%8 of byte i//8, as in a certificate."""

    def has(self, place: int) -> bool:
        """Whether the vote of this member was seen."""
        return bool(self.voters[place // 8] >> place % 8 & 1)


def genesis_anchor(block_id: Hash32) -> Anchor:
    """Block 0: where the first instance begins; nobody voted for it."""
    return Anchor(0, ZERO_HASH, block_id, 0, b"")


def encode_anchor(anchor: Anchor) -> bytes:
    return codec.encode(
        [
            RECORD_VERSION,
            anchor.height,
            anchor.start_id,
            anchor.block_id,
            encode_amount(anchor.pool),
            anchor.voters,
        ]
    )


def decode_anchor(raw: bytes) -> Anchor:
    decoded = codec.decode(raw, max_bytes=STATE_RECORD_MAX_BYTES, max_items=6, max_depth=1)
    version, height, start_id, block_id, pool, voters = codec.array(decoded, 6)
    if version != RECORD_VERSION:
        raise DecodeError(f"record version {version!r}")
    return Anchor(
        height=codec.uint(height),
        start_id=hash32(start_id),
        block_id=hash32(block_id),
        pool=decode_amount(pool),
        voters=codec.bounded(voters, -(-GENESIS_VALIDATORS_MAX // 8)),
    )


def read_anchor(record: Callable[[bytes], bytes | None]) -> Anchor:
    """The anchor of the last epoch that ended."""
    raw = record(ANCHOR_KEY)
    assert raw is not None, "block 0 is an anchor"
    return decode_anchor(raw)


def closing_height(epoch: int, params: ConsensusParams) -> int:
    """The last height that may bring votes for an epoch's anchor; never beyond the next one."""
    return last_height(epoch, params.epoch_blocks) + min(ANCHOR_WINDOW_BLOCKS, params.epoch_blocks)


def anchor_message(state: State, anchor: Anchor, epoch: Epoch, body: Participation) -> bytes:
    """What a COMMIT vote for the anchor signs, in whichever view it was cast (R10)."""
    checkpoint = body.checkpoint
    name = InstanceName(
        genesis_hash=state.document.hash,
        lane=Lane.HARD,
        epoch=epoch.number,
        vset_hash=epoch.validators.hash,
        start_block_id=anchor.start_id if checkpoint is None else checkpoint.parent_id,
        term=0 if checkpoint is None else checkpoint.number,
    )
    height = anchor.height if checkpoint is None else checkpoint.number
    block_id = anchor.block_id if checkpoint is None else checkpoint.id
    return vote_bytes(name.id, VotePhase.COMMIT, body.view, height, block_id)


def voters_named(state: State, anchor: Anchor, body: Participation) -> tuple[Epoch, list[int]]:
    """The set that voted for this anchor, and the places in it that the body names."""
    epoch_blocks = state.document.consensus.epoch_blocks
    if last_height(body.epoch, epoch_blocks) != anchor.height:
        raise WrongAnchor(expected_height=anchor.height, given_epoch=body.epoch)
    voters = state.epoch(body.epoch)
    assert voters is not None, "a state knows the set of the last epoch that ended"
    members = len(voters.seats)
    places = body.places
    if len(body.voters) != -(-members // 8) or places[-1] >= members:
        raise VotersMalformed(members=members, size_bytes=len(body.voters))
    _require_checkpoint(state, anchor, body)
    return voters, places


def _require_checkpoint(state: State, anchor: Anchor, body: Participation) -> None:
    """With two lanes, one that ends at the anchor; which of several was decided is not asked.

    Its number, its parent and its proposer are the signers' word, as the view is.
    """
    checkpoint = body.checkpoint
    if state.document.has_lanes != (checkpoint is not None):
        raise CheckpointMisplaced(has_lanes=state.document.has_lanes)
    if checkpoint is None:
        return
    following = state.epoch(body.epoch + 1)
    assert following is not None, "a state knows the set of its next block"
    for field, expected, given in (
        ("block_id", anchor.block_id, checkpoint.block_id),
        ("block_height", anchor.height, checkpoint.block_height),
        ("epoch", body.epoch, checkpoint.epoch),
        ("next_vset_hash", following.validators.hash, checkpoint.next_vset_hash),
    ):
        if given != expected:
            raise WrongCheckpoint(field)


def apply_participation(draft: Draft, body: Participation) -> tuple[Event, ...]:
    """Note whose votes for the anchor were seen; each is counted once."""
    anchor = read_anchor(draft.record)
    _, places = voters_named(draft.state, anchor, body)
    closed_at = closing_height(body.epoch, draft.document.consensus)
    if draft.height > closed_at:
        raise AnchorClosed(closed_at=closed_at, height=draft.height)
    for place in places:
        if anchor.has(place):
            raise VoteCounted(place)
    voters = bytes(old | new for old, new in zip(anchor.voters, body.voters, strict=True))
    draft.put_record(ANCHOR_KEY, encode_anchor(replace(anchor, voters=voters)))
    return (Event(EventKind.VOTES_COUNTED, (body.epoch, len(places))),)


def settle_anchor(draft: Draft) -> None:
    """At the end of its window: pay who voted, and note who did not."""
    if not draft.epoch or draft.height != closing_height(draft.epoch - 1, draft.document.consensus):
        return
    anchor, voters = read_anchor(draft.record), draft.state.epoch(draft.epoch - 1)
    assert voters is not None, "a state knows the set of the last epoch that ended"
    _pay_voters(draft, anchor, voters)
    _note_absences(draft, anchor, voters)
    draft.put_record(ANCHOR_KEY, encode_anchor(replace(anchor, pool=0)))


def drop_anchor(draft: Draft, header: Header) -> None:
    """The last block of an epoch becomes the anchor that votes are collected for."""
    before = read_anchor(draft.record)
    voters = draft.state.epoch(header.epoch)
    assert voters is not None, "a state knows the set of its next block"
    assert before.pool == 0, "the anchor before was settled"
    bitmap = bytes(-(-len(voters.seats) // 8))
    pool = draft.counter(VOTER_POOL)
    anchor = Anchor(header.height, before.block_id, header.id, pool, bitmap)
    draft.put_record(ANCHOR_KEY, encode_anchor(anchor))


def _pay_voters(draft: Draft, anchor: Anchor, voters: Epoch) -> None:
    """Each its stake's part of the pool; what is rounded off or not voted for is the treasury's.

    The absent ones' part does not go to those who voted: who proposes could keep votes out.
    """
    left, total = anchor.pool, voters.validators.total_stake
    for place, seat in enumerate(voters.seats):
        part = anchor.pool * seat.stake // total
        if part and anchor.has(place):
            credit(draft, seat.owner, part)
            left -= part
    draft.put_counter(VOTER_POOL, draft.counter(VOTER_POOL) - anchor.pool)
    draft.put_counter(TREASURY, draft.counter(TREASURY) + left)


def _note_absences(draft: Draft, anchor: Anchor, voters: Epoch) -> None:
    """Jail who was missing from ABSENT_ANCHORS_MAX anchors in a row.

    An anchor without a quorum in it proves only that its proposers did not collect: a quorum
    voted, or there would be no next epoch.
    """
    seen = sum(seat.stake for place, seat in enumerate(voters.seats) if anchor.has(place))
    if 100 * seen < draft.document.consensus.quorum_percent * voters.validators.total_stake:
        return
    missed = _absences(draft)
    after: dict[int, int] = {}
    for place, seat in enumerate(voters.seats):
        if anchor.has(place):
            continue
        count = missed.get(seat.index, 0) + 1
        if count < ABSENT_ANCHORS_MAX:
            after[seat.index] = count
        else:
            jail(draft, seat.owner)
    draft.put_record(ABSENCES_KEY, _encode_absences(after) if after else None)


def _absences(draft: Draft) -> dict[int, int]:
    """Registry index to anchors missed in a row; who missed none is not in it."""
    raw = draft.record(ABSENCES_KEY)
    if raw is None:
        return {}
    decoded = codec.decode(
        raw,
        max_bytes=STATE_RECORD_MAX_BYTES,
        max_items=2 + 3 * GENESIS_VALIDATORS_MAX,
        max_depth=3,
    )
    version, rows = codec.array(decoded, 2)
    if version != RECORD_VERSION:
        raise DecodeError(f"record version {version!r}")
    pairs = (codec.array(row, 2) for row in codec.sequence(rows, GENESIS_VALIDATORS_MAX))
    return {codec.uint(index, 32): codec.uint(count, 8) for index, count in pairs}


def _encode_absences(absences: dict[int, int]) -> bytes:
    rows: list[codec.Value] = [[index, absences[index]] for index in sorted(absences)]
    return codec.encode([RECORD_VERSION, rows])
