"""Every kind of fault of the two lanes: a campaign that leaves one out has tested less."""

from tests.simulation.lanes.adversary import FORGERIES

NETWORK = ("partition", "the network whole", "cut off")
MACHINES = ("crash", "blackout")
CRIMES = (
    "evil proposal",
    "evil checkpoint",
    "captured committee",
    "lying CLOSE",
    "certificate released late",
    "certificate shown to one node only",
    *(f"certificate forged: {kind}" for kind in FORGERIES),
    "certificate of 13 of 20 seats",
)
PASSED = ("(accusation)", "(fast blocks rolled back)", "(fork)", "(halt)")
EVERY_FAULT = (*NETWORK, *MACHINES, *CRIMES, *PASSED)
