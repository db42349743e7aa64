"""Which rules hold at which height, and which schedules are none."""

from dataclasses import replace

import pytest

from genesis.document import parse_document, render_document
from genesis.errors import InvalidGenesis
from genesis.networks import local_document
from genesis.upgrades import (
    LATEST,
    UPGRADES_MAX,
    BlockVersion,
    Upgrade,
    block_version_at,
    next_upgrade,
)

SECOND = Upgrade(BlockVersion.KEYS_SHOWN_ONCE, 10)
DOCUMENT = local_document("testnet", 1, onion_length=4)


def test_an_upgrade_holds_from_its_height_on() -> None:
    versions = [int(block_version_at((SECOND,), height)) for height in (0, 1, 9, 10, 2**63)]
    assert versions == [1, 1, 1, 2, 2]
    assert block_version_at((), 2**63) is BlockVersion.FIRST
    assert [next_upgrade((SECOND,), height) for height in (0, 9, 10)] == [SECOND, SECOND, None]


def test_the_schedule_is_in_the_text_and_not_in_the_name_of_the_chain() -> None:
    agreed = replace(DOCUMENT, upgrades=(SECOND,))
    assert agreed.hash == DOCUMENT.hash
    assert "[[upgrades]]\nblock_version = 2\nfrom_height = 10\n" in render_document(agreed)
    assert parse_document(render_document(agreed)) == agreed
    assert parse_document(render_document(replace(DOCUMENT, upgrades=()))).upgrades == ()


def test_a_new_chain_obeys_the_newest_rules_from_its_first_block() -> None:
    assert DOCUMENT.block_version(1) is LATEST


@pytest.mark.parametrize(
    "upgrades",
    [
        (Upgrade(BlockVersion.KEYS_SHOWN_ONCE, 0),),
        (Upgrade(BlockVersion.FIRST, 5),),
        (SECOND, SECOND),
        (SECOND, Upgrade(BlockVersion.KEYS_SHOWN_ONCE, 11)),
        (SECOND,) * (UPGRADES_MAX + 1),
    ],
)
def test_a_schedule_that_does_not_rise_is_refused(upgrades: tuple[Upgrade, ...]) -> None:
    with pytest.raises(InvalidGenesis):
        replace(DOCUMENT, upgrades=upgrades)


@pytest.mark.parametrize("number", [0, 3, 2**64 - 1])
def test_rules_that_this_release_does_not_have_are_refused_by_name(number: int) -> None:
    text = render_document(replace(DOCUMENT, upgrades=(SECOND,)))
    with pytest.raises(InvalidGenesis, match=f"1 to 2, not {number}; install the release"):
        parse_document(text.replace("block_version = 2", f"block_version = {number}"))
