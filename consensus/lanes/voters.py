"""Who votes in which instance: all stake on checkpoints, a committee's seats within a term."""

from dataclasses import dataclass

from consensus.committee import COMMITTEE_SEATS, draw_committee, draw_seats
from consensus.electorate import Electorate
from consensus.instance import BlockRef, Instance, instance_id
from consensus.lanes.checkpoints import Checkpoint, checkpoint_ref
from consensus.votes import Lane
from genesis.epochs import epoch_after, last_height
from genesis.limits import TERM_BLOCKS_MAX
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class EpochVoters:
    """All validators of an epoch, the randomness that draws its committees, and their pace."""

    electorate: Electorate
    seed: Hash32
    term_blocks: int

    def __post_init__(self) -> None:
        assert 0 < self.term_blocks <= TERM_BLOCKS_MAX, "a term has blocks, but not too many"

    @property
    def epoch(self) -> int:
        """The epoch they vote in."""
        return self.electorate.epoch


def term_blocks(validators: int, full_set_limit: int, epoch_blocks: int) -> int:
    """The blocks between two checkpoints: with more validators, checkpoints cost more.

    A power of two that divides the epoch, so that every term of an epoch is equally long.
    """
    blocks = 1
    while (
        blocks * full_set_limit < validators
        and blocks < TERM_BLOCKS_MAX
        and epoch_blocks % (2 * blocks) == 0
    ):
        blocks *= 2
    return blocks


def term_end(start_height: int, blocks: int, epoch_blocks: int) -> int:
    """The last height of the term that starts on `start_height`.

    Terms end at multiples of `blocks` and at the end of the epoch, so that a restart in the middle
    makes a short term, and no term ever crosses the edge of an epoch.
    """
    edge = last_height(epoch_after(start_height, epoch_blocks), epoch_blocks)
    return min((start_height // blocks + 1) * blocks, edge)


def term_instance(
    number: int, start: BlockRef, voters: EpochVoters, *, genesis_hash: Hash32, epoch_blocks: int
) -> Instance:
    """The fast lane of term `number`: a committee on the blocks after `start`."""
    committee = draw_committee(voters.electorate, voters.seed, number, seats=COMMITTEE_SEATS)
    name = instance_id(
        genesis_hash, voters.epoch, committee.vset_hash, start.id, lane=Lane.FAST, term=number
    )
    end = term_end(start.height, voters.term_blocks, epoch_blocks)
    return Instance(name, committee, start, start.height + 1, end)


def seat_places(voters: EpochVoters, number: int) -> tuple[int, ...]:
    """Where the seat holders of a term stand in the validator set, also long before it begins."""
    seats = draw_seats(voters.electorate.weights, voters.seed, number, seats=COMMITTEE_SEATS)
    return tuple(place for place, count in enumerate(seats) if count)


def ballot_name(checkpoint: Checkpoint, voters: EpochVoters, *, genesis_hash: Hash32) -> Hash32:
    """The instance that a checkpoint was decided in, though we do not know its parent."""
    vset_hash, parent_id = voters.electorate.vset_hash, checkpoint.parent_id
    return instance_id(genesis_hash, voters.epoch, vset_hash, parent_id, term=checkpoint.number)


def ballot_instance(parent: Checkpoint, voters: EpochVoters, *, genesis_hash: Hash32) -> Instance:
    """The hard lane's ballot on the checkpoint after `parent`: one height, decided by R10."""
    number, electorate = parent.number + 1, voters.electorate
    name = instance_id(genesis_hash, voters.epoch, electorate.vset_hash, parent.id, term=number)
    return Instance(name, electorate, checkpoint_ref(parent), number, number)
