"""Whether the chain of a local network stands, why, and what starts it again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aichain.cli.localnet_state import LocalnetState
from aichain.pace import stands_after_ms
from consensus.quorum import QUORUM_PERCENT, reaches_quorum
from genesis.document import GenesisDocument
from genesis.limits import PROBATION_VIEWS

VOTES: Final = "yes"
PROBATION: Final = "probation"
UNITS: Final = (("h", 3_600_000), ("min", 60_000), ("s", 1000))


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why no block becomes final; `vouch` names validators whose word would be enough."""

    cause: str
    fix: str
    vouch: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """Age of the last final block; None while no node answers, or before the first block."""

    age_ms: int | None
    stands: bool
    trouble: Trouble | None
    answers: bool = True
    """Whether any node does; without, nothing is known of the chain."""
    wrong_clocks: Mapping[int, str] = field(default_factory=dict)
    """What nodes say of their clocks, where these are wrong."""


def health_of(
    state: LocalnetState,
    document: GenesisDocument,
    voting: Mapping[int, str],
    age_ms: int | None,
) -> Health:
    """`voting` is what each node that answers says of its votes, as in `aichain_status`."""
    stands = age_ms is not None and age_ms > stands_after_ms(document)
    trouble = _trouble(state, document, voting) if stands or age_ms is None else None
    if stands and trouble is None:
        trouble = Trouble("not known, for a quorum votes", f"see {state.nodes[0].log}")
    return Health(age_ms, stands, trouble, answers=bool(voting))


def health_lines(health: Health) -> list[str]:
    """The age of the last block; for a chain that stands also why, and what to do."""
    if not health.answers:
        lines = ["no node answers, so the height is not known"]
    elif health.age_ms is None:
        lines = ["no block is final yet"]
    elif health.stands:
        lines = [f"STANDING: the last block is {duration(health.age_ms)} old"]
    else:
        lines = [f"last block {duration(health.age_ms)} ago"]
    if health.trouble is not None:
        lines += [f"why: {health.trouble.cause}", f"fix: {health.trouble.fix}"]
    return lines + [f"node {index}: {said}" for index, said in health.wrong_clocks.items()]


def duration(ms: int) -> str:
    """For people: 40 ms, 4.2 s, 95 s, 3 min, 30 h."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 10_000:
        return f"{ms / 1000:.1f} s"
    name, size = next(unit for unit in UNITS if ms >= 2 * unit[1])
    return f"{ms // size} {name}"


def _trouble(
    state: LocalnetState, document: GenesisDocument, voting: Mapping[int, str]
) -> Trouble | None:
    """The first thing that keeps a quorum from voting; None when one votes."""
    weights = [validator.stake for validator in document.validators]
    voters = {index for index, word in voting.items() if word == VOTES}
    down = {node.index for node in state.nodes} - set(voting)
    missed = not _is_quorum(voters, weights) and _is_quorum(voters | down, weights)
    if missed or not _is_quorum(voting, weights):
        return _too_few(state, len(voters), sorted(down))
    cut = set(state.partition)
    side = next((each for each in (cut, set(voting) - cut) if _is_quorum(each, weights)), None)
    if side is None:
        return Trouble(
            f"the network is cut in two, and neither side has {QUORUM_PERCENT} % of the stake",
            f"`aichain localnet heal{state.dir_option}`",
        )
    if _is_quorum(voters & side, weights):
        return None
    lost = sorted(index for index in side if voting.get(index) == PROBATION)
    if lost:
        return _lost_logs(state, lost, _enough(lost, voters & side, weights))
    return Trouble(
        f"{_named(sorted(side - voters))} lost the chain, and votes again where the vote log was",
        "wait: it syncs from the others",
    )


def _too_few(state: LocalnetState, voters: int, down: Sequence[int]) -> Trouble:
    dead = [index for index in down if not state.node(index).is_alive]
    start = f"aichain localnet start {dead[0]}{state.dir_option}" if dead else ""
    return Trouble(
        f"{voters} of {len(state.nodes)} validators vote, and {_named(down)} cannot be reached; "
        f"a quorum is {QUORUM_PERCENT} % of the stake",
        f"`{start}`" if dead else f"wait, or see {state.node(down[0]).log}",
    )


def _lost_logs(state: LocalnetState, lost: Sequence[int], vouch: Sequence[int]) -> Trouble:
    """Probation ends when others finalize, and without those on probation they cannot."""
    first, option = vouch[0], state.dir_option
    return Trouble(
        f"{_named(lost)} on probation: a new vote log gives no vote before {PROBATION_VIEWS} final "
        "views, and without these votes nothing is final",
        f"`aichain localnet kill {first}{option}`, then `aichain localnet start {first} "
        f"--vouch-for-vote-log{option}`; consensus/README.md says what it risks",
        tuple(vouch),
    )


def _enough(lost: Sequence[int], voters: set[int], weights: Sequence[int]) -> list[int]:
    """As few as make a quorum with those that vote: each may contradict what it forgot."""
    chosen: list[int] = []
    for index in lost:
        if not _is_quorum(voters | set(chosen), weights):
            chosen.append(index)
    return chosen


def _is_quorum(indices: Collection[int], weights: Sequence[int]) -> bool:
    return reaches_quorum(sum(weights[index] for index in indices), sum(weights))


def _named(indices: Sequence[int]) -> str:
    listed = ", ".join(map(str, indices))
    return f"validator {listed}" if len(indices) == 1 else f"validators {listed}"
