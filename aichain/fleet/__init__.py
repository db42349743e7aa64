"""A fleet: which nodes belong together, which of them are well, and who takes a task."""
