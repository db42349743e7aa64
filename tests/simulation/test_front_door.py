"""One command for all simulators: totals, the line that replays a failure, an exit code."""

import shlex

import pytest

from tests.simulation.campaign import Profile
from tests.simulation.front_door import knock
from tests.simulation.profiles import PROFILES

SEED_OF = {
    "small": ("swarm", 1),
    "full": ("stale", 1),
    "lanes": ("cap8", 1),
    "nodes": ("beyond", 4),
    "lane-nodes": ("captured", 0),
}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_seed_of_any_simulator_gives_the_same_trace_twice(profile: str) -> None:
    kind, seed = SEED_OF[profile]
    first, second = (
        knock("--profile", profile, "--kind", kind, "--replay", str(seed)) for _ in range(2)
    )
    assert first.returncode == 0, first.stdout + first.stderr
    assert "trace" in first.stdout
    assert first.stdout == second.stdout


@pytest.mark.parametrize(
    ("profile", "mutant", "more"),
    [
        ("small", "double PREFER", ()),
        ("lanes", "13 of 20 seats", ()),
        ("lanes", "13 of 20 seats", ("--nodes", "50", "--term-blocks", "8")),
        pytest.param("nodes", "nobody is accused", (), marks=pytest.mark.slow),
        pytest.param("lane-nodes", "taken back in silence", (), marks=pytest.mark.slow),
        pytest.param(
            "lane-nodes",
            "fast called hard",
            ("--kind", "swarm", "--founders", "24"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_failure_is_printed_as_the_command_that_replays_it(
    profile: str, mutant: str, more: tuple[str, ...]
) -> None:
    done = knock("--profile", profile, "--mutant", mutant, "--seeds", "0:4", *more)
    assert done.returncode == 1, done.stdout + done.stderr
    for figure in ("seeds", "events", "finalizations", "violations 1", "runs/s"):
        assert figure in done.stdout
    _require_same_failure(done.stdout)


def _require_same_failure(printed: str) -> None:
    """The command of the last line gives the trace and the violation that stand beside it."""
    command, failure = printed.splitlines()[-1].split("  # trace ", 1)
    trace, violation = failure.split(": ", 1)
    again = knock(*shlex.split(command)[3:])
    assert again.returncode == 1
    assert f"trace {trace}" in again.stdout
    assert violation in again.stdout


def test_a_kind_of_fault_that_never_occurred_fails() -> None:
    done = knock("--kind", "calm", "--seeds", "0:1")
    assert done.returncode == 1
    assert "never occurred: " in done.stdout
    assert "crash of everybody" in done.stdout


def test_what_a_profile_does_not_have_is_named() -> None:
    done = knock("--profile", "lanes", "--kind", "swarm", "--seeds", "0:1")
    assert done.returncode == 1
    assert "cap14" in done.stderr


def test_an_option_is_refused_where_it_would_change_nothing() -> None:
    alone = knock("--nodes", "50", "--replay", "0")
    assert "no option 'nodes' in this profile" in alone.stderr
    few = knock("--profile", "lane-nodes", "--kind", "captured", "--founders", "24")
    assert "kind 'captured' has no use for --founders" in few.stderr
    assert {alone.returncode, few.returncode} == {1}


def test_kinds_and_mutants_are_listed_with_what_they_are() -> None:
    lanes = PROFILES["lanes"]
    lines = [line.strip() for line in knock("--profile", "lanes", "--list").stdout.splitlines()]
    for kind, what in lanes.kinds.items():
        assert f"{kind:10}  {what}" in lines
    for mutant, kind in lanes.mutants.items():
        assert f"{mutant}: {kind}" in lines


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_every_kind_says_what_it_is_and_every_mutant_has_one(profile: Profile) -> None:
    assert min(len(what) for what in profile.kinds.values()) > 20
    assert {*profile.mutants.values(), *profile.played} <= set(profile.kinds)
