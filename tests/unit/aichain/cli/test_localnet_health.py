"""Why a local network stands: the first thing that keeps a quorum from voting, and its remedy."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from aichain.cli.localnet_health import Health, Trouble, duration, health_lines, health_of
from aichain.cli.localnet_nodes import document_of, make_network
from aichain.cli.localnet_state import LocalnetState, ProcessId
from aichain.rpc.statuses import Voting

YES, PROBATION, BEHIND = Voting.YES, Voting.PROBATION, Voting.BEHIND_LOG
OLD_MS = 60_000


@pytest.fixture
def state(tmp_path: Path) -> LocalnetState:
    return make_network(tmp_path / "net", "testnet", 4, base_port=20_000)


def health(state: LocalnetState, voting: Mapping[int, str], age_ms: int | None = OLD_MS) -> Health:
    return health_of(state, document_of(state), voting, age_ms)


def trouble(state: LocalnetState, voting: Mapping[int, str]) -> Trouble:
    found = health(state, voting).trouble
    assert found is not None
    return found


def test_a_chain_stands_after_ten_block_times(state: LocalnetState) -> None:
    everybody = dict.fromkeys(range(4), YES)
    assert health(state, everybody, 5000) == Health(5000, stands=False, trouble=None)
    assert health(state, everybody, 5001).stands


def test_a_chain_that_moves_has_no_trouble_whoever_is_missing(state: LocalnetState) -> None:
    assert health(state, {0: YES, 1: YES, 2: YES}, 300).trouble is None
    assert health_lines(health(state, {0: YES}, 300)) == ["last block 300 ms ago"]


def test_too_few_validators_are_counted_and_one_is_to_be_started(state: LocalnetState) -> None:
    found = trouble(state, {0: YES, 1: YES})
    assert found.cause == (
        "2 of 4 validators vote, and validators 2, 3 cannot be reached; a quorum is 69 % of the "
        "stake"
    )
    assert found.fix == f"`aichain localnet start 2 --dir {state.directory}`"


def test_one_that_is_starting_is_waited_for(state: LocalnetState) -> None:
    alive = replace(state.nodes[2], process=ProcessId.of(os.getpid()))
    assert trouble(state.with_node(alive), {0: YES, 1: YES}).fix.endswith("localnet start 3 --dir "
        f"{state.directory}`")  # fmt: skip
    both = state.with_node(alive).with_node(replace(alive, index=3))
    assert trouble(both, {0: YES, 1: YES}).fix.startswith("wait")


def test_a_cut_is_to_be_healed_unless_one_side_has_a_quorum(state: LocalnetState) -> None:
    everybody = dict.fromkeys(range(4), YES)
    found = trouble(replace(state, partition=(0, 1)), everybody)
    assert "neither side" in found.cause
    assert found.fix == f"`aichain localnet heal --dir {state.directory}`"
    assert "not known" in trouble(replace(state, partition=(0,)), everybody).cause


def test_lost_logs_are_named_and_as_few_as_needed_are_vouched_for(state: LocalnetState) -> None:
    found = trouble(state, {0: YES, 1: YES, 2: PROBATION, 3: PROBATION})
    assert found.cause.startswith("validators 2, 3 on probation")
    assert found.vouch == (2,)
    option = f"--dir {state.directory}"
    assert f"`aichain localnet kill 2 {option}`" in found.fix
    assert f"`aichain localnet start 2 --vouch-for-vote-log {option}`" in found.fix
    assert trouble(state, {0: YES, 1: PROBATION, 2: PROBATION, 3: PROBATION}).vouch == (1, 2)


def test_nobody_is_vouched_for_while_starting_another_is_enough(state: LocalnetState) -> None:
    found = trouble(state, {0: YES, 1: YES, 2: PROBATION})
    assert "localnet start 3" in found.fix
    assert found.vouch == ()


def test_who_is_behind_its_log_is_waited_for(state: LocalnetState) -> None:
    found = trouble(state, {0: YES, 1: YES, 2: BEHIND, 3: BEHIND})
    assert found.cause.startswith("validators 2, 3 lost the chain")
    assert found.fix.startswith("wait")


def test_what_is_not_known_is_said_to_be(state: LocalnetState) -> None:
    everybody = dict.fromkeys(range(4), YES)
    assert health_lines(health(state, everybody)) == [
        "STANDING: the last block is 60 s old",
        "why: not known, for a quorum votes",
        f"fix: see {state.nodes[0].log}",
    ]
    assert health_lines(health(state, everybody, None)) == ["no block is final yet"]
    assert health_lines(health(state, {}, None))[1].startswith("why: 0 of 4 validators vote")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (4210, "4.2 s"),
        (9999, "10.0 s"),
        (95_000, "95 s"),
        (120_000, "2 min"),
        (7_199_999, "119 min"),
        (108_000_000, "30 h"),
    ],
)
def test_durations_are_for_people(ms: int, text: str) -> None:
    assert duration(ms) == text


def test_where_nobody_answers_nothing_is_said_of_the_chain(state: LocalnetState) -> None:
    assert health_lines(health(state, {}, None))[0].startswith("no node answers")
    assert health_lines(health(state, {0: YES}, None))[0] == "no block is final yet"
