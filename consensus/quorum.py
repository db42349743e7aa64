"""The quorum of 69 % of weight, in integers; the only place where the number stands."""

QUORUM_PERCENT = 69


def reaches_quorum(weight: int, total: int) -> bool:
    """`100 * weight >= 69 * total`: any two quorums share at least 38 % of the weight."""
    return 100 * weight >= QUORUM_PERCENT * total


def quorum_weight(total: int) -> int:
    """The smallest weight that reaches the quorum."""
    return -(-QUORUM_PERCENT * total // 100)


def outweighs_faulty(weight: int, total: int) -> bool:
    """`100 * weight >= 38 * total`: with fewer faulty than safety allows, one of these is honest.

    A fork takes two quorums, and so at least what two quorums share.
    """
    return 100 * weight >= (2 * QUORUM_PERCENT - 100) * total
