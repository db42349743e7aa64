"""Named mutants: one rule of the product replaced, and where that must be caught."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from aichain.node import ballots, certificates
from aichain.node.engine import Performer
from aichain.store import wal
from aichain.store.wal import VoteWal
from consensus import certificates as quorum_certificates
from consensus import guard, probation
from consensus.certificates import QuorumCertificate
from consensus.core import catchup, filters, finality, recovery, tally, timing, turn, voting
from consensus.core.state import State, ViewState
from consensus.core.turn import Turn
from tests.simulation import shell
from tests.simulation import wrong_guesses as guesses
from tests.simulation import wrong_rules as rules
from tests.simulation import wrong_shell as around
from tests.simulation.shell import Node
from tests.simulation.wrong_rules import core_step

Patch = tuple[object, str, Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """Patches, the kind of scenario that shows them, and within how many seeds it does.

    No seeds: chance hardly finds it, and a directed test must (test_directed.py).
    """

    patches: tuple[Patch, ...]
    kind: str = "swarm"
    seeds: int = 20


def _one(target: object, name: str, wrong: Any, kind: str = "swarm", seeds: int = 20) -> Mutant:
    return Mutant(((target, name, wrong),), kind, seeds)


VOTING: dict[str, Mutant] = {
    "quorum of 50 %": Mutant(
        (
            (tally, "reaches_quorum", rules.half_is_enough),
            (quorum_certificates, "reaches_quorum", rules.half_is_enough),
        )
    ),
    "votes counted twice": Mutant(
        (
            (tally, "count", rules.count_again),
            (filters, "is_wanted", rules.wanted_again),
            (shell, "is_wanted", rules.wanted_again),
        )
    ),
    "COMMIT after CANCEL": _one(voting, "may_commit", rules.commit_after_cancel),
    "double PREFER": _one(voting, "may_prefer", rules.prefer_again),
    "double PREFER without a guard": Mutant(
        (
            (voting, "may_prefer", rules.prefer_again),
            (ballots, "may_cast", around.no_second_check),
        )
    ),
    "PREFER after CANCEL": _one(voting, "may_prefer", rules.prefer_after_cancel),
    "second proposal": _one(voting, "may_propose", rules.propose_again),
    "never CANCEL": _one(voting, "may_cancel", rules.never_cancel),
    "early timestamps": _one(voting, "fits_parent", rules.any_spacing, "stampers"),
    "timestamps of the future": _one(voting, "acceptable_from_ms", rules.any_future, "stampers"),
    "PREFER before execution": _one(State, "is_executed", rules.all_is_executed),
    "PREFER of what does not execute": _one(core_step, "on_rejected", rules.rejected_is_executed),
    "no parent check": _one(voting, "has_notar", rules.any_parent, "forgers", 80),
    "no NOTAR check": _one(voting, "has_notar", rules.any_repeat, seeds=0),
    "no NULL check": _one(voting, "is_nullified_between", rules.no_nulls, "stale", 80),
}
EPOCHS: dict[str, Mutant] = {
    "no re-proposal": _one(voting, "may_repeat", rules.never_repeat, "long", 30),
    "next instance on NOTAR": _one(core_step, "settle", rules.settle_on_notar),
    "past the edge": Mutant(
        (
            (voting, "may_repeat", rules.never_repeat),
            (voting, "is_within_epoch", rules.any_height),
        )
    ),
    "votes of another instance counted": Mutant(
        (
            (filters, "is_wanted", rules.wanted_from_any_instance),
            (shell, "is_wanted", rules.wanted_from_any_instance),
        )
    ),
    "certificates of another instance": Mutant(
        (
            (filters, "wants_certificate", rules.wants_any_instance),
            (shell, "wants_certificate", rules.wants_any_instance),
        )
    ),
}
PROOFS: dict[str, Mutant] = {
    "certificates without a quorum": _one(
        QuorumCertificate, "check_quorum", rules.no_quorum_needed
    ),
    "only the first signature verified": _one(
        certificates, "certificate_witnesses", around.first_witness_only
    ),
    "legal votes held against the voter": _one(ViewState, "opposite", rules.legal_pair_accused),
    "views of any future kept": _one(filters, "VIEWS_AHEAD_MAX", 10**9),
    "FINAL without ancestors": _one(finality, "chain_below", rules.final_without_ancestors),
    "no sync timer": _one(catchup, "tick", rules.do_nothing),
    "nothing said again": _one(catchup, "repeat", rules.do_nothing),
}
LOG: dict[str, Mutant] = {
    "no fsync": _one(VoteWal, "_write", around.write_without_sync, "disks"),
    "failed fsync ignored": _one(VoteWal, "_write", around.ignore_failed_sync, "disks"),
    "vote sent before fsync": _one(Performer, "perform", around.send_before_logging, "disks"),
    "damaged log accepted": _one(VoteWal, "_require_torn", around.accept_damage, "damaged"),
    "torn write refused": _one(wal, "_looks_torn", around.refuse_torn_writes, "disks"),
    "torn write kept": _one(VoteWal, "_recover", around.keep_torn_tail, "disks"),
    "log of another key accepted": _one(
        VoteWal, "_require_own_file", around.accept_any_owner, "disks"
    ),
    "log of another instance accepted": _one(
        recovery, "belongs", rules.record_of_any_instance, "honest", 80
    ),
    "key reused after a restart": _one(VoteWal, "records", around.only_permission),
    "core without its log": _one(Node, "_restored", around.forgetful_core),
    "rewrite forgets open views": _one(ballots, "_outlives", around.outlives_every_epoch, "disks"),
    "body not durable": _one(Node, "crash", around.forget_bodies, "honest", 30),
}
LOSSES: dict[str, Mutant] = {
    "signs below its log's floor": _one(
        State, "may_sign", property(rules.sign_below_the_floor), "lost"
    ),
    "signs at once after a lost disk": _one(
        probation, "may_start_signing", around.sign_at_once, "wiped"
    ),
    "signs in a new instance after a lost disk": _one(
        probation, "may_start_signing", around.sign_in_a_new_instance, "wiped", 160
    ),
    "a file that is merely there is trusted": _one(
        shell, "is_trusted", lambda records: True, "wiped"
    ),
    "one liar silences a new chain": _one(probation, "has_just_begun", around.unanimously_new),
}
STRANGERS: dict[str, Mutant] = {
    "one block at two heights counted together": _one(tally, "count", guesses.count_by_name),
    "one member one vote": _one(tally, "count", guesses.count_heads),
    "certificates weighed by heads": _one(QuorumCertificate, "check_weight", guesses.weigh_heads),
    "two thirds are enough": Mutant(
        (
            (tally, "reaches_quorum", guesses.two_thirds),
            (quorum_certificates, "reaches_quorum", guesses.two_thirds),
        )
    ),
    "epoch beside a vote unchecked": Mutant(
        (
            (filters, "is_wanted", guesses.wanted_of_any_epoch),
            (shell, "is_wanted", guesses.wanted_of_any_epoch),
        )
    ),
    "NULL of the last skipped view unchecked": _one(
        voting, "is_nullified_between", guesses.all_but_the_last_null, "stale", 80
    ),
    "a NOTAR view can be skipped": _one(
        voting, "is_nullified_between", guesses.null_or_notar, "stale", 80
    ),
    "a repetition rests on the parent": _one(voting, "has_notar", guesses.repeat_on_the_parent),
    "anybody may propose": Mutant(
        (
            (voting, "is_justified", guesses.justified_for_anybody),
            (filters, "wants_proposal", guesses.wants_from_anybody),
            (shell, "wants_proposal", guesses.wants_from_anybody),
        )
    ),
    "tip over gaps": _one(voting, "tip", guesses.tip_over_gaps, seeds=0),
    "CANCEL after COMMIT": Mutant(
        (
            (voting, "may_cancel", guesses.cancel_after_commit),
            (recovery, "view_after", guesses.stays_after_commit),
        )
    ),
    "CANCEL after COMMIT without a guard": Mutant(
        (
            (voting, "may_cancel", guesses.cancel_after_commit),
            (recovery, "view_after", guesses.stays_after_commit),
            (guard, "_require_legal_vote", guesses.legal_but_for_cancel),
        )
    ),
    "timer of another view": _one(core_step, "on_timer", guesses.any_timer, "calm"),
    "views thirty times as long": _one(timing, "cancel_at_ms", guesses.thirty_times_as_long),
    "views never get longer": _one(timing, "cancel_at_ms", guesses.never_slower, "far"),
    "views live on at the edge": _one(core_step, "in_next_epoch", guesses.views_live_on),
    "voters of the epoch before": _one(core_step, "in_next_epoch", guesses.same_voters_again),
    "log of later epochs forgotten": _one(
        recovery, "replay", guesses.nothing_of_later_epochs, "lost"
    ),
    "only finals are floors": _one(recovery, "floor_of", guesses.only_finals_are_floors, "lost"),
    "rewrite forgets the permission": _one(
        ballots, "_outlives", guesses.outlives_without_permission, "disks"
    ),
    "rewrite forgets the floor": _one(
        ballots, "_outlives", guesses.outlives_without_floor, seeds=0
    ),
    "proposals not logged": _one(ballots, "_record", guesses.votes_only),
    "new to us is new": _one(probation, "may_start_signing", guesses.new_to_us, "wiped"),
    "an absurd head is waited for": _one(probation, "_reached", guesses.all_heads, seeds=0),
    "probation without distance": _one(probation, "PROBATION_VIEWS", 0, seeds=0),
    "a contradiction is waited out": Mutant(
        (
            (filters, "contradicts_final", guesses.nothing_contradicts),
            (finality, "chain_below", guesses.incomplete_for_ever),
        ),
        "overrun",
    ),
    "COMMIT and CANCEL convict nobody": _one(ViewState, "opposite", guesses.no_opposite),
    "a certificate convicts nobody of another vote": Mutant(
        (
            (filters, "suspects", rules.nobody_suspected),
            (turn, "suspects", rules.nobody_suspected),
        )
    ),
    "a vote after its certificate convicts nobody": _one(
        core_step, "certificates_against", rules.nothing_against
    ),
    "two proposals convict nobody": _one(Turn, "accuse", guesses.votes_convict_only),
    "certificates convict nobody": _one(
        turn, "certificates_conflict", guesses.no_conflict, seeds=0
    ),
    "accused again and again": _one(Turn, "accuse", guesses.accuse_again),
    "any number of proposals": _one(filters, "PROPOSALS_PER_VIEW_MAX", 10**9),
    "old views keep their votes": _one(catchup, "VIEWS_BEHIND_MAX", 10**9, seeds=0),
    "old open views not said again": _one(
        catchup, "repeat", guesses.repeat_this_view_only, seeds=0
    ),
}
"""Chosen by a stranger to this code, before reading the others."""

MUTANTS: dict[str, Mutant] = {**VOTING, **EPOCHS, **PROOFS, **LOG, **LOSSES, **STRANGERS}

FIRST_SEEDS = {
    "no parent check": 35,
    "no NULL check": 4,
    "votes of another instance counted": 8,
    "certificates without a quorum": 6,
    "no sync timer": 14,
    "nothing said again": 9,
    "failed fsync ignored": 11,
    "rewrite forgets open views": 5,
    "signs in a new instance after a lost disk": 45,
    "one liar silences a new chain": 4,
    "one block at two heights counted together": 5,
    "certificates weighed by heads": 12,
    "two thirds are enough": 5,
    "NULL of the last skipped view unchecked": 11,
    "a NOTAR view can be skipped": 4,
    "CANCEL after COMMIT": 6,
    "CANCEL after COMMIT without a guard": 6,
    "views live on at the edge": 10,
}
"""Of rules that few seeds show: which to try first."""


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with one rule replaced."""
    patches = [patch.object(*each) for each in MUTANTS[name].patches]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def first_caught(name: str, run: Callable[[int, str], Any]) -> tuple[int, str] | None:
    """The first seed tried whose run shows the mutant, and what it shows."""
    mutant = MUTANTS[name]
    with mutated(name):
        for seed in (FIRST_SEEDS.get(name, 0), *range(mutant.seeds)):
            found = run(seed, mutant.kind).violation
            if found is not None:
                return seed, found
    return None
