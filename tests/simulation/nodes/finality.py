"""What an honest node calls final rests on a certificate that holds, whatever the node checked."""

from fractions import Fraction
from itertools import pairwise
from typing import Final

from aichain.chain import Chain
from aichain.store.decisions import finality_of
from consensus.certificates import QuorumCertificate, certificate_witnesses
from consensus.instance import instance_id
from consensus.light import Finality
from consensus.votes import VotePhase
from native.batch import verify_many
from tests.simulation.nodes.violation import Violation
from vm.blocks import Header

QUORUM: Final = Fraction(69, 100)


class FinalityChecker:
    """Looks at each certificate once, in the chain that it makes final blocks of."""

    def __init__(self) -> None:
        self.verified: set[QuorumCertificate] = set()

    def check(self, index: int, chain: Chain, header: Header) -> None:
        """A FINAL of this block, or of one above, by 69 % of the stake of its epoch."""
        claim = finality_of(chain.blocks, chain.decisions, header.height)
        if claim is None:
            if header.height >= chain.blocks.first:
                raise Violation(f"node {index} has no certificate for {header.height}")
            return
        line = claim.headers
        linked = all(
            (child.parent_id, child.height) == (parent.id, parent.height + 1)
            for child, parent in pairwise(line)
        )
        if not linked or line[-1].id != header.id:
            raise Violation(f"node {index}: the certificate for {header.height} is of other blocks")
        if claim.certificate in self.verified:
            return
        flaw = flaw_of(claim)
        if flaw:
            raise Violation(f"node {index}: {flaw} of the certificate for {header.height}")
        self.verified.add(claim.certificate)


def flaw_of(claim: Finality) -> str:
    """Which part of a certificate does not hold; none: empty.

    Where its instance begins is the chain's own word, which all chains are compared by.
    """
    certificate, header, voters = claim.certificate, claim.headers[0], claim.validators
    checkpoint, indices = claim.checkpoint, claim.certificate.voter_indices
    term, start_id = 0 if checkpoint is None else checkpoint.number, claim.start_id
    named = instance_id(header.genesis_hash, header.epoch, header.vset_hash, start_id, term=term)
    subject = header.id if checkpoint is None else checkpoint.id
    is_of_block = checkpoint is None or checkpoint.block_id == header.id
    if certificate.phase is not VotePhase.COMMIT:
        return "the phase"
    if certificate.block_id != subject or not is_of_block:
        return "the block"
    if certificate.instance_id != named or voters.hash != header.vset_hash:
        return "the instance"
    if len(indices) != len(certificate.signatures) or max(indices, default=0) >= len(voters):
        return "the voters"
    if Fraction(sum(voters[each].stake for each in indices), voters.total_stake) < QUORUM:
        return "the weight"
    if not all(verify_many(certificate_witnesses(certificate, voters))):
        return "a signature"
    return ""
