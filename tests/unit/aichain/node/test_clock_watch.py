"""Whose proposals say something of our clock, and when the node speaks of it."""

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aichain.cli.output import MAX_CELL
from aichain.node.clock_watch import ClockWatch
from consensus.proposals import Proposal
from genesis.limits import CLOCK_SIGHTINGS_MAX
from genesis.params import ConsensusParams
from tests.builders_consensus import make_block, make_proposal, make_state

STATE = make_state()
PARAMS = ConsensusParams(delta_ms=100, clock_offset_ms=0)
NOW_MS = 1_000_000
VIEW = 7


@pytest.fixture
def watch() -> ClockWatch:
    electorates = SimpleNamespace(electorate=lambda _: STATE.instance.electorate)
    return ClockWatch(PARAMS, cast("Any", electorates))


def proposal(signer: int, lag_ms: int, *, named: int | None = None, view: int = VIEW) -> Proposal:
    """By the member `signer`; its header names `named`."""
    block = make_block(STATE, VIEW, timestamp_ms=NOW_MS - lag_ms, proposer_index=named)
    return make_proposal(STATE, block, view=view, proposer_index=signer).proposal


def test_it_warns_once_and_says_when_it_is_over(
    watch: ClockWatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for signer in (0, 1, 2, 0, 1, 2):
        watch.saw(proposal(signer, -5_000), VIEW, NOW_MS)
    assert watch.offset_ms == -5_000
    assert "5000 ms or more behind" in watch.trouble
    [warned] = caplog.messages
    assert warned.endswith(watch.trouble)
    for _ in range(CLOCK_SIGHTINGS_MAX):
        for signer in (0, 1, 2):
            watch.saw(proposal(signer, 20), VIEW, NOW_MS)
    assert (watch.offset_ms, watch.trouble) == (0, "")
    assert caplog.messages[1:] == ["the clock of this node agrees with the others again"]


@pytest.mark.parametrize("wrong_ms", [-(2**40), 2**40])
def test_what_is_wrong_fits_a_cell_of_a_table(watch: ClockWatch, wrong_ms: int) -> None:
    for signer in (0, 1):
        watch.saw(proposal(signer, 0), VIEW, NOW_MS + wrong_ms)
    assert watch.trouble
    assert len(watch.trouble) <= MAX_CELL


def test_who_signed_counts_and_not_whom_the_header_names(watch: ClockWatch) -> None:
    for named in (0, 1, 2, 200):
        watch.saw(proposal(3, -5_000, named=named), VIEW, NOW_MS)
    assert watch.offset_ms is None, "a quarter of the stake was heard"


def test_proposals_of_views_to_come_and_repetitions_say_nothing(watch: ClockWatch) -> None:
    for signer in range(4):
        watch.saw(proposal(signer, -5_000), VIEW - 2, NOW_MS)
        watch.saw(proposal(signer, -5_000, view=VIEW + 1), VIEW, NOW_MS)
    assert watch.offset_ms is None
