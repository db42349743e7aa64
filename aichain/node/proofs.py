"""What this validator can prove against others, until the chain has punished it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aichain.chain import Chain
from consensus.records import ProofFound
from genesis import limits
from genesis.units import Address
from native.codec import decode, encode
from vm.draft import Draft
from vm.errors import InvalidTransaction
from vm.offences import exposed_to
from vm.system_bodies import EVIDENCE_FIELDS, Evidence, evidence_fields, evidence_from_fields
from vm.validator_errors import EvidenceTooEarly


class _Held(NamedTuple):
    body: Evidence
    record: ProofFound


class Proofs:
    """One for each offender. They are in the vote log, so that a restart forgets none: votes are
    not relayed, and nobody else may have seen both."""

    def __init__(self, chain: Chain, records: Iterable[object]) -> None:
        self._chain = chain
        self._held: dict[Address, _Held] = {}
        for record in records:
            if isinstance(record, ProofFound):
                body = _body_of(record)
                self._held[body.offender] = _Held(body, record)

    def wants(self, body: Evidence) -> bool:
        """Whether it can cost somebody something against whom we have none."""
        return body.offender not in self._held and self._is_open(body)

    @property
    def is_full(self) -> bool:
        """Whether there is room for no other offender."""
        return len(self._held) >= limits.ACCUSATIONS_MAX

    def add(self, body: Evidence) -> ProofFound:
        """Keep it; what is to be logged."""
        record = ProofFound(encode(evidence_fields(body)))
        self._held = {**self._held, body.offender: _Held(body, record)}
        return record

    def unpunished(self) -> Sequence[Evidence]:
        """Those that can still cost somebody something; the others are forgotten here."""
        self._held = {at: held for at, held in self._held.items() if self._is_open(held.body)}
        return tuple(body for body, _ in self._held.values())

    def holds(self, record: ProofFound) -> bool:
        """Whether a record has to stay in the log; from any thread."""
        return any(held.record == record for held in self._held.values())

    def _is_open(self, body: Evidence) -> bool:
        head = self._chain.head
        try:
            exposed_to(Draft(head, head.head.height + 1), body)
        except EvidenceTooEarly:
            return True  # with two lanes, of an epoch that begins when the last one is hard
        except InvalidTransaction:
            return False
        return True


def _body_of(record: ProofFound) -> Evidence:
    fields = decode(record.body, max_bytes=limits.PROOF_MAX_BYTES, max_items=EVIDENCE_FIELDS)
    return evidence_from_fields(fields)
