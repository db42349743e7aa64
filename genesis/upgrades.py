"""Which rules of blocks hold at which height: a release has them, a network agrees on when.

An upgrade is agreed on while a chain runs, so the genesis hash does not cover it: who has another
schedule is on the same chain up to the first height that they differ on (as with fork blocks of
Ethereum's clients).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from genesis.errors import InvalidGenesis


class BlockVersion(IntEnum):
    """A header's `version`: the rules that its block obeys, all earlier ones included."""

    FIRST = 1
    KEYS_SHOWN_ONCE = 2
    """A transaction that shows a public key which the chain has makes its block invalid."""


LATEST: Final = max(BlockVersion)
UPGRADES_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Upgrade:
    """From this height on, blocks are of this version."""

    block_version: BlockVersion
    from_height: int


NEWEST_FROM_THE_START: Final = (Upgrade(LATEST, 1),)
"""The schedule of a chain that begins with this release."""


def block_version_at(upgrades: Sequence[Upgrade], height: int) -> BlockVersion:
    """The version of the block of a height."""
    version = BlockVersion.FIRST
    for upgrade in upgrades:
        if upgrade.from_height > height:
            break
        version = upgrade.block_version
    return version


def next_upgrade(upgrades: Sequence[Upgrade], height: int) -> Upgrade | None:
    """The first one that begins above a height."""
    return next((each for each in upgrades if each.from_height > height), None)


def known_version(number: int) -> BlockVersion:
    """A version whose rules this release has; else InvalidGenesis names a release as the cure."""
    try:
        return BlockVersion(number)
    except ValueError:
        raise InvalidGenesis(
            f"upgrades: this release knows block versions 1 to {LATEST:d}, not {number}; "
            "install the release that the network upgrades to"
        ) from None


def require_schedule(upgrades: Sequence[Upgrade]) -> None:
    """InvalidGenesis unless versions and heights rise, from those of the genesis block on."""
    if len(upgrades) > UPGRADES_MAX:
        raise InvalidGenesis(f"upgrades: more than {UPGRADES_MAX}")
    version, height = BlockVersion.FIRST, 0
    for each in upgrades:
        if each.block_version <= version or each.from_height <= height:
            raise InvalidGenesis(
                f"upgrades: version {each.block_version:d} from height {each.from_height} does not "
                f"come after version {version:d} from height {height}"
            )
        version, height = each.block_version, each.from_height
