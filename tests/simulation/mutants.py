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
from consensus import guard
from consensus.certificates import QuorumCertificate
from consensus.core import catchup, filters, finality, recovery, tally, voting
from consensus.core.state import State, ViewState
from tests.simulation import shell
from tests.simulation import wrong_rules as rules
from tests.simulation import wrong_shell as around
from tests.simulation.shell import Node
from tests.simulation.wrong_rules import core_step

Patch = tuple[object, str, Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """Patches, the kind of scenario that shows them, and within how many seeds it does.

    No seeds: chance hardly finds it, and a directed schedule must (test_edge_schedule.py).
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
    "early timestamps": _one(voting, "fits_parent", rules.any_spacing, "long", 60),
    "timestamps of the future": _one(voting, "acceptable_from_ms", rules.any_future),
    "PREFER before execution": _one(State, "is_executed", rules.all_is_executed),
    "PREFER of what does not execute": _one(core_step, "on_rejected", rules.rejected_is_executed),
    "no parent check": _one(voting, "has_notar", rules.any_parent, "forgers", 80),
    "no NOTAR check": _one(voting, "has_notar", rules.any_repeat, seeds=0),
    "no NULL check": _one(voting, "is_nullified_between", rules.no_nulls, seeds=0),
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
        guard, "may_start_signing", around.sign_at_once, "wiped"
    ),
    "signs in a new instance after a lost disk": _one(
        guard, "may_start_signing", around.sign_in_a_new_instance, "wiped", 160
    ),
    "a file that is merely there is trusted": _one(
        shell, "is_trusted", lambda records: True, "wiped"
    ),
    "one liar silences a new chain": _one(guard, "has_just_begun", around.unanimously_new),
}
MUTANTS: dict[str, Mutant] = {**VOTING, **EPOCHS, **PROOFS, **LOG, **LOSSES}


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
    """The first seed whose run shows the mutant, and what it shows."""
    mutant = MUTANTS[name]
    with mutated(name):
        for seed in range(mutant.seeds):
            found = run(seed, mutant.kind).violation
            if found is not None:
                return seed, found
    return None
