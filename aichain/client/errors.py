"""Why a call brought no result: nobody there, no node's answer, or a refusal by its stable name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from aichain.errors import UNSHOWN
from native.errors import AIChainError


class RpcError(AIChainError):
    """A call that brought no result; commands end with `exit_code`."""

    exit_code: ClassVar[int] = 5


@dataclass(eq=False)
class RpcAddressInvalid(RpcError):
    """This is not the address of a node."""

    exit_code = 2
    url: str
    reason: str
    fix: str = "write it as http://HOST:PORT, with --rpc or in AICHAIN_RPC_URL"


@dataclass(eq=False)
class RpcUnreachable(RpcError):
    """No node answers."""

    exit_code = 4
    url: str
    reason: str
    fix: str = "start one (`aichain run --network devnet`), or give its address with --rpc"


@dataclass(eq=False)
class RpcGarbled(RpcError):
    """What answers here is not an AI-Chain node, or one of another version."""

    exit_code = 4
    url: str
    reason: str
    fix: str = "check the address given with --rpc"


@dataclass(eq=False)
class RpcTokenNeeded(RpcError):
    """The node answers to callers with a token only, and ours is none of them."""

    url: str
    fix: str = "put a token of the node's rpc.tokens file into AICHAIN_RPC_TOKEN"


@dataclass(eq=False)
class RpcTokenInvalid(RpcError):
    """The token for this node has letters that no request can carry."""

    exit_code = 2
    url: str
    fix: str = "copy the token again into AICHAIN_RPC_TOKEN, without the end of its line"


def token_needed(url: str, *, is_withheld: bool) -> RpcTokenNeeded:
    """`is_withheld`: there is a token in the environment, which is not meant for this address."""
    if not is_withheld:
        return RpcTokenNeeded(url=url)
    return RpcTokenNeeded(
        url=url,
        fix="AICHAIN_RPC_TOKEN was not sent there: put the address into AICHAIN_RPC_URL, or its "
        "host into AICHAIN_RPC_TOKEN_HOSTS, if the token is meant for it",
    )


@dataclass(eq=False)
class OtherNetwork(RpcError):
    """The node is of another network than the one that is meant: nothing is signed for it."""

    exit_code = 2
    url: str
    wanted: int
    found: int
    fix: str = "give the address of a node of that network with --rpc, or another --network-id"


@dataclass(eq=False)
class FieldMissing(RpcGarbled, KeyError):
    """The answer is one of another program, or of another version of this one."""

    fix: str = "check the address given with --rpc, and `aichain version` here and on the node"


@dataclass(eq=False)
class RpcRefused(RpcError):
    """The node understood the call and refused it.

    `name` is the stable name of the refusal (`data.code`, listed in aichain/rpc/README.md),
    `number` its JSON-RPC error number, `values` what `data` holds besides.
    """

    reason: str
    number: int = field(metadata=UNSHOWN)
    name: str = field(default="", metadata=UNSHOWN)
    values: Mapping[str, Any] = field(default_factory=dict, metadata=UNSHOWN)
    fix: str = "`aichain version` here and on the node: one of them may be too old for the other"

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> Self:
        """The error member of an answer, whatever form it has."""
        number, values = error.get("code"), error.get("data")
        if not isinstance(number, int):
            number = 0
        if not isinstance(values, dict):
            values = {}
        name = str(values.get("code", ""))
        rest = {key: value for key, value in values.items() if key != "code"}
        return cls(str(error.get("message", "refused")), number, name, rest)


@dataclass(eq=False)
class SenderEmpty(RpcError):
    """There is no such account yet, so nothing to pay a fee with."""

    address: str = field(metadata=UNSHOWN)
    reason: str
    fix: str = "send some to it first: every transaction pays a fee"


@dataclass(eq=False)
class NotFinalInTime(RpcError):
    """The transaction is not final after the time given; it may still become so."""

    exit_code = 8
    hash: str
    seconds: float
    fix: str = "`aichain query tx` shows whether it becomes final later; do validators run?"
