"""What a core remembers is never changed in place; its copies differ where they are told to."""

import pytest

from consensus.core.state import EMPTY_VIEW, State
from consensus.memory import changed
from tests.builders_consensus import make_state


def test_a_copy_differs_in_what_was_changed_alone() -> None:
    state = make_state()
    views = {3: EMPTY_VIEW}
    copy = changed(state, views=views, fails=2)
    kept = set(State.__struct_fields__) - {"views", "fails"}
    assert all(getattr(copy, name) is getattr(state, name) for name in kept)
    assert (copy.views, copy.fails) == (views, 2)
    assert (state.views, state.fails) == ({}, 0)


def test_it_equals_what_has_the_same_contents() -> None:
    assert changed(EMPTY_VIEW, building=True) != EMPTY_VIEW
    assert changed(changed(EMPTY_VIEW, building=True), building=False) == EMPTY_VIEW


def test_a_name_that_is_no_field_is_an_error() -> None:
    with pytest.raises(TypeError, match="no_field"):
        changed(make_state(), no_field={})


def test_nothing_is_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        make_state().fails = 3  # type: ignore[misc]
