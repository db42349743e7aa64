"""Of which type each answer is: a table from methods to the types that the server writes them by.

A program gets values of these types, and an answer without one of their fields is none. The
command line shows what a node says, also one of another version: what is there must have its type,
and a field that is missing is missed by whoever reads it.
"""

import types
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, UnsetType

from aichain.rpc.results.accounts import (
    Account,
    AccountHistory,
    AccountProof,
    Rewards,
    Supply,
)
from aichain.rpc.results.blocks import Block, BlockHead, Commit
from aichain.rpc.results.consensus import Committee, CoreState, EvidencePage, LanesState
from aichain.rpc.results.ethereum import EthLog
from aichain.rpc.results.node import Mempool, Peer, Readiness, Status
from aichain.rpc.results.notices import AccountNotice, VoteNotice
from aichain.rpc.results.result import HashHex, Hex
from aichain.rpc.results.transactions import TransactionStatus
from aichain.rpc.results.validators import Uptime, Validators

_BUILDING: Final = Lock()
READY: Final = "/ready"
ANSWERS: Final[Mapping[str, Any]] = {
    READY: Readiness,
    "aichain_status": Status,
    "aichain_getBlock": Block | None,
    "aichain_getTransaction": TransactionStatus | None,
    "aichain_getAccount": Account,
    "aichain_getAccountHistory": AccountHistory,
    "aichain_getRewards": Rewards,
    "aichain_getProof": AccountProof,
    "aichain_sendTransaction": HashHex,
    "aichain_validators": Validators,
    "aichain_commit": Commit | None,
    "aichain_peers": list[Peer],
    "aichain_mempool": Mempool,
    "aichain_supply": Supply,
    "aichain_heartbeats": list[Hex],
    "aichain_consensusState": CoreState | LanesState,
    "aichain_committee": Committee,
    "aichain_evidence": EvidencePage,
    "aichain_validatorUptime": Uptime,
    "eth_getLogs": list[EthLog],
}
"""Other methods are answered with whatever JSON the node sends."""

EVENTS: Final[Mapping[str, Any]] = {
    "newBlocks": BlockHead,
    "transactions": TransactionStatus,
    "account": AccountNotice,
    "votes": VoteNotice,
}
"""What each topic pushes."""


def typed_event(topic: str, told: object) -> Any:  # noqa: ANN401 each topic has its own type
    """The value of the topic's type; ValueError where it is not one, or nobody asked for it."""
    if topic not in EVENTS:
        raise ValueError("nobody subscribed to it")
    return msgspec.convert(told, _built(EVENTS[topic]))


def typed(method: str, result: object) -> Any:  # noqa: ANN401 each method has its own type
    """The value of the method's type; ValueError where the answer is not one."""
    return msgspec.convert(result, _built(ANSWERS[method]))


def check_members(method: str, result: object) -> None:
    """ValueError where something in the answer has another type than nodes give it."""
    if method in ANSWERS:
        msgspec.convert(result, _built_partial(ANSWERS[method]))


@cache
def _built(kind: Any) -> Any:  # noqa: ANN401 a type
    """The type, ready for any thread: msgspec fills in what it knows of one at its first use, and a
    second thread that used it meanwhile ended the process."""
    with _BUILDING:
        msgspec.json.Decoder(kind)
    return kind


@cache
def _built_partial(kind: Any) -> Any:  # noqa: ANN401 a type
    return _built(_partial(kind))


@cache
def _partial(kind: Any) -> Any:  # noqa: ANN401 a type
    """The same type, and no field has to be there."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        config = kind.__struct_config__
        members: list[tuple[str, Any, Any]] = [
            (
                each.name,
                Union[_partial(each.type), UnsetType],  # noqa: UP007 of types at run time
                msgspec.field(default=UNSET, name=each.encode_name),
            )
            for each in msgspec.structs.fields(kind)
        ]
        return msgspec.defstruct(
            kind.__name__, members, tag_field=config.tag_field, tag=config.tag, kw_only=True
        )
    parts = tuple(_partial(each) for each in get_args(kind))
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        return Union[parts]  # noqa: UP007 of types at run time
    return list[parts[0]] if origin is list else kind  # type: ignore[valid-type]
