"""Refusals of this room: one class per broken rule, each with the numbers that disagree."""

from dataclasses import dataclass

from native.errors import AIChainError, InvalidData


class InvalidVote(InvalidData):
    """A vote that no honest validator can have sent."""


class InvalidProposal(InvalidData):
    """A proposal that no honest proposer can have sent."""


class InvalidCertificate(InvalidData):
    """Bytes that look like a quorum certificate and are none."""


class InvalidEvidence(InvalidData):
    """An accusation that its two signatures do not support."""


@dataclass(eq=False)
class MalformedVote(InvalidVote):
    """A field is outside its range, or a CANCEL names a block."""

    reason: str


@dataclass(eq=False)
class MalformedProposal(InvalidProposal):
    """The proposal and the header it carries do not belong together."""

    reason: str


@dataclass(eq=False)
class BlockMisplaced(InvalidProposal):
    """The block does not stand where its parent, its proposal or its epoch puts it."""

    field: str
    expected: int
    given: int


@dataclass(eq=False)
class StampTooEarly(InvalidProposal):
    """Less than a block time after the parent."""

    earliest_ms: int
    given_ms: int


@dataclass(eq=False)
class StampInFuture(InvalidProposal):
    """So far ahead that its view will be over before anybody may vote for it."""

    now_ms: int
    given_ms: int


@dataclass(eq=False)
class VotersMalformed(InvalidCertificate):
    """The bitmap of voters has the wrong size, foreign bits, or does not match the signatures."""

    reason: str


@dataclass(eq=False)
class QuorumNotReached(InvalidCertificate):
    """The voters of a certificate weigh too little."""

    weight: int
    total: int


@dataclass(eq=False)
class WrongInstance(InvalidCertificate):
    """The certificate belongs to another instance than the electorate it is checked against."""

    expected_epoch: int
    given_epoch: int


@dataclass(eq=False)
class NotInConflict(InvalidEvidence):
    """Both messages may be sent by an honest validator."""

    reason: str


@dataclass(eq=False)
class MalformedClose(InvalidVote):
    """A CLOSE out of range, or without the certificate of its tip."""

    reason: str


@dataclass(eq=False)
class MalformedCheckpoint(InvalidProposal):
    """A checkpoint, its proposer and its certificate do not belong together."""

    reason: str


@dataclass(eq=False)
class InvalidProof(InvalidProposal):
    """What is attached to a checkpoint does not allow it."""

    reason: str


@dataclass(eq=False)
class WrongTerm(InvalidEvidence):
    """The accusation is not about the instance it names, or about nobody in it."""

    term: int
    epoch: int


@dataclass(eq=False)
class DoubleSign(AIChainError):
    """We were about to sign against our own earlier signature: the second check has spoken."""

    epoch: int
    view: int
    reason: str


class Unproven(InvalidData):
    """What a server says does not follow from the block that is trusted."""


@dataclass(eq=False)
class OtherChain(Unproven):
    """A header of a chain that began with another genesis document."""

    expected: bytes
    given: bytes


@dataclass(eq=False)
class PathBroken(Unproven):
    """The headers do not lead from the certified block down to the one in question."""

    height: int


@dataclass(eq=False)
class NotFinal(Unproven):
    """The certificate is not one of COMMIT votes for the block it came with."""

    height: int
    reason: str


@dataclass(eq=False)
class ForeignValidators(Unproven):
    """A validator set that the trusted header does not commit to."""

    epoch: int
    expected: bytes
    given: bytes


@dataclass(eq=False)
class ForeignInstance(Unproven):
    """The certificate was signed for another chain, epoch, validator set or start."""

    expected: bytes
    given: bytes


@dataclass(eq=False)
class ValidatorsUnknown(Unproven):
    """Too few of the trusted validators signed: the anchors in between have to say who votes."""

    epoch: int
    weight: int
    total: int


@dataclass(eq=False)
class OlderThanTrusted(Unproven):
    """A head below one that was final already: the server is behind, or hides blocks."""

    trusted: int
    given: int


@dataclass(eq=False)
class TrustContradicted(Unproven):
    """The chain has another block where the trusted one stands: wrong trust, or a fork."""

    height: int
    trusted: bytes
    given: bytes


@dataclass(eq=False)
class TrustTooOld(Unproven):
    """Those who signed near the trusted block may have taken their stake and sign anything now."""

    height: int
    age_ms: int
    limit_ms: int


@dataclass(eq=False)
class AncestorUnproven(Unproven):
    """The header is not shown to lie below the certified one."""

    height: int
    certified: int


@dataclass(eq=False)
class TransactionUnproven(Unproven):
    """The transaction is not shown to stand in the block."""

    tx_id: bytes
    height: int


@dataclass(eq=False)
class ReceiptUnproven(Unproven):
    """The receipt is not shown to be that of the transaction in this place of the block."""

    index: int
    height: int


@dataclass(eq=False)
class RecordUnproven(Unproven):
    """The record is not shown to stand, or to be absent, in the certified state."""

    key: bytes
    height: int


@dataclass(eq=False)
class NoFork(InvalidData):
    """What was laid side by side does not contradict itself."""

    epoch: int
    reason: str


@dataclass(eq=False)
class ForkUnproven(InvalidData):
    """A proof of a fork does not show what it says."""

    reason: str
