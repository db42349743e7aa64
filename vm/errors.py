"""One class per broken rule of transactions and blocks, with the values that disagree."""

from dataclasses import dataclass

from native.errors import InvalidData, InvalidSignature


class InvalidTransaction(InvalidData):
    """A transaction breaks a rule: it is refused, or fails with a receipt once it was charged."""


class InvalidBlock(InvalidData):
    """A block breaks a rule: its id is bad for ever, whoever sends it."""


# --- what the bytes of a transaction alone can break


@dataclass(eq=False)
class TransactionTooLarge(InvalidTransaction):
    size_bytes: int
    limit_bytes: int


@dataclass(eq=False)
class UnsupportedTransactionVersion(InvalidTransaction):
    version: int


@dataclass(eq=False)
class UnknownKind(InvalidTransaction):
    kind: int


@dataclass(eq=False)
class UnknownAlgorithm(InvalidTransaction):
    algorithm: int


@dataclass(eq=False)
class SenderMismatch(InvalidTransaction):
    """The public key does not hash to the sender's address."""

    sender: bytes
    key_address: bytes


@dataclass(eq=False)
class RecipientIsZero(InvalidTransaction):
    pass


@dataclass(eq=False)
class AmountIsZero(InvalidTransaction):
    pass


@dataclass(eq=False)
class PeerIdMalformed(InvalidTransaction):
    """No libp2p node could have this peer id, so nobody could ever dial the validator."""

    peer_id: bytes


@dataclass(eq=False)
class PossessionUnproved(InvalidSignature):
    """The key to be registered did not sign for this owner on this network."""


@dataclass(eq=False)
class FieldOutOfRange(InvalidTransaction):
    field: str
    value: int
    limit: int


@dataclass(eq=False)
class FieldHasWrongLength(InvalidTransaction):
    field: str
    length: int
    limit: int


# --- what only the state can tell: the transaction cannot even be charged


@dataclass(eq=False)
class WrongNetwork(InvalidTransaction):
    expected: int
    given: int


@dataclass(eq=False)
class SenderUnknown(InvalidTransaction):
    """The sender has no account, so there is nothing to pay with."""

    sender: bytes


@dataclass(eq=False)
class KeyNotRevealed(InvalidTransaction):
    """The first transaction of an account must carry its public key."""

    sender: bytes


@dataclass(eq=False)
class KeyAlgorithmMismatch(InvalidTransaction):
    expected: int
    given: int


@dataclass(eq=False)
class KeyMismatch(InvalidTransaction):
    """Another key of the same address than the one that the account revealed."""

    sender: bytes


@dataclass(eq=False)
class KeyAlreadyRevealed(InvalidTransaction):
    """A key that the chain has is not shown again: anybody could add it on the way, to the id and
    the signature it is the same, and the sender would pay for its weight."""

    sender: bytes


@dataclass(eq=False)
class NonceMismatch(InvalidTransaction):
    expected: int
    given: int


@dataclass(eq=False)
class NonceTooFar(InvalidTransaction):
    expected: int
    given: int
    limit: int


@dataclass(eq=False)
class Expired(InvalidTransaction):
    valid_until: int
    height: int


@dataclass(eq=False)
class ValidUntilTooFar(InvalidTransaction):
    valid_until: int
    limit: int


@dataclass(eq=False)
class FeeTooLow(InvalidTransaction):
    """The base fee of the transaction's weight is above its fee_max."""

    required: int
    fee_max: int


@dataclass(eq=False)
class InsufficientBalance(InvalidTransaction):
    required: int
    available: int


@dataclass(eq=False)
class TransactionTooHeavy(InvalidTransaction):
    """No block could ever hold this transaction."""

    weight: int
    limit: int


# --- what makes a charged transaction fail


@dataclass(eq=False)
class AccountCreationNotCovered(InvalidTransaction):
    """Creating the recipient's account burns a fee that must also fit under fee_max."""

    required: int
    fee_max: int


@dataclass(eq=False)
class RoleNotOpen(InvalidTransaction):
    """Staking in this role earns nothing yet, so it is refused rather than locked for nothing."""

    role: int


@dataclass(eq=False)
class DelegationClosed(InvalidTransaction):
    """A validator's stake is its own until rewards are shared with delegators."""

    target: bytes


@dataclass(eq=False)
class ValidatorUnknown(InvalidTransaction):
    address: bytes


@dataclass(eq=False)
class ValidatorExists(InvalidTransaction):
    address: bytes


@dataclass(eq=False)
class ConsensusKeyTaken(InvalidTransaction):
    owner: bytes


@dataclass(eq=False)
class PeerIdTaken(InvalidTransaction):
    owner: bytes


@dataclass(eq=False)
class StakeTooSmall(InvalidTransaction):
    required: int
    given: int


@dataclass(eq=False)
class InsufficientStake(InvalidTransaction):
    required: int
    available: int


@dataclass(eq=False)
class TooManyUnbondings(InvalidTransaction):
    limit: int


@dataclass(eq=False)
class NothingToWithdraw(InvalidTransaction):
    """No unbonding has matured; next_height is when the first one does, None when there is none."""

    next_height: int | None


@dataclass(eq=False)
class NotJailed(InvalidTransaction):
    address: bytes


@dataclass(eq=False)
class JailNotOver(InvalidTransaction):
    until: int
    height: int


# --- blocks


@dataclass(eq=False)
class BodyMismatch(InvalidData):
    """A body that is not the header's: it blames the peer that sent it, never the block id."""

    root: str
    expected: bytes
    given: bytes


@dataclass(eq=False)
class WrongBlockVersion(InvalidBlock):
    """Of other rules than hold at its height here: one of two has another schedule of upgrades."""

    expected: int
    given: int


@dataclass(eq=False)
class WrongGenesis(InvalidBlock):
    expected: bytes
    given: bytes


@dataclass(eq=False)
class WrongParent(InvalidBlock):
    expected: bytes
    given: bytes


@dataclass(eq=False)
class WrongHeight(InvalidBlock):
    expected: int
    given: int


@dataclass(eq=False)
class WrongEpoch(InvalidBlock):
    expected: int
    given: int


@dataclass(eq=False)
class ViewNotAfterParent(InvalidBlock):
    view: int
    parent_view: int


@dataclass(eq=False)
class ProposerOutOfRange(InvalidBlock):
    proposer_index: int
    validators: int


@dataclass(eq=False)
class TimestampNotAfterParent(InvalidBlock):
    earliest_ms: int
    timestamp_ms: int


@dataclass(eq=False)
class WrongStateRoot(InvalidBlock):
    expected: bytes
    given: bytes


@dataclass(eq=False)
class WrongReceiptsRoot(InvalidBlock):
    expected: bytes
    given: bytes


@dataclass(eq=False)
class WrongHeaderMmrRoot(InvalidBlock):
    expected: bytes
    given: bytes


@dataclass(eq=False)
class WrongValidatorSet(InvalidBlock):
    expected: bytes
    given: bytes


@dataclass(eq=False)
class FieldNotZero(InvalidBlock):
    """A header field that this version does not use yet must be zero."""

    field: str


@dataclass(eq=False)
class BlockTooLarge(InvalidBlock):
    size_bytes: int
    limit_bytes: int


@dataclass(eq=False)
class BlockTooHeavy(InvalidBlock):
    weight: int
    limit: int


@dataclass(eq=False)
class RepeatedTransaction(InvalidBlock):
    tx_id: bytes


@dataclass(eq=False)
class UnchargeableTransaction(InvalidBlock):
    """A transaction that cannot pay for itself has no place in a block."""

    index: int
    tx_id: bytes
    error: str


# --- persisted state


@dataclass(eq=False)
class TipMismatch(InvalidData):
    """The state read back from disk is not the one its tip record was written for."""

    what: str
    expected: bytes
    given: bytes


@dataclass(eq=False)
class SupplyBroken(InvalidData):
    """The records of a state do not add up: it was not made by this code, or was damaged."""

    what: str
    expected: int
    given: int
