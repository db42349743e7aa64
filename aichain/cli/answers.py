"""What the command line reads of a node's answers, and of which type: a server may lie in each."""

import re
from typing import Annotated, Any, Final, TypedDict

import msgspec
from msgspec import Meta

from genesis.units import U128_MAX

_DIGITS: Final = re.compile(r"[0-9]{1,39}", re.ASCII)

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Row = dict[str, Any]


class Amount:
    """A decimal text of 10^-18 AI; what is read stays text."""


class Ready(TypedDict):
    network: str
    height: Count
    targetHeight: Count
    finalizedAgoMs: Count
    syncing: bool
    peers: Count


class Status(TypedDict, total=False):
    network: str
    genesisHash: str
    chainId: Count
    nodeId: str
    height: Count
    blockHash: str
    finalizedAgoMs: int
    nowMs: int
    clockOffsetMs: int | None
    clockTrouble: str
    engineTrouble: str
    indexTrouble: str
    archiveTrouble: str
    peers: Count
    voting: str
    syncing: bool
    baseFee: Amount
    accountCreationFee: Amount


class Unbonding(TypedDict, total=False):
    amount: Amount
    maturesAt: Count


class Account(TypedDict, total=False):
    height: Count
    exists: bool
    balance: Amount
    pendingNonce: Count
    algorithm: str | None
    unbonding: list[Unbonding]


class HistoryEntry(TypedDict, total=False):
    height: Count
    index: Count
    amount: Amount


class History(TypedDict, total=False):
    transactions: list[HistoryEntry]
    next: str | None


class Placed(TypedDict, total=False):
    hash: str


class Block(TypedDict, total=False):
    height: Count
    timestampMs: int
    finalizedAtMs: int | None
    transactionCount: Count
    transactions: list[Placed]


class ReceiptEvent(TypedDict, total=False):
    kind: str
    amount: Amount
    maturesAt: Count


class Receipt(TypedDict, total=False):
    error: str | None
    feeBurned: Amount
    events: list[ReceiptEvent]


class Transaction(TypedDict, total=False):
    status: str
    height: Count | None
    receipt: Receipt | None


class Validator(TypedDict, total=False):
    address: str
    stake: Amount
    peerId: str
    publicKey: str


class Registered(TypedDict, total=False):
    address: str
    peerId: str
    commissionBps: Count
    onionRenewals: Count
    tombstoned: bool


class Validators(TypedDict, total=False):
    validators: list[Validator]
    registered: list[Registered]


class Signer(TypedDict, total=False):
    index: Count


class Certificate(TypedDict, total=False):
    signers: list[Signer]


class Commit(TypedDict, total=False):
    certificate: Certificate
    headers: list[Row]


class Tally(TypedDict, total=False):
    voters: list[Any]


class View(TypedDict, total=False):
    votes: dict[str, list[Tally]]
    certificates: Row
    mine: Row


class Core(TypedDict, total=False):
    views: list[View]


class Lane(TypedDict, total=False):
    core: Core


class ConsensusState(Core, total=False):
    ballot: Lane
    terms: list[Lane]


class Mempool(TypedDict, total=False):
    count: Count


class Committee(TypedDict, total=False):
    voters: list[Row]


class EvidencePage(TypedDict, total=False):
    evidence: list[Row]


SHAPES: Final[dict[str, Any]] = {
    "/ready": Ready,
    "aichain_status": Status,
    "aichain_getBlock": Block | None,
    "aichain_getTransaction": Transaction | None,
    "aichain_getAccount": Account,
    "aichain_getAccountHistory": History,
    "aichain_getProof": Row,
    "aichain_validators": Validators,
    "aichain_commit": Commit | None,
    "aichain_peers": list[Row],
    "aichain_mempool": Mempool,
    "aichain_supply": Row,
    "aichain_heartbeats": list[str],
    "aichain_consensusState": ConsensusState,
    "aichain_committee": Committee,
    "aichain_evidence": EvidencePage,
    "aichain_validatorUptime": Row,
}
"""Of the methods that the command line reads; light clients check by themselves what proves."""


def check_answer(method: str, result: object) -> None:
    """ValueError where a field that is there has another type than nodes give it."""
    msgspec.convert(result, SHAPES.get(method, Any), dec_hook=_amount)


def is_amount(value: object) -> bool:
    """Whether this can be read as an amount."""
    is_decimal = isinstance(value, str) and _DIGITS.fullmatch(value) is not None
    return is_decimal and int(str(value)) <= U128_MAX


def _amount(_: type, value: object) -> Amount:
    if not is_amount(value):
        raise ValueError("Expected an amount in decimal digits")
    return Amount()
