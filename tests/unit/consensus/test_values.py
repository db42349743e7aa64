"""A changed copy is what `dataclasses.replace` makes, only sooner."""

from dataclasses import dataclass, replace

import pytest

from consensus.core.state import EMPTY_VIEW
from consensus.values import changed
from tests.builders_consensus import make_state


def test_it_is_the_copy_that_replace_makes() -> None:
    state = make_state()
    views = {3: EMPTY_VIEW}
    assert changed(state, views=views, fails=2) == replace(state, views=views, fails=2) != state
    assert changed(EMPTY_VIEW, building=True) == replace(EMPTY_VIEW, building=True)


def test_a_name_that_is_no_field_is_an_error() -> None:
    with pytest.raises(KeyError):
        changed(make_state(), no_field={})


def test_a_class_that_checks_its_fields_is_left_to_its_constructor() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        size: int

        def __post_init__(self) -> None:
            assert self.size > 0

    with pytest.raises(AssertionError, match="Checked"):
        changed(Checked(1), size=-1)
