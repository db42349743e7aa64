"""Who votes, who is registered, and how present each of them was."""

from dataclasses import dataclass

from aichain.explorer.visit import Page, Visit
from aichain.rpc.methods.aichain import AtHeight, get_validators
from aichain.rpc.methods.consensus import (
    CommitteeQuery,
    Window,
    get_committee,
    get_evidence,
    get_validator_uptime,
)
from aichain.rpc.methods.consensus import (
    Page as EvidenceQuery,
)
from aichain.rpc.results.validators import Attendance, Uptime, UptimePart
from genesis.limits import (
    EXPLORER_ROWS,
    EXPLORER_UPTIME_BLOCKS,
    EXPLORER_UPTIME_CELLS_MAX,
    EXPLORER_UPTIME_PARTS,
)

WARMTHS = 5
"""Classes of the heat map, from none to all."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One validator in one part of the window."""

    first: int
    last: int
    signed: int
    certificates: int
    missed: int
    warmth: int | None
    """0 for none of its certificates, 4 for all; None where it was no member."""


async def validators(visit: Visit) -> Page:
    """The set, its uptime by parts of the last blocks, who is registered, and who signed twice."""
    context = visit.context
    voters = await get_validators(context, AtHeight())
    committee = await get_committee(context, CommitteeQuery(height=voters.height, views=0))
    most = EXPLORER_UPTIME_CELLS_MAX // len(voters.validators)
    parts = max(1, min(EXPLORER_UPTIME_PARTS, most))
    uptime = await get_validator_uptime(
        context, Window(window_blocks=EXPLORER_UPTIME_BLOCKS, parts=parts)
    )
    evidence = await get_evidence(context, EvidenceQuery(limit=EXPLORER_ROWS))
    attended = {each.address: each for each in uptime.validators}
    turns = {each.address: each.turns for each in committee.voters}
    registered = voters.registered if isinstance(voters.registered, list) else []
    return Page(
        template="validators.html",
        title="Validators",
        results={
            "aichain_validators": voters,
            "aichain_validatorUptime": uptime,
            "aichain_evidence": evidence,
        },
        values={
            "voters": voters,
            "attended": attended,
            "turns": turns,
            "turns_in_all": committee.turns_in_all,
            "seats": committee.term if isinstance(committee.term, int) else None,
            "registered": registered,
            "uptime": uptime,
            "heat": _heat(uptime),
            "evidence": evidence,
        },
    )


def _heat(uptime: Uptime) -> list[tuple[str, list[Cell]]]:
    """The cells of each validator, the oldest part first."""
    parts = uptime.parts if isinstance(uptime.parts, list) else [uptime]
    by_part = [(part, {each.address: each for each in part.validators}) for part in parts]
    return [
        (each.address, [_cell(part, found.get(each.address)) for part, found in by_part])
        for each in uptime.validators
    ]


def _cell(part: UptimePart, found: Attendance | None) -> Cell:
    signed = 0 if found is None else found.signed
    return Cell(
        first=part.first_height,
        last=part.last_height,
        signed=signed,
        certificates=0 if found is None else found.certificates,
        missed=0 if found is None else found.missed,
        warmth=_warmth(found),
    )


def _warmth(found: Attendance | None) -> int | None:
    if found is None or not found.certificates:
        return None
    if found.signed == found.certificates:
        return WARMTHS - 1
    return min(WARMTHS - 2, (WARMTHS - 1) * found.signed // found.certificates)
