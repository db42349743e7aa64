"""What a light client believes: from one trusted header to any final block and state record.

Nothing here asks or waits. The caller brings what an untrusted server said, and a function that
checks signatures; what comes back follows from the trusted header, or is refused by name.

A certificate names its instance, and with it the genesis, the epoch, the validator set and the
block the epoch began with: whoever signs it vouches for all four. So a header certified in a later
epoch is believed without those between if its voters are still the trusted ones: the same set, the
set that the trusted header names as the next, or signers with so much of the trusted set's stake
that one of them is honest. Otherwise the anchors in between say how the set changed. All of it
rests on stake that can still be lost, and therefore on a trusted header that is not too old.

On a chain of two lanes the certificate is of a checkpoint, which names the block that it makes
final. A committee's certificate is never enough: it names an instance of the fast lane.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from consensus.certificates import QuorumCertificate, certificate_witnesses
from consensus.errors import (
    AncestorUnproven,
    ForeignInstance,
    ForeignValidators,
    NotFinal,
    OlderThanTrusted,
    OtherChain,
    PathBroken,
    ReceiptUnproven,
    RecordUnproven,
    TransactionUnproven,
    TrustContradicted,
    TrustTooOld,
    ValidatorsUnknown,
)
from consensus.instance import instance_id
from consensus.quorum import outweighs_faulty
from consensus.votes import VotePhase
from genesis.checkpoints import Checkpoint
from genesis.document import GenesisDocument
from genesis.validators import ValidatorSet
from native.errors import InvalidSignature
from native.hashing import Hash32
from native.merkle import MerkleProof, verify_leaf
from native.signatures import SignatureItem
from vm.blocks import Header, genesis_header
from vm.commitment import StateProof, verify_proof
from vm.mmr import MmrProof, verify_ancestor

TRUST_MAX_MS: Final = 14 * 24 * 3600 * 1000
"""Two thirds of the 21 days for which stake stays locked and evidence counts."""

Verify: TypeAlias = Callable[[Sequence[SignatureItem]], Sequence[bool]]


@dataclass(frozen=True, slots=True)
class Trust:
    """A header that is final, and its epoch's voters where they are known."""

    header: Header
    validators: ValidatorSet | None = None

    def __post_init__(self) -> None:
        known = self.validators
        assert known is None or known.hash == self.header.vset_hash, "the set is the header's"


@dataclass(frozen=True, slots=True)
class Finality:
    """A server's claim that blocks are final; nothing of it is believed before `verify_finality`.

    `headers` lead from the certified block (first) down by parent; `start_id` is the last block of
    the epoch before, `validators` those that voted. With a `checkpoint`, it is what they voted
    for, it ends at the certified block, and `start_id` is the checkpoint before.
    """

    certificate: QuorumCertificate
    start_id: Hash32
    headers: tuple[Header, ...]
    validators: ValidatorSet
    checkpoint: Checkpoint | None = None

    @property
    def height(self) -> int:
        """That of the certified block."""
        checkpoint = self.checkpoint
        return self.certificate.height if checkpoint is None else checkpoint.block_height


def genesis_trust(document: GenesisDocument) -> Trust:
    """Block 0, which follows from the document alone."""
    voters = document.validator_set
    header = genesis_header(document.hash, document.genesis_time_ms, voters.hash, document.seed)
    return Trust(header, voters)


def trust_limit_ms(document: GenesisDocument) -> int:
    """How old a trusted header may be: two thirds of the time for which stake stays locked."""
    blocks, block_time_ms = document.staking.unbonding_blocks, document.consensus.block_time_ms
    return blocks * block_time_ms * 2 // 3


def require_recent(header: Header, now_ms: int, limit_ms: int = TRUST_MAX_MS) -> None:
    """Refuse a trusted header of a time when other people may have had the stake."""
    if now_ms - header.timestamp_ms > limit_ms:
        raise TrustTooOld(header.height, now_ms - header.timestamp_ms, limit_ms)


def climb(
    trust: Trust, claim: Finality, verify: Verify
) -> Generator[int, Finality, tuple[Trust, int]]:
    """From trust to a claimed head: the trust in it, and how many certificates that took.

    Yields the number of an epoch whenever that epoch's anchor is needed, and is sent it.
    """
    waiting, verified = [claim], 0
    while waiting:
        try:
            trust = verify_finality(trust, waiting[-1], verify)
        except ValidatorsUnknown as error:
            epoch = max(trust.header.epoch + 1, (trust.header.epoch + error.epoch) // 2)
            anchor = yield epoch
            if anchor.certificate.epoch != epoch:
                raise NotFinal(anchor.height, f"an anchor of epoch {epoch} was asked for") from None
            waiting.append(anchor)
        else:
            waiting.pop()
            verified += 1
    return trust, verified


def verify_finality(trust: Trust, claim: Finality, verify: Verify) -> Trust:
    """Trust in the certified header of a claim, and so in all that it names.

    Raises Unproven, InvalidCertificate, InvalidSignature; ValidatorsUnknown where only an anchor
    between the two can tell.
    """
    header, certificate = claim.headers[0], claim.certificate
    if header.height < trust.header.height or header.epoch < trust.header.epoch:
        raise OlderThanTrusted(trust.header.height, header.height)
    _require_path(trust.header, claim.headers)
    _require_final(header, claim)
    _require_own_set(header, claim)
    certificate.check_weight([each.stake for each in claim.validators])
    _require_entitled(trust, claim)
    if not all(verify(certificate_witnesses(certificate, claim.validators))):
        raise InvalidSignature(subject=f"the certificate of block {header.height}")
    for each in claim.headers:
        if each.height == trust.header.height and each.id != trust.header.id:
            raise TrustContradicted(each.height, trust.header.id, each.id)
    return Trust(header, claim.validators)


def verify_ancestor_header(certified: Header, header: Header, proof: MmrProof) -> None:
    """Refuse a header that is not shown to be the certified one's ancestor, or itself."""
    if header.id == certified.id:
        return
    is_shown = (proof.count, proof.index) == (certified.height, header.height)
    if not is_shown or not verify_ancestor(certified.header_mmr_root, header.id, proof):
        raise AncestorUnproven(header.height, certified.height)


def verify_record(child: Header, key: bytes, value: bytes | None, proof: StateProof) -> None:
    """Refuse a record that is not in the state that a final header's parent left behind."""
    if not verify_proof(child.parent_state_root, key, value, proof):
        raise RecordUnproven(key, child.height - 1)


def verify_transaction(header: Header, tx_id: Hash32, proof: MerkleProof) -> None:
    """Refuse a transaction that is not in the final header's block."""
    if not verify_leaf(header.tx_root, tx_id, proof):
        raise TransactionUnproven(tx_id, header.height)


def verify_receipt(child: Header, raw: bytes, proof: MerkleProof) -> None:
    """Refuse a receipt that is not one of the block before the final header."""
    if not verify_leaf(child.parent_receipts_root, raw, proof):
        raise ReceiptUnproven(proof.index, child.height - 1)


def _require_path(trusted: Header, headers: tuple[Header, ...]) -> None:
    child: Header | None = None
    for header in headers:
        if header.genesis_hash != trusted.genesis_hash:
            raise OtherChain(trusted.genesis_hash, header.genesis_hash)
        if child is not None and (child.parent_id, child.height) != (header.id, header.height + 1):
            raise PathBroken(header.height)
        child = header


def _require_final(header: Header, claim: Finality) -> None:
    certificate, checkpoint = claim.certificate, claim.checkpoint
    if certificate.phase is not VotePhase.COMMIT:
        raise NotFinal(header.height, f"its votes are of phase {certificate.phase.name}")
    signed = (certificate.block_id, certificate.height, certificate.epoch)
    if checkpoint is not None:
        if signed != (checkpoint.id, checkpoint.number, checkpoint.epoch):
            raise NotFinal(header.height, "its votes are for another checkpoint")
        if checkpoint.next_vset_hash not in (header.vset_hash, header.next_vset_hash):
            raise NotFinal(header.height, "its checkpoint names another validator set")
        signed = (checkpoint.block_id, checkpoint.block_height, checkpoint.epoch)
    if signed != (header.id, header.height, header.epoch):
        raise NotFinal(header.height, "its votes are for another block")


def _require_own_set(header: Header, claim: Finality) -> None:
    """The set is the header's, and the votes were cast in an instance of that set."""
    voters = claim.validators
    if voters.hash != header.vset_hash:
        raise ForeignValidators(header.epoch, header.vset_hash, voters.hash)
    checkpoint = claim.checkpoint
    term = 0 if checkpoint is None else checkpoint.number
    named = instance_id(header.genesis_hash, header.epoch, voters.hash, claim.start_id, term=term)
    starts = checkpoint is None or checkpoint.parent_id == claim.start_id
    if not starts or claim.certificate.instance_id != named:
        raise ForeignInstance(named, claim.certificate.instance_id)


def _require_entitled(trust: Trust, claim: Finality) -> None:
    """Those who signed are those whom the trusted header makes us believe."""
    trusted, epoch, voters = trust.header, claim.certificate.epoch, claim.validators
    if epoch <= trusted.epoch + 1:
        expected = trusted.vset_hash if epoch == trusted.epoch else trusted.next_vset_hash
        if voters.hash != expected:
            raise ForeignValidators(epoch, expected, voters.hash)
    elif voters.hash not in (trusted.vset_hash, trusted.next_vset_hash):
        known = trust.validators
        if known is None:
            raise ValidatorsUnknown(epoch, 0, 0)
        signers = {voters[index].public_key for index in claim.certificate.voter_indices}
        weight = sum(each.stake for each in known if each.public_key in signers)
        if not outweighs_faulty(weight, known.total_stake):
            raise ValidatorsUnknown(epoch, weight, known.total_stake)
