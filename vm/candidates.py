"""The candidates for the next sets: a bounded list in step with stakes, jail and tombstones."""

from vm.draft import Draft
from vm.records import ValidatorRecord


def list_candidate(draft: Draft, record: ValidatorRecord) -> None:
    """Note what a validator's record says now. Of a full list the lowest stake gives way.

    Who gave way comes back with its next stake; it stood far below the last place of any set.
    """
    stakes = dict(draft.candidates())
    stakes.pop(record.index, None)
    enough = record.stake >= draft.document.staking.min_validator_stake
    if enough and not record.jailed_until:
        stakes[record.index] = record.stake
    if len(stakes) > draft.document.staking.candidates_max:
        del stakes[min(stakes, key=lambda index: (stakes[index], -index))]
    draft.put_candidates(stakes)
