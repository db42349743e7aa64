"""Every kind of fault of the two lanes, and which kind of scenario must show it in each seed.

A fault counts when it takes effect: a block that is asked for in vain, not one that was kept back.
"""

from tests.simulation.lanes.adversary import (
    COMMIT_WITHHELD,
    FORGERIES,
    LAST_MOMENT,
    VOTE_TO_SOME,
    VOTE_WITHHELD,
    VOTED,
)
from tests.simulation.lanes.proposers import PROPOSED, TURN_PASSED, TWO_BLOCKS

NETWORK = (
    "partition",
    "message held up by a partition",
    "message on a slow link",
    "cut off",
)
MACHINES = ("crash", "blackout", "clock skew", "offline", "stakes change at an edge")
FORGED = (*(f"certificate forged: {kind}" for kind in FORGERIES), "certificate of 13 of 20 seats")
CRIMES = (
    *PROPOSED,
    *VOTED,
    *FORGED,
    "invalid block rejected",
    "withheld block asked for",
    "captured committee",
    "lying CLOSE",
    "certificate released late",
    "certificate shown to one node only",
)
PASSED = ("(accusation)", "(fast blocks rolled back)", "(fork)", "(halt)")
EVERY_FAULT = (*NETWORK, *MACHINES, *CRIMES, *PASSED)

SHOWS: dict[str, tuple[str, ...]] = {
    "clean": ("clock skew", "stakes change at an edge"),
    "offline": ("offline",),
    "crash": ("crash", COMMIT_WITHHELD),
    "sync31": (*PROPOSED, *FORGED, VOTE_WITHHELD, VOTE_TO_SOME),
    "sync37": (LAST_MOMENT, "certificate released late"),
    "mixed": (LAST_MOMENT, "offline"),
    "cap8": ("lying CLOSE", "(accusation)"),
    "cap14": (
        "captured committee",
        "invalid block rejected",
        "withheld block asked for",
        "(fast blocks rolled back)",
    ),
    "chase": ("captured committee", TURN_PASSED),
    "feed": ("captured committee", "withheld block asked for"),
    "amnesia": ("blackout", "certificate shown to one node only"),
    "dark": ("blackout",),
    "cut3s": ("cut off", "message held up by a partition"),
    "cut30s": ("cut off", "message held up by a partition"),
    "strike": (TURN_PASSED, "(accusation)"),
    "drip": (LAST_MOMENT,),
    "split37": ("lying CLOSE",),
    "split31": ("lying CLOSE", VOTE_WITHHELD),
    "async31": ("partition", "message on a slow link", LAST_MOMENT),
    "async37": ("partition", "message on a slow link"),
    "beyond": ("message held up by a partition", TWO_BLOCKS, "(fork)", "(halt)"),
    "part": ("partition", "message held up by a partition"),
    "power": ("blackout",),
}
"""Beside no violation. Together they are all there is."""
