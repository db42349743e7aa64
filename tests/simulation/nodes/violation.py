"""What a checker raises."""


class Violation(Exception):
    """An invariant does not hold."""
