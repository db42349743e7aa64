"""The names that results have for the numbers of the wire."""

from aichain.rpc.results.transactions import LaneName, PhaseName, RoleName
from consensus.votes import VotePhase
from genesis.signed_bytes import Lane
from vm.bodies import Role

PHASES: dict[VotePhase, PhaseName] = {
    VotePhase.PREFER: "prefer",
    VotePhase.COMMIT: "commit",
    VotePhase.CANCEL: "cancel",
}
LANES: dict[Lane, LaneName] = {Lane.HARD: "hard", Lane.FAST: "fast"}
ROLES: dict[Role, RoleName] = {
    Role.MINER: "miner",
    Role.VALIDATOR: "validator",
    Role.DELEGATOR: "delegator",
}
