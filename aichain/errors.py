"""Why this node refuses, stops or exits: the expected failures of the node room."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Final

from native.errors import AIChainError, InvalidData

UNSHOWN: Final = {"unshown": True}
"""Metadata of an error's field that is for programs and not for the line a person reads."""


class ExitCode(IntEnum):
    """What the process says when it ends; documented in the README and used by every command."""

    OK = 0
    FAILED = 1
    USAGE = 2  # click's own code for wrong arguments
    CONFIG = 10
    HOME_MISSING = 11
    HOME_LOCKED = 12
    WRONG_CHAIN = 13
    TRUST_EXPIRED = 14
    UPGRADE_MISSED = 15
    STORE_CORRUPT = 20
    STORE_FAILED = 21
    WAL_DAMAGED = 22
    WAL_LOCKED = 23
    WAL_FOREIGN = 24
    BLOCK_LOST = 25
    CONSENSUS_HALTED = 30
    NETWORK = 31
    DOUBLE_SIGN = 32


class NodeError(AIChainError):
    """This node, not a peer, is the cause: the process ends with `exit_code`."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


@dataclass(eq=False)
class ConfigError(NodeError):
    """A setting is wrong; `fix` says which one to change and to what."""

    exit_code = ExitCode.CONFIG
    reason: str
    fix: str = ""


@dataclass(eq=False)
class HomeMissing(NodeError):
    """A chain was here and is not where it was: `run` makes block 0 in a home without a past."""

    exit_code = ExitCode.HOME_MISSING
    path: str
    reason: str = "there is no chain"
    fix: str = (
        "mount or restore the disk that it lay on; or, if it is gone for good, move away what is "
        "left of the chain directory and start once with --sync-again: the node syncs from block 0"
    )


@dataclass(eq=False)
class HomeLocked(NodeError):
    """Another process runs on this home."""

    exit_code = ExitCode.HOME_LOCKED
    path: str
    holder: str
    fix: str = "stop the other node, or give this one its own home"


@dataclass(eq=False)
class WrongChain(NodeError):
    """The home belongs to another genesis document."""

    exit_code = ExitCode.WRONG_CHAIN
    path: str
    expected: str
    found: str
    fix: str = "give the genesis document this home was made with, or another home"


@dataclass(eq=False)
class UpgradeMissed(NodeError):
    """A final block is of other rules than the schedule of upgrades has at its height."""

    exit_code = ExitCode.UPGRADE_MISSED
    height: int
    expected: int
    found: int
    fix: str = (
        "give the genesis document with the [[upgrades]] that the network agreed on; if it did so "
        "without this node, move the chain directory away and start once with --sync-again"
    )


@dataclass(eq=False)
class StoreCorrupt(NodeError):
    """What is on disk is not what was written; nothing is repaired by guessing."""

    exit_code = ExitCode.STORE_CORRUPT
    path: str
    reason: str
    fix: str = (
        "move the chain directory away and start once with --sync-again: the node syncs it from "
        "its peers (a chain with no other node is lost: start one anew)"
    )


@dataclass(eq=False)
class StoreFailed(NodeError):
    """The disk refused a write, or a file; what the handle holds is unknown: start again."""

    exit_code = ExitCode.STORE_FAILED
    path: str
    reason: str
    fix: str = (
        "free disk space or repair the disk, or give the files to the user that the node runs as, "
        "then start again"
    )


@dataclass(eq=False)
class WalDamaged(NodeError):
    """The record of what this key has signed cannot be trusted, so nothing is signed."""

    exit_code = ExitCode.WAL_DAMAGED
    path: str
    offset: int
    reason: str
    fix: str = (
        "keep the file for inspection and start without it: the key then signs nothing until "
        "the network is far enough ahead of anything it may have signed"
    )


@dataclass(eq=False)
class WalLocked(NodeError):
    """Another process signs with this key."""

    exit_code = ExitCode.WAL_LOCKED
    path: str
    holder: str
    fix: str = "stop the other signer: two signers with one key are slashed"


@dataclass(eq=False)
class WalForeign(NodeError):
    """The file records what another key has signed."""

    exit_code = ExitCode.WAL_FOREIGN
    path: str
    expected: str
    found: str
    fix: str = "give the key this file belongs to, or another home"


@dataclass(eq=False)
class ConsensusHalted(NodeError):
    """Safety is gone, or we are wrong: voting on would make it worse."""

    exit_code = ExitCode.CONSENSUS_HALTED
    reason: str
    fix: str = (
        "keep the data directory, and ask the other operators what they see; of two nodes on two "
        "sides of a fork `aichain fork-proof` makes a proof of who signed both; where the log says "
        "WrongBlockVersion, the network has upgraded: install its release, and start again"
    )


@dataclass(eq=False)
class SigningRefused(NodeError):
    """The node was about to sign against its own log; nothing was signed and nothing written."""

    exit_code = ExitCode.DOUBLE_SIGN
    epoch: int
    view: int
    reason: str
    fix: str = (
        "keep the data directory and report it: this is a defect of the node, and its vote log is "
        "what shows the cause; run without the validator key meanwhile"
    )


@dataclass(eq=False)
class ListenRefused(NodeError):
    """An address of this node cannot be listened on."""

    exit_code = ExitCode.NETWORK
    address: str
    reason: str
    fix: str = "stop whatever uses it, or choose another with --rpc-listen or --p2p-listen"


@dataclass(eq=False)
class TrustExpired(NodeError):
    """What this node could start from is so old that those who signed then may have left."""

    exit_code = ExitCode.TRUST_EXPIRED
    height: int
    age_days: int
    limit_days: int
    fix: str = (
        "give a recent block with --trust HEIGHT:HASH: a node of yours or a friend's shows it "
        "(`aichain query block`)"
    )


@dataclass(eq=False)
class UnfinalizedFull(NodeError):
    """Too many executed blocks wait for finality; nothing more is executed on this branch."""

    blocks: int
    size_bytes: int


@dataclass(eq=False)
class BlockLost(NodeError):
    """A final block was executed here, had to make room, and is not on this disk."""

    exit_code = ExitCode.BLOCK_LOST
    block_id: str
    fix: str = "start again: the node syncs the block from its peers"


@dataclass(eq=False)
class ParentNotExecuted(NodeError):
    """A block was given for execution before its parent."""

    block_id: str
    parent_id: str


@dataclass(eq=False)
class ReaderLagged(NodeError):
    """A feed reader fell behind and was dropped; it may subscribe again."""

    capacity: int


@dataclass(eq=False)
class TooManyReaders(NodeError):
    """The feed serves a bounded number of readers."""

    limit: int


class NotPooled(InvalidData):
    """The mempool has no place for a transaction that could stand in a block: only its own policy
    is named here, the rules are `vm.errors`. It costs a peer nothing, whose pool may have room."""


@dataclass(eq=False)
class AlreadyPending(NotPooled):
    tx_id: bytes


@dataclass(eq=False)
class OffenderAccused(NotPooled):
    """Another transaction with evidence against the same validator waits already."""

    offender: bytes
    tx_id: bytes


@dataclass(eq=False)
class AccusationsFull(NotPooled):
    """As many as a set has members wait for a block, all against as much stake or more."""

    limit: int


@dataclass(eq=False)
class PreviouslyRejected(NotPooled):
    """These very bytes were refused not long ago."""

    raw_hash: bytes


@dataclass(eq=False)
class TipBelowFloor(NotPooled):
    """The pool is filling up and asks for a tip."""

    required_tip: int
    tip: int


@dataclass(eq=False)
class ReplacementUnderpriced(NotPooled):
    """A transaction with this nonce is pending; taking its place costs a tenth more."""

    required_fee: int
    fee: int


@dataclass(eq=False)
class SenderQueueFull(NotPooled):
    limit: int


@dataclass(eq=False)
class PendingNotCovered(NotPooled):
    """The sender's pending transactions together could spend more than it has."""

    required: int
    available: int


@dataclass(eq=False)
class MempoolFull(NotPooled):
    """Everything that could make room pays as much or more."""

    transactions: int
    size_bytes: int


@dataclass(eq=False)
class FileRefused(InvalidData):
    """A file of blocks or of a snapshot says what does not hold."""

    path: str
    reason: str


@dataclass(eq=False)
class FileBehind(FileRefused):
    """Its snapshot is of a block that the chain here has already."""


@dataclass(eq=False)
class FileTorn(FileRefused):
    """It ends within a record: whoever wrote it was interrupted, or has not finished."""

    reason: str = field(init=False, default="the file ends within a record")
    offset: int
