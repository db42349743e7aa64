"""Wrong rules that whole nodes show: what becomes of evidence, of a fork, and of who is away."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from aichain.node import bodies, joiner
from aichain.node.accuser import Accuser
from aichain.node.ballots import Ballots
from aichain.node.certificates import CertificateDesk
from aichain.node.finalizer import Finalized
from aichain.node.fork_watch import ForkWatch
from aichain.node.syncer import PeerLied, Syncer
from aichain.store import durable
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.joining import JoiningChain
from aichain.store.keys import part_key, state_key
from aichain.store.wal import VoteWal
from consensus import forensics
from consensus.evidence import votes_conflict
from consensus.votes import Vote
from genesis.units import Address
from native import codec
from p2p.network import PeerView
from vm import anchors, apply, execute, staking
from vm.candidates import list_candidate
from vm.commitment import Subtree, key_hash
from vm.draft import Draft
from vm.errors import NotJailed
from vm.receipts import Event, EventKind
from vm.records import ValidatorRecord
from vm.snapshot import Part, PartRecords


async def do_nothing(*_: object) -> None:
    """Nobody is told of an offence; no proof is kept; no signature is looked at."""


async def any_fork_is_a_lie(*_: object) -> None:
    """Blocks that do not follow ours are the peer's fault, whoever signed them."""
    raise PeerLied("its blocks do not follow ours")


def keep_nothing(*_: object) -> None:
    """What leaves the vote log, or is damaged in it, is gone."""


def same_phase_only(first: Vote, second: Vote) -> bool:
    """Two votes of one phase convict; COMMIT together with CANCEL does not."""
    return first.phase is second.phase and votes_conflict(first, second)


def any_part(raw: bytes, part: Part, _prefix: int) -> PartRecords:
    """Whatever decodes to records is what was asked for."""
    decoded = codec.decode(raw, max_bytes=len(raw), max_items=2 * part.records, max_depth=1)
    fields = [codec.bounded(each, len(raw)) for each in codec.sequence(decoded, 2 * part.records)]
    keys, values = fields[::2], fields[1::2]
    places = sorted((key_hash(key), value) for key, value in zip(keys, values, strict=True))
    subtree = Subtree.build([each for each, _ in places], [each for _, each in places], part.depth)
    return PartRecords(dict(zip(keys, values, strict=True)), subtree)


def mark_before_part(chain: JoiningChain, index: int, records: Mapping[bytes, bytes]) -> None:
    """The mark that a part is here is on the disk a moment before the part is."""
    chain._database.write({part_key(index): b""}, sync=False)
    chain._database.write({state_key(key): records[key] for key in records}, sync=False)


async def explains_nothing(*_: object) -> bool:
    """Nobody is asked for its anchors: what it signs elsewhere is forged here."""
    return False


def only_anchors(self: ForkWatch, peer: PeerView) -> int | None:
    """Whose epoch began on our block is on our chain, whatever it calls final."""
    return peer.epoch * self._epoch_blocks if self.is_foreign(peer) else None


def jail_nobody(*_: object) -> None:
    """Who is away stays in the set."""


def unjail_at_once(draft: Draft, owner: Address) -> tuple[Event, ...]:
    """Whoever asks is out of jail."""
    record = staking.validator_of(draft, owner)
    if not record.jailed_until:
        raise NotJailed(owner)
    staking._put_validator(draft, owner, replace(record, jailed_until=0))
    return (Event(EventKind.UNJAILED, (owner,)),)


def list_the_jailed(draft: Draft, record: ValidatorRecord) -> None:
    """Who is in jail is a candidate like any other."""
    free = record if record.is_tombstoned else replace(record, jailed_until=0)
    list_candidate(draft, free)


def sync_nothing(*_: object) -> None:
    """New names may be gone when the power fails."""


def costs_nothing(*_: object) -> None:
    """A block that breaks a rule is refused, and its proposer does not pay."""


def any_roots(*_: object) -> None:
    """A header may say what it likes of the state that it stands on."""


_PATCHES: dict[str, tuple[object, str, Any, str]] = {
    "nobody is accused": (Accuser, "accuse", do_nothing, "guilty"),
    "certificates are believed": (CertificateDesk, "_verify", do_nothing, "liars"),
    "proofs are not logged": (Ballots, "keep", do_nothing, "witness"),
    "old certificates are not kept": (CertificateArchive, "add", keep_nothing, "beyond"),
    "COMMIT and CANCEL of a fork convict nobody": (
        forensics,
        "votes_conflict",
        same_phase_only,
        "beyond",
    ),
    "anchors are not compared": (ForkWatch, "judge", explains_nothing, "edges"),
    "who halts goes in silence": (Finalized, "contest", keep_nothing, "beyond"),
    "final blocks are not compared": (ForkWatch, "_contested", only_anchors, "beyond"),
    "a fork is a lie": (Syncer, "_judge_fork", any_fork_is_a_lie, "beyond"),
    "no sync of the directory": (durable, "_sync", sync_nothing, "swarm"),
    "bad blocks cost nothing": (bodies, "charge_proposer", costs_nothing, "producers"),
    "any parent roots": (apply, "require_parent_roots", any_roots, "producers"),
    "any part of a snapshot": (joiner, "read_part", any_part, "joiners"),
    "a damaged log is cut off": (VoteWal, "_require_torn", keep_nothing, "rot"),
    "marked before the part": (JoiningChain, "write_part", mark_before_part, "joiners"),
    "nobody is jailed": (anchors, "jail", jail_nobody, "absent"),
    "unjail without waiting": (execute, "apply_unjail", unjail_at_once, "absent"),
    "seats for the jailed": (staking, "list_candidate", list_the_jailed, "absent"),
}
SHOWN_BY = {name: kind for name, (*_, kind) in _PATCHES.items()}
FIRST_SEEDS = {"a damaged log is cut off": 5, "marked before the part": 2}
"""Of rules that few seeds show: which to try first."""


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with one rule replaced."""
    target, attribute, wrong, _ = _PATCHES[name]
    with patch.object(target, attribute, wrong):
        yield
