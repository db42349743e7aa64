"""A validator that stays away too long is jailed, loses its turns, and comes back by Unjail."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import trio

from aichain.errors import NotPooled
from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode
from genesis.epochs import epoch_of_height, last_height
from genesis.limits import ABSENT_ANCHORS_MAX
from genesis.networks import founder_key
from genesis.units import AI, Address, address_of_key
from native.errors import InvalidData
from tests.simulation.nodes.checkers import Violation
from tests.simulation.nodes.plan import Plan
from tests.simulation.nodes.world import World
from vm.anchors import closing_height
from vm.errors import JailNotOver
from vm.queries import account_view
from vm.records import decode_validator, validator_key
from vm.state import State
from vm.transactions import Transaction, Unjail, sign_transaction

JAILED: Final = "validator jailed"
LOST_TURNS: Final = "jailed validator lost its turns"
REFUSED: Final = "unjail refused before its time"
UNJAILED: Final = "validator unjailed"
TURNS_AGAIN: Final = "unjailed validator proposes again"
STAGES: Final = (JAILED, LOST_TURNS, REFUSED, UNJAILED, TURNS_AGAIN)

_CHURN_EPOCHS: Final = 2
"""A fifth of the stake, at most an eighth an epoch."""
_PATIENCE_S: Final = 120.0
_LOOK_S: Final = 0.1


@dataclass(slots=True)
class Jailer:
    """Sees each final state once, and knows when the absentee was up."""

    plan: Plan
    fault: Callable[[str], None]
    height: int = 0
    away_since: int | None = None
    """The height when it went down; None while it is up."""
    jailed_at: int = 0
    until: int = 0
    freed_at: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def owner(self) -> Address:
        assert self.plan.absentee is not None, "somebody stays away"
        return owner_of(self.plan.absentee)

    def on_final(self, node: Node | LaneNode) -> None:
        """What the newest final state says of everybody."""
        state = node.chain.head
        if state.head.height <= self.height:
            return
        self.height = state.head.height
        for founder in self.plan.honest:
            if founder != self.plan.absentee and jailed_until(state, owner_of(founder)):
                raise Violation(f"founder {founder} is jailed, and was never away")
        self._follow_term(state)
        self._require_jailed_in_time(state)
        self._follow_turns(state)

    def _follow_term(self, state: State) -> None:
        until = jailed_until(state, self.owner)
        if until and not self.until:
            self.jailed_at, self.until = self.height, until
            self._note(JAILED)
        elif self.until and not until:
            if self.height < self.until:
                raise Violation(f"unjailed at {self.height}, before {self.until}")
            self.freed_at, self.until = self.height, 0
            self._note(UNJAILED)

    def _require_jailed_in_time(self, state: State) -> None:
        """At the latest when the votes are counted for the last of so many epochs without it."""
        if self.away_since is None or self.jailed_at:
            return
        params = state.document.consensus
        first = epoch_of_height(self.away_since, params.epoch_blocks) + 1
        if self.height > closing_height(first + ABSENT_ANCHORS_MAX - 1, params):
            raise Violation(f"away since {self.away_since}, and not jailed at {self.height}")

    def _follow_turns(self, state: State) -> None:
        """No seat from the second epoch after it was jailed, but for what the churn keeps in."""
        blocks = self.plan.epoch_blocks
        epoch = epoch_of_height(self.height + 1, blocks)
        head, voters = state.head, state.epoch(epoch)
        assert voters is not None, "a state knows the set of its next block"
        has_seat = any(seat.owner == self.owner for seat in voters.seats)
        if self.until and not has_seat:
            self._note(LOST_TURNS)
        lost = epoch_of_height(self.jailed_at, blocks) + 1 + _CHURN_EPOCHS
        if self.until and has_seat and epoch > lost:
            raise Violation(f"jailed at {self.jailed_at}, and has a seat in epoch {epoch}")
        past = state.epoch(head.epoch)
        assert past is not None, "and of its last one"
        if self.freed_at and past.seats[head.proposer_index].owner == self.owner:
            if self.height <= last_height(epoch_of_height(self.freed_at, blocks) + 1, blocks):
                raise Violation(f"unjailed at {self.freed_at}, and proposes {self.height}")
            self._note(TURNS_AGAIN)

    def _note(self, stage: str) -> None:
        if stage not in self.seen:
            self.seen.add(stage)
            self.fault(stage)


async def stay_away(world: World, jailer: Jailer) -> None:
    """Down until it is jailed and out of the set, then up and out of jail by its own wish."""
    absentee = world.plan.absentee
    assert absentee is not None, "somebody stays away"
    jailer.away_since = max(world.checker.final)
    await world.crash(absentee)
    with trio.move_on_after(_PATIENCE_S) as patience:
        await _until(lambda: jailer.until > 0)
        await world.start(absentee)
        await _submit(world, jailer, REFUSED)
        await _until(lambda: LOST_TURNS in jailer.seen and jailer.height + 1 >= jailer.until)
        await _submit(world, jailer, UNJAILED)
        await _until(lambda: TURNS_AGAIN in jailer.seen)
    if patience.cancelled_caught:
        missing = [stage for stage in STAGES if stage not in jailer.seen]
        raise Violation(f"at {jailer.height}: {', '.join(missing)} did not happen")


async def _submit(world: World, jailer: Jailer, wanted: str) -> None:
    """Ask for Unjail, of every node until one takes it; or see that all refuse it."""
    assert world.plan.absentee is not None, "somebody stays away"
    while wanted not in jailer.seen:
        refusals = 0
        for index in world.plan.honest:
            node = world.node(index)
            if node is None:
                continue
            try:
                await node.pool.submit(_unjail(node, world.plan.absentee))
            except NotPooled:
                pass
            except InvalidData as error:
                refusals += isinstance(error, JailNotOver)
        if wanted == REFUSED:
            if refusals:
                jailer.seen.add(REFUSED)
                world.fault(REFUSED)
            return
        await trio.sleep(1.0)


def _unjail(node: Node | LaneNode, founder: int) -> bytes:
    head, key = node.chain.head, founder_key("testnet", founder)
    nonce = account_view(head, owner_of(founder)).nonce
    transaction = Transaction(
        head.document.network_id, owner_of(founder), nonce, AI, 0, head.head.height + 100, Unjail()
    )
    return sign_transaction(transaction, key, reveal=False).raw


async def _until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 it is another node's state
        await trio.sleep(_LOOK_S)


def owner_of(founder: int) -> Address:
    """Who owns a founder's validator."""
    return address_of_key(founder_key("testnet", founder).public_key)


def jailed_until(state: State, owner: Address) -> int:
    """When its term is over; 0 for who is not in jail."""
    raw = state.get(validator_key(owner))
    assert raw is not None, "founders are registered"
    return decode_validator(raw).jailed_until
