"""Random histories of a chain with two lanes: terms that become hard, or are undone."""

import random
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from genesis.document import GenesisDocument
from genesis.signed_bytes import Lane
from genesis.units import AI
from tests.builders_evidence import CLOSE, PROPOSALS, VOTES, make_evidence, report
from tests.builders_vm import address, build, make_onion, make_registration
from tests.builders_wide import make_checkpoint_votes
from tests.histories_vm import Wish, candidates_of, epoch_of_next, turn
from vm.anchors import read_anchor
from vm.apply import apply_block
from vm.blocks import VerifiedBlock
from vm.commitment import StateTree
from vm.genesis_block import genesis_state
from vm.queries import validator_view
from vm.receipts import Receipt
from vm.state import State
from vm.transactions import (
    Body,
    RegisterValidator,
    Role,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    VerifiedTransaction,
    Withdraw,
)

FOUNDERS, PURSES_END = 5, 8
ABSENT = 4
"""The founder whose votes are often not seen."""


class Then(Enum):
    """What becomes of the blocks above the last checkpoint."""

    HARD = auto()
    """A checkpoint decides for all of them."""
    FAST = auto()
    """They stay, and others follow."""
    AGAIN = auto()
    """All are undone, and the same are executed again."""
    OTHER = auto()
    """The last of them are undone, and others take their place."""
    RESTART = auto()
    """The node starts anew from its database, and executes them again."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some blocks, each what a few people wish, and what becomes of them."""

    blocks: list[list[Wish]]
    then: Then
    undone: int
    """Of OTHER: how many."""


def draw_history(seed: int, stretches: int = 12) -> list[Stretch]:
    """A few dozen blocks, the same for a seed each time."""
    rng = random.Random(f"aichain/lanes/ledger/{seed}")
    return [
        Stretch(
            [_draw_block(rng) for _ in range(rng.randint(1, 4))],
            rng.choice(list(Then)),
            rng.randint(1, 3),
        )
        for _ in range(stretches)
    ]


def _draw_block(rng: random.Random) -> list[Wish]:
    wishes: list[Wish] = [_draw_intention(rng) for _ in range(rng.randrange(5))]
    if rng.random() < 0.08:
        wishes.append(
            {
                "accused": rng.randrange(FOUNDERS),
                "claims": rng.choice([VOTES, PROPOSALS, CLOSE]),
                "lane": rng.choice(list(Lane)),
                "term": rng.randrange(4),
                "epochs": rng.choice([0, 0, -1, -2]),
                "sender": rng.choice([2, 3, 8]),
            }
        )
    if rng.random() < 0.8:
        wishes.append({"seen": rng.choice(["others", "others", "others", "all", "few"])})
    return wishes


def _draw_intention(rng: random.Random) -> Wish:
    """Mostly what could work for this sender."""
    sender = rng.randrange(PURSES_END)
    own, amount = address(sender), rng.choice([1, 300, 3_000, 5_000]) * AI
    consensus = _consensus(sender)
    body: Body
    match rng.choice("tttrsuuwwjjn"):
        case "t":
            body = Transfer(address(rng.randrange(PURSES_END + 2)), rng.choice([1, amount]))
        case "r":
            body = make_registration(consensus, stake=rng.choice([1_000, 2_000, 4_000]) * AI)
        case "n":
            body = make_registration(consensus, stake=0)
        case "s":
            body = Stake(Role.VALIDATOR, own, amount)
        case "u":
            body = Unstake(Role.VALIDATOR, own, amount)
        case "w":
            body = Withdraw()
        case _:
            body = Unjail()
    sender = ABSENT if isinstance(body, Unjail) else sender
    return {"body": body, "sender": sender, "fee_max": AI, "tip": rng.choice([0, 5]), "nonce": 0}


def lane_candidates(state: State, wishes: list[Wish]) -> list[VerifiedTransaction]:
    """Votes for a checkpoint and evidence of a lane first, as a proposer does it."""
    free: list[VerifiedTransaction] = []
    for wish in wishes:
        if "seen" in wish and epoch_of_next(state):
            places = _places(state, wish["seen"])
            free.append(report(make_checkpoint_votes(state, *places), sender=0))
        elif "claims" in wish:
            fields: dict[str, Any] = {key: wish[key] for key in ("claims", "lane", "term")}
            epoch = max(0, epoch_of_next(state) + wish["epochs"])
            if wish["claims"] is CLOSE:
                fields["lane"] = Lane.FAST
            voters = state.validators_of(epoch)
            if voters is not None:
                fields["vset_hash"] = voters.hash
            evidence = make_evidence(state, wish["accused"], epoch=epoch, **fields)
            free.append(report(evidence, sender=wish["sender"]))
    intentions = [_with_onion(state, wish) for wish in wishes if "body" in wish]
    return free + candidates_of(state, intentions)


def _with_onion(state: State, wish: Wish) -> Wish:
    """A renewal is of the onion that the validator has by now."""
    body, sender = wish["body"], wish["sender"]
    view = validator_view(state, address(sender))
    if view is None or not isinstance(body, RegisterValidator):
        return wish
    renewals = view.onion_renewals + 1
    return wish | {"body": replace(body, onion_head=make_onion(_consensus(sender), renewals).head)}


def _consensus(owner: int) -> int:
    """Whose key votes for the validator of somebody: founders vote with their own."""
    return owner if owner < FOUNDERS else 40 + owner


def _places(state: State, seen: str) -> list[int]:
    """Whose votes for the last anchor are brought."""
    voters = state.epoch(read_anchor(state.get).height // state.document.consensus.epoch_blocks - 1)
    assert voters is not None, "a state knows the set of the last epoch that ended"
    places = list(range(len(voters.seats)))
    absent = voters.place_of(ABSENT)
    if seen == "others" and absent is not None and len(places) > 1:
        places.remove(absent)
    return places[:1] if seen == "few" else places


@dataclass(frozen=True, slots=True)
class Fast:
    """A block that is executed, and not hard yet."""

    block: VerifiedBlock
    state: State
    receipts: tuple[Receipt, ...]


@dataclass(slots=True)
class LaneLedger:
    """What a node holds: a database up to the last checkpoint, and blocks in memory above it."""

    document: GenesisDocument
    base: State = field(init=False)
    records: dict[bytes, bytes] = field(init=False)
    fast: list[Fast] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base = genesis_state(self.document)
        self.records = {key: value for key, value in self.base.changes.items() if value is not None}

    @property
    def head(self) -> State:
        return self.fast[-1].state if self.fast else self.base

    def add(self, wishes: list[Wish]) -> Fast:
        """Built by one node and executed by another, that is, by us."""
        head = self.head
        built = build(
            head,
            lane_candidates(head, wishes),
            proposer_index=turn(head, head.head.height + len(wishes)),
        )
        made = self.execute(built.block)
        assert made.receipts == built.receipts
        assert made.state.root == built.state.root
        return made

    def execute(self, block: VerifiedBlock) -> Fast:
        state, receipts = apply_block(self.head, block)
        self.fast.append(Fast(block, state, receipts))
        return self.fast[-1]

    def harden(self) -> None:
        """Commit all, as one batch, and forget what only a rollback needs."""
        for each in self.fast:
            merge(self.records, each.state)
        for each in self.fast:
            each.state.collapse(self.records)
        self.base, self.fast = self.head, []

    def undo(self, blocks: int) -> list[Fast]:
        """Drop the last of them; never below the checkpoint."""
        kept = max(0, len(self.fast) - blocks)
        self.fast, undone = self.fast[:kept], self.fast[kept:]
        return undone

    def restart(self) -> None:
        """Read the last hard state from the database."""
        tree = StateTree.build(self.records.items())
        self.base = State.load(self.document, dict(self.records), tree, self.base.tip_record())


def merge(records: dict[bytes, bytes], state: State) -> None:
    """What the database holds once this state is committed to it."""
    for key, value in state.changes.items():
        if value is None:
            records.pop(key, None)
        else:
            records[key] = value
