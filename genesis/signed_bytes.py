"""What a validator signs, byte for byte: for those who count it and for those who punish it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from native.hashing import Hash32, blake3_256

VOTE_CONTEXT: Final = b"aichain/vote/v1"
PROPOSAL_CONTEXT: Final = b"aichain/prop/v1"
CLOSE_CONTEXT: Final = b"aichain/close/v1"

_INSTANCE_DOMAIN: Final = b"aichain/inst/1"


class VotePhase(IntEnum):
    """The two phases of finality, and the vote that skips a view."""

    PREFER = 1
    COMMIT = 2
    CANCEL = 3


class Lane(IntEnum):
    """HARD counts the whole stake, FAST the seats of a sampled committee (consensus/lanes)."""

    HARD = 0
    FAST = 1


@dataclass(frozen=True, slots=True)
class InstanceName:
    """All that names an instance, so that no vote counts on another chain, epoch or term."""

    genesis_hash: Hash32
    lane: Lane
    epoch: int
    vset_hash: Hash32
    start_block_id: Hash32
    term: int

    @property
    def id(self) -> Hash32:
        """What every signature of the instance carries."""
        return blake3_256(
            b"".join(
                (
                    _INSTANCE_DOMAIN,
                    self.genesis_hash,
                    self.lane.to_bytes(1, "big"),
                    self.epoch.to_bytes(8, "big"),
                    self.vset_hash,
                    self.start_block_id,
                    self.term.to_bytes(8, "big"),
                )
            )
        )


def vote_bytes(
    instance_id: Hash32, phase: VotePhase, view: int, height: int, block_id: Hash32
) -> bytes:
    """`AICV1`, instance, phase, view, height, block id: 86 bytes. A CANCEL names no block."""
    return b"".join(
        (
            b"AICV1",
            instance_id,
            phase.to_bytes(1, "big"),
            view.to_bytes(8, "big"),
            height.to_bytes(8, "big"),
            block_id,
        )
    )


def proposal_bytes(
    instance_id: Hash32, view: int, justify_view: int, height: int, block_id: Hash32
) -> bytes:
    """`AICP1`, instance, view, justifying view, height, block id."""
    return b"".join(
        (
            b"AICP1",
            instance_id,
            view.to_bytes(8, "big"),
            justify_view.to_bytes(8, "big"),
            height.to_bytes(8, "big"),
            block_id,
        )
    )


def close_bytes(instance_id: Hash32, tip_view: int, tip_id: Hash32) -> bytes:
    """`AICC1`, instance, view and id of the tip: a seat signs nothing more in this term."""
    return b"".join((b"AICC1", instance_id, tip_view.to_bytes(8, "big"), tip_id))


def breaks_close(tip_view: int, commit_view: int) -> bool:
    """Whether a COMMIT is above the tip of a CLOSE: whoever COMMITs to a block stands on it."""
    return commit_view > tip_view


def excludes(first: VotePhase, second: VotePhase, *, same: bool) -> bool:
    """Whether nobody honest casts both in one view (R7); `same` says that they are one vote.

    PREFER with CANCEL is legal (R4), and so is COMMIT to another block than the preferred one.
    """
    if first is second:
        return not same
    return {first, second} == {VotePhase.COMMIT, VotePhase.CANCEL}
