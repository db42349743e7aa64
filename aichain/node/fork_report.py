"""At a halt: says what this home knows of a fork, and keeps what it was shown of the other side."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from aichain.chain import Chain
from aichain.config import NodeConfig
from aichain.disclosure import disclosure_of
from aichain.errors import StoreFailed
from aichain.machine import RunBlocking
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.wal import VoteWal
from consensus.certificates import QuorumCertificate
from consensus.evidence import ConflictingVotes
from consensus.forensics import convicted
from consensus.fork_proof import Epoch
from consensus.records import CertificateSeen, encode_record
from genesis.units import format_address
from genesis.validators import ValidatorSet
from native.errors import AIChainError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guilty:
    """Members of one epoch that signed twice in it, and a proof against each."""

    epoch: Epoch
    proofs: Mapping[int, ConflictingVotes]


class ForkReport:
    """The process ends after it, so that the data directory is all that is left to ask."""

    def __init__(
        self,
        chain: Chain,
        wal: VoteWal | None,
        archive: CertificateArchive,
        config: NodeConfig,
        run_blocking: RunBlocking,
    ) -> None:
        self._chain = chain
        self._wal = wal
        self._archive = archive
        self._config = config
        self._run_blocking = run_blocking

    async def tell(self, certificate: QuorumCertificate) -> Guilty | None:
        """`certificate` made a block, or of two lanes a checkpoint, final that is not on our chain,
        or does not execute here.

        Answers whom this home convicts; None where that cannot be read.
        """
        await self._run_blocking(self._keep, certificate)
        log.error("final elsewhere: %s", _words(certificate))
        guilty = await self._run_blocking(self._look_up, certificate)
        log.error(
            "this home holds one side: `aichain fork-proof export %s --out FILE --%s %d` writes "
            "what it knows, for `aichain fork-proof find` to lay beside the other side's",
            self._config.home,
            "checkpoint" if self._chain.document.has_lanes else "epoch",
            self._part(certificate),
        )
        return guilty

    def contested_height(self, certificate: QuorumCertificate) -> int:
        """Of a block that both chains have: of two lanes, where our checkpoint of its number ends,
        or our last one."""
        decisions = self._chain.decisions
        if not self._chain.document.has_lanes:
            return certificate.height
        ours = decisions.next_from(certificate.height) or decisions.last
        return 0 if ours is None else ours.checkpoint.block_height

    def _part(self, certificate: QuorumCertificate) -> int:
        """Of two lanes the checkpoint, whose ballot has its number for a height."""
        has_lanes = self._chain.document.has_lanes
        return certificate.height if has_lanes else certificate.epoch

    def _ours(self, height: int) -> QuorumCertificate | None:
        if not self._chain.document.has_lanes:
            return self._chain.blocks.certificate_at(height)
        kept = self._chain.decisions.next_from(height)
        return None if kept is None or kept.checkpoint.number != height else kept.certificate

    def _keep(self, certificate: QuorumCertificate) -> None:
        """With what still waited for a vote that will not come."""
        self._archive.add([encode_record(CertificateSeen(certificate))])
        if self._wal is None:
            return
        try:
            self._wal.append()
        except StoreFailed as error:
            log.error("what waited for a vote is lost: %s", error)

    def _look_up(self, certificate: QuorumCertificate) -> Guilty | None:
        """The node halts in any case: what cannot be read is only not said."""
        try:
            ours = self._ours(certificate.height)
            if ours is not None:
                log.error("final here: %s", _words(ours))
            return self._name_the_guilty(certificate)
        except (AIChainError, OSError) as error:
            log.error("nobody can be named: %s", error)
            return None

    def _name_the_guilty(self, certificate: QuorumCertificate) -> Guilty:
        disclosure = disclosure_of(self._chain, self._config.data_dir, self._part(certificate))
        validators = disclosure.epoch.validators
        guilty = convicted(disclosure.certificates, disclosure.epoch.instance_id)
        for index in guilty:
            log.error("signed twice: validator %d, %s", index, _who(validators, index))
        named = sum(validators[index].stake for index in guilty)
        log.error(
            "%d %% of the stake signed twice, as far as this home shows",
            100 * named // validators.total_stake,
        )
        return Guilty(disclosure.epoch, guilty)


def _words(certificate: QuorumCertificate) -> str:
    voters = ", ".join(map(str, certificate.voter_indices))
    return (
        f"0x{certificate.block_id.hex()}, at height {certificate.height}, by COMMITs of view "
        f"{certificate.view} of epoch {certificate.epoch}, signed by validators {voters}"
    )


def _who(validators: ValidatorSet, index: int) -> str:
    validator = validators[index]
    percent = 100 * validator.stake // validators.total_stake
    return f"{format_address(validator.address)}, {percent} % of the stake"
