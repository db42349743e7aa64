"""The consensus core: `step(state, event) -> (state, effects)`, a pure function."""
