"""The models of consensus/spec hold where they must, and fail where a rule is wrong."""

import re
import shutil

import pytest

from consensus.quorum import QUORUM_PERCENT
from tests.spec.tlc import (
    HOW_TO_GET_IT,
    IS_MISSING,
    NO_ERROR,
    SPEC,
    Configuration,
    configurations,
    outcome,
    run,
    tools_jar,
)

ALL = configurations()
SMALL = [each for each in ALL if each.is_small]


def named(each: Configuration) -> str:
    return each.name


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="java is not here")
@pytest.mark.parametrize("configuration", SMALL, ids=named)
def test_a_model_ends_as_it_must(configuration: Configuration) -> None:
    jar = tools_jar()
    assert jar is not None, f"{IS_MISSING}: {HOW_TO_GET_IT}"
    found = run(jar, configuration, memory="2g", timeout_s=240)
    assert found.ending == configuration.expected
    if configuration.states is not None:
        assert found.states == configuration.states, "the model says something else than it did"


@pytest.mark.parametrize("configuration", ALL, ids=named)
def test_a_configuration_checks_what_it_expects(configuration: Configuration) -> None:
    text = configuration.path.read_text()
    (invariants,) = re.findall(r"^INVARIANTS (.+)$", text, re.MULTILINE)
    assert (SPEC / f"{configuration.module}.tla").is_file()
    if configuration.expected == NO_ERROR:
        assert configuration.states is not None, "a whole search counts its states"
    else:
        assert configuration.expected == invariants


def test_the_models_have_the_quorum_of_the_code() -> None:
    percents = {
        int(percent)
        for each in ALL
        for percent in re.findall(r"QuorumPercent = (\d+)", each.path.read_text())
    }
    assert percents == {QUORUM_PERCENT, 50}
    lanes = (SPEC / "TwoLanes.tla").read_text()
    assert set(re.findall(r">= (\d+) \*", lanes)) == {str(QUORUM_PERCENT)}


def test_an_unfinished_search_is_neither_right_nor_wrong() -> None:
    progress = "12 states generated, 5 distinct states found, 3 states left on queue.\n"
    assert outcome(progress + "Error: Invariant Agreement is violated.", 1).ending == "Agreement"
    done = progress + "Model checking completed. No error has been found."
    assert outcome(done, 1).states == 5
    with pytest.raises(AssertionError, match="did not finish"):
        outcome(progress + "Error: Java ran out of memory.", 1)
