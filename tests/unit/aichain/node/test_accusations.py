"""Many offenders at once: what a block cannot take waits, and small ones are in nobody's way."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from aichain.errors import AccusationsFull, AlreadyPending, OffenderAccused
from aichain.node.accusations import Accusations
from aichain.node.accuser import LOOK_EVERY_S, Accuser
from aichain.node.fork_report import Guilty
from aichain.node.proofs import Proofs
from consensus.electorate import Electorate
from consensus.evidence import ConflictingVotes
from consensus.fork_proof import Epoch
from consensus.headers import block_ref
from consensus.instance import Instance
from consensus.records import ProofFound
from consensus.votes import SignedVote, Vote, VotePhase
from genesis import limits
from genesis.limits import SYSTEM_TRANSACTIONS_MAX
from genesis.units import AI, Address
from native.hashing import Hash32
from tests.builders_evidence import BLANK, make_evidence, report, system
from tests.builders_vm import (
    FOUNDER_STAKE,
    address,
    advance,
    advance_to,
    build,
    key,
    make_transaction,
    seal,
)
from tests.builders_wide import make_wide_document
from vm.apply import apply_block
from vm.errors import Expired
from vm.genesis_block import genesis_state
from vm.queries import validators_view
from vm.state import State
from vm.system_bodies import Participation
from vm.transactions import Role, Unstake, VerifiedTransaction, decode_transaction
from vm.validator_errors import SystemTransaction, Tombstoned

MEMBERS, OFFENDERS = 90, 66
"""More than a block takes, and more than were once kept."""
REPORTER = MEMBERS - 1


@cache
def make_large_state() -> State:
    """The stake of each founder is by one coin more than that of the one before."""
    document = make_wide_document(MEMBERS, most=MEMBERS, unbonding_blocks=500)
    validators = tuple(
        replace(each, stake=each.stake + at * AI) for at, each in enumerate(document.validators)
    )
    return genesis_state(replace(document, validators=validators))


class Ledger:
    """Stands in for the chain: all it is asked for is its head."""

    def __init__(self) -> None:
        self.head = make_large_state()
        self.held = Accusations(self)  # type: ignore[arg-type]

    def accuse(self, offender: int, **fields: Any) -> VerifiedTransaction:
        """Somebody brings evidence against a founder."""
        signed = seal(system(make_evidence(self.head, offender), sender=REPORTER, **fields))
        self.held.check(signed)
        self.held.add(signed)
        return signed

    def make_block(self) -> None:
        """Of what waits, by another node's rules."""
        built = build(self.head, self.held.candidates())
        self.head, _ = apply_block(self.head, built.block)
        self.held.after_final()

    @property
    def punished(self) -> set[Address]:
        return {each.address for each in validators_view(self.head) if each.is_tombstoned}


def test_all_of_many_who_sign_twice_at_once_are_punished() -> None:
    ledger = Ledger()
    for offender in range(OFFENDERS):
        ledger.accuse(offender)
    for _ in range(-(-OFFENDERS // SYSTEM_TRANSACTIONS_MAX)):
        ledger.make_block()
    assert ledger.punished == {address(offender) for offender in range(OFFENDERS)}
    assert not ledger.held.candidates()


def test_the_most_stake_comes_first() -> None:
    ledger = Ledger()
    for offender in (3, 9, 1, 7):
        ledger.accuse(offender)
    bodies: list[Any] = [each.transaction.body for each in ledger.held.candidates()]
    assert [body.offender for body in bodies] == [address(each) for each in (9, 7, 3, 1)]


def test_of_a_full_list_the_least_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ACCUSATIONS_MAX", 3)
    ledger = Ledger()
    small = [ledger.accuse(offender) for offender in (4, 2, 3)]
    for offender in (0, 1):
        with pytest.raises(AccusationsFull):
            ledger.accuse(offender)
    ledger.accuse(5)
    assert not ledger.held.has(address(2))
    assert ledger.held.find(small[1].id) is None
    assert [ledger.held.has(address(each)) for each in (3, 4, 5)] == [True] * 3
    assert len(ledger.held.candidates()) == 3


def test_a_list_holds_a_whole_set() -> None:
    assert limits.ACCUSATIONS_MAX >= limits.GENESIS_VALIDATORS_MAX


def test_one_accusation_for_an_offender_until_it_is_punished() -> None:
    ledger = Ledger()
    first = ledger.accuse(4)
    with pytest.raises(AlreadyPending):
        ledger.held.check(first)
    with pytest.raises(OffenderAccused):
        ledger.accuse(4, valid_until=999)
    assert ledger.held.find(first.id) is first
    ledger.make_block()
    assert ledger.held.find(first.id) is None
    with pytest.raises(Tombstoned):
        ledger.accuse(4)


def test_what_is_no_evidence_or_comes_too_late_is_not_kept() -> None:
    ledger = Ledger()
    with pytest.raises(SystemTransaction):
        ledger.held.check(report(Participation(0, 1, b"\x01", (BLANK,)), sender=REPORTER))
    ledger.accuse(4, valid_until=1)
    with pytest.raises(Expired):
        ledger.accuse(5, valid_until=0)
    ledger.head, _ = advance(ledger.head)
    ledger.held.after_final()
    assert not ledger.held.candidates()


class Town:
    """A validator that finds out about others, and a pool that takes what the list takes."""

    def __init__(self) -> None:
        self.ledger, self.signed = Ledger(), 0
        pool: Any = SimpleNamespace(accusations=self.ledger.held, submit=self._submit)
        context: Any = SimpleNamespace(run_blocking=self._run)
        chain: Any = self.ledger
        self.log: list[ProofFound] = []
        self.proofs = Proofs(chain, ())
        self.accuser = Accuser(key(REPORTER), chain, pool, context, self.proofs, self._log)
        head = self.ledger.head
        voters = head.epoch(0)
        assert voters is not None
        self.instance = Instance.after(
            block_ref(head.head),
            Electorate.of(voters.validators, 0, voters.seed),
            genesis_hash=head.document.hash,
            epoch_blocks=head.document.consensus.epoch_blocks,
        )

    async def _run(self, work: Callable[[], Any]) -> Any:
        self.signed += 1
        return work()

    async def _log(self, record: ProofFound) -> None:
        self.log.append(record)

    async def _submit(self, raw: bytes) -> None:
        assert self.log, "in the log before anybody is told"
        signed = decode_transaction(raw)
        self.ledger.held.check(signed)
        self.ledger.held.add(VerifiedTransaction(signed))

    def two_votes(self, offender: int, view: int = 1) -> ConflictingVotes:
        first, second = (
            SignedVote(
                Vote(self.instance.id, VotePhase.COMMIT, view, 1, Hash32(block * 32)),
                0,
                offender,
                BLANK,
            )
            for block in (b"1", b"2")
        )
        return ConflictingVotes(first, second)

    async def find_out(self, offender: int, view: int = 1) -> None:
        await self.accuser.accuse(self.two_votes(offender, view), self.instance)


async def test_what_finds_no_place_is_brought_again_until_it_is_punished(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """An attacker's own validators fill the list with true proofs; those it hides come later."""
    monkeypatch.setattr(limits, "ACCUSATIONS_MAX", 12)
    town = Town()
    for own in range(40, 52):
        town.ledger.accuse(own)
    for offender in range(12):
        await town.find_out(offender)
    assert not any(town.ledger.held.has(address(offender)) for offender in range(12))
    with trio.move_on_after(10 * LOOK_EVERY_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(town.accuser.run)
            while town.proofs.unpunished():
                town.ledger.make_block()
                await trio.sleep(LOOK_EVERY_S)
            nursery.cancel_scope.cancel()
    assert town.ledger.punished == {address(each) for each in (*range(12), *range(40, 52))}


async def test_a_proof_outlives_its_transaction(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr("aichain.node.accuser.VALIDITY_WINDOW_BLOCKS", 1)
    town = Town()
    await town.find_out(4)
    (first,) = town.ledger.held.candidates()
    town.ledger.head, _ = advance(town.ledger.head)  # nobody took it
    town.ledger.held.after_final()
    assert not town.ledger.held.candidates()
    with trio.move_on_after(1.5 * LOOK_EVERY_S):
        await town.accuser.run()
    (second,) = town.ledger.held.candidates()
    assert second.transaction.body == first.transaction.body
    assert second.transaction.valid_until > first.transaction.valid_until


async def test_one_proof_for_an_offender_is_signed_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    town = Town()
    for view in range(1, 5):
        await town.find_out(4, view)
    assert town.signed == 1
    town.ledger.make_block()
    await town.find_out(4, view=9)
    assert town.signed == 1, "nothing more can be taken from it"
    assert not town.proofs.unpunished()


async def test_a_log_gives_proofs_back_until_they_are_punished() -> None:
    town = Town()
    await town.find_out(4)
    (record,) = town.log
    chain: Any = town.ledger
    again = Proofs(chain, town.log)
    assert again.unpunished() == town.proofs.unpunished()
    assert again.holds(record)
    town.ledger.make_block()
    assert not again.unpunished()
    assert not again.holds(record), "it may leave the log"


async def test_nobody_accuses_itself() -> None:
    town = Town()
    await town.find_out(REPORTER)
    assert not town.ledger.held.candidates()


async def test_who_signed_for_a_fork_and_left_the_set_is_accused_all_the_same() -> None:
    """Its stake is locked for as long as evidence counts, and both sides may meet much later."""
    town = Town()
    state = town.ledger.head
    epoch_blocks = state.document.consensus.epoch_blocks
    voters = state.validators_of(0)
    assert voters is not None
    everything = Unstake(Role.VALIDATOR, address(0), FOUNDER_STAKE)
    state, (receipt,) = advance(state, seal(make_transaction(everything, sender=0)))
    assert receipt.ok
    state = advance_to(state, 4 * epoch_blocks)
    now = state.validators_of(4)
    assert now is not None
    assert now.index_of(address(0)) is None
    town.ledger.head = state
    epoch = Epoch(state.document.hash, 0, town.instance.start.id, voters)
    proofs = {index: town.two_votes(index) for index in (0, 1, REPORTER)}
    await town.accuser.accuse_of_fork(Guilty(epoch, proofs))
    assert [town.ledger.held.has(address(each)) for each in (0, 1, REPORTER)] == [True, True, False]
    town.ledger.make_block()
    assert town.ledger.punished == {address(0), address(1)}
