"""The candidates for the next sets: a bounded list in step with stakes, jail and tombstones."""

from vm.draft import Draft
from vm.epochs import CANDIDATES_KEY, decode_candidates, encode_candidates
from vm.records import ValidatorRecord


def candidates_of(draft: Draft) -> dict[int, int]:
    """Registry index to stake of all who could be ranked now, onions aside."""
    raw = draft.record(CANDIDATES_KEY)
    return {} if raw is None else decode_candidates(raw)


def list_candidate(draft: Draft, record: ValidatorRecord) -> None:
    """Note what a validator's record says now. Of a full list the lowest stake gives way.

    Who gave way comes back with its next stake; it stood far below the last place of any set.
    """
    stakes = candidates_of(draft)
    stakes.pop(record.index, None)
    enough = record.stake >= draft.document.staking.min_validator_stake
    if enough and not record.jailed_until:
        stakes[record.index] = record.stake
    if len(stakes) > draft.document.staking.candidates_max:
        del stakes[min(stakes, key=lambda index: (stakes[index], -index))]
    draft.put_record(CANDIDATES_KEY, encode_candidates(stakes))
