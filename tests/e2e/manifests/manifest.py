"""What is done to a local network, in what order: a value, its TOML, and a draw by a seed."""

import json
import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from aichain.cli.localnet_nodes import BLOCK_TIME_MS


class Kind(StrEnum):
    """What a perturbation does to its nodes, or to all; after `for_s` it is undone."""

    KILL = "kill"
    """SIGKILL, and started again."""
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT."""
    RESTART = "restart"
    """SIGTERM, which has to end with code 0, and started again."""
    DISCONNECT = "disconnect"
    """Cut off from the others."""
    SLOW_DISK = "slow disk"
    """Restarted with fsyncs that take `amount` ms longer."""
    CLOCK_SKEW = "clock skew"
    """Restarted with a clock that is `amount` ms ahead; behind, where negative."""
    LOAD = "load"
    """`amount` signed transfers a second, beyond those of the manifest."""
    LOST_VOTE_LOG = "lost vote log"
    """SIGKILL, the vote log is removed, started again; nothing undoes it."""
    REGIONS = "regions"
    """All nodes stand in cloud regions."""
    UPGRADE = "upgrade"
    """Began with the code of the previous commit; ended, and started with this one's."""


RESTARTED = (Kind.SLOW_DISK, Kind.CLOCK_SKEW)
OF_ALL = (Kind.LOAD, Kind.REGIONS)
"""They name no nodes."""


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One thing that is done, for how long, and how strong it is."""

    kind: Kind
    nodes: tuple[int, ...] = ()
    for_s: float = 2.0
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """Perturbations one after the other; between two of them the chain has to go on."""

    perturbations: tuple[Perturbation, ...]
    seed: int = 0
    validators: int = 4
    block_time_ms: int = BLOCK_TIME_MS
    """All times of consensus are as many times longer as this is."""
    full_set_limit: int = 0
    """If below the number of validators, the chain has two lanes; 0: as in life."""
    genesis_changed_by: str = ""
    """The subject of a commit that changes what a genesis document means: from the one before it
    there is nothing to upgrade. Of any other commit it says nothing."""
    load: int = 0
    """Signed transfers a second, all the time."""
    calm_heights: int = 2
    """The chain gains so many before the next perturbation."""
    recovery_heights: int = 10
    """After the last one every node gains so many."""
    recovery_s: float = 90.0
    """The bound for each of these."""

    def __post_init__(self) -> None:
        assert self.perturbations, "something is done"
        assert self.block_time_ms > 0
        assert self.full_set_limit >= 0
        for each in self.perturbations:
            named = not each.nodes if each.kind in OF_ALL else bool(each.nodes)
            assert named, f"{each.kind} of nodes {each.nodes}"
            assert all(0 <= node < self.validators for node in each.nodes), each

    @property
    def upgraded(self) -> frozenset[int]:
        """The nodes that begin with the code of the previous commit."""
        upgrades = (each for each in self.perturbations if each.kind is Kind.UPGRADE)
        return frozenset(node for each in upgrades for node in each.nodes)


def render(manifest: Manifest) -> str:
    """As TOML, for people to read, change and run again."""
    head = [
        f"{each.name} = {json.dumps(getattr(manifest, each.name))}"
        for each in fields(manifest)
        if each.name != "perturbations"
    ]
    return "\n".join([*head, *(_render(each) for each in manifest.perturbations)]) + "\n"


def _render(perturbation: Perturbation) -> str:
    lines = ["", "[[perturbation]]", f'kind = "{perturbation.kind}"']
    if perturbation.nodes:
        lines.append(f"nodes = {list(perturbation.nodes)}")
    lines.append(f"for_s = {perturbation.for_s}")
    if perturbation.amount:
        lines.append(f"amount = {perturbation.amount}")
    return "\n".join(lines)


def parse(text: str) -> Manifest:
    """The manifest of a TOML text; TypeError and ValueError where it is none."""
    table = tomllib.loads(text)
    perturbations = tuple(_parse(each) for each in table.pop("perturbation", []))
    return Manifest(perturbations, **table)


def _parse(table: Mapping[str, Any]) -> Perturbation:
    given = dict(table)
    return Perturbation(Kind(given.pop("kind")), tuple(given.pop("nodes", ())), **given)


def generate(seed: int, *, rounds: int = 6, validators: int = 4) -> Manifest:
    """The manifest of a seed: mostly one node at a time, at most one vote log lost.

    Two lost logs stop a chain of four for good (consensus/README.md); everything else must pass.
    """
    chance = random.Random(seed)
    kinds = [kind for kind in Kind if kind is not Kind.UPGRADE]
    perturbations: list[Perturbation] = []
    for _ in range(rounds):
        kind = chance.choice(kinds)
        if kind is Kind.LOST_VOTE_LOG:
            kinds.remove(kind)
        perturbations.append(_draw(chance, kind, validators))
    return Manifest(
        tuple(perturbations), seed=seed, validators=validators, load=chance.choice((0, 5, 20))
    )


def _draw(chance: random.Random, kind: Kind, validators: int) -> Perturbation:
    for_s = round(chance.uniform(1.0, 6.0), 1)
    if kind in OF_ALL:
        return Perturbation(kind, (), for_s, 30 if kind is Kind.LOAD else 0)
    several = kind in (Kind.KILL, Kind.PAUSE, Kind.RESTART, Kind.DISCONNECT)
    count = 2 if several and chance.random() < 0.3 else 1
    nodes = tuple(sorted(chance.sample(range(validators), count)))
    amount = 0
    if kind is Kind.SLOW_DISK:
        amount = chance.randint(10, 100)
    elif kind is Kind.CLOCK_SKEW:
        amount = chance.choice((-1, 1)) * chance.randint(100, 400)
    return Perturbation(kind, nodes, for_s, amount)
