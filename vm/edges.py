"""What the last block of an epoch decides: the set and the seed of the second epoch after it."""

from vm.blocks import Header
from vm.draft import Draft
from vm.epochs import Epoch, encode_epoch, epoch_key, registered
from vm.onions import onion_at
from vm.rotation import rank, rotate
from vm.staking import hold_unbondings, unbonding_ends


def cross_edge(draft: Draft, header: Header) -> None:
    """Write the set of the second epoch after, and forget that of the epoch before."""
    following = draft.state.epoch(header.epoch + 1)
    assert following is not None, "a state knows the set of the next epoch"
    target = epoch_key(header.epoch + 2)
    assert draft.record(target) is None, "an epoch is decided once"
    draft.put_record(target, encode_epoch(header.beacon_mix, _next_seats(draft, following)))
    if header.epoch:
        past = epoch_key(header.epoch - 1)
        assert draft.record(past) is not None, "the epoch before was kept until now"
        draft.put_record(past, None)


def _able(draft: Draft, epoch: int) -> dict[int, int]:
    """The candidates that have something to reveal in `epoch`: others could never propose."""
    return {
        index: stake
        for index, stake in draft.candidates().items()
        if onion_at(draft.record, index, epoch).layers
    }


def _next_seats(draft: Draft, following: Epoch) -> dict[int, int]:
    """The best candidates, as far as the churn allows."""
    old, most = following.stakes, draft.document.staking.max_validators
    wanted = rank(_able(draft, following.number + 1), most)
    others = {index: registered(draft.record, index)[1] for index in old.keys() - wanted.keys()}
    gone = {index for index, record in others.items() if record.is_tombstoned}
    seats = rotate(old, wanted, gone, most)
    bonded = wanted | {index: record.stake for index, record in others.items()}
    matures_at = unbonding_ends(draft, following.number + 1)
    for index, stake in seats.items():
        if stake > bonded[index]:
            hold_unbondings(draft, index, stake - bonded[index], matures_at)
    return seats
