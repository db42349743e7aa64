"""The Python SDK: a node's answers as values, transactions made, signed, sent and waited for.

    from aichain.client import Client, SigningKey

    with Client("http://127.0.0.1:3690") as client:
        sent = client.transfer(key, "0x…", 3 * AI // 2)
        print(client.wait_for_final(sent))

What each method answers is a type of `aichain.rpc.results`; amounts in it are decimal texts of
10^-18 AI. Every failure is a `RpcError`: `RpcRefused.name` is the stable name of a refusal.
"""

from aichain.client.client import Client
from aichain.client.drafts import FeeEstimate, Sender, draft, estimate
from aichain.client.errors import (
    FieldMissing,
    NotFinalInTime,
    OtherNetwork,
    RpcAddressInvalid,
    RpcError,
    RpcGarbled,
    RpcRefused,
    RpcTokenInvalid,
    RpcTokenNeeded,
    RpcUnreachable,
    SenderEmpty,
)
from aichain.client.events import Event, Events
from aichain.client.messages import SignedMessage, sign_message, verify_message
from aichain.client.offline import SignedFile, UnsignedFile
from aichain.client.outcomes import Expired, Failed, Final, Outcome
from aichain.client.rewards import BlockReward
from genesis.units import (
    AI,
    Address,
    address_of_key,
    format_address,
    format_amount,
    parse_address,
    parse_amount,
)
from native.signatures import Algorithm, SigningKey
from vm.transactions import (
    RegisterValidator,
    Role,
    SignedTransaction,
    Stake,
    Transaction,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
    decode_transaction,
    sign_possession,
    sign_transaction,
)

__all__ = [
    "AI",
    "Address",
    "Algorithm",
    "BlockReward",
    "Client",
    "Event",
    "Events",
    "Expired",
    "Failed",
    "FeeEstimate",
    "FieldMissing",
    "Final",
    "NotFinalInTime",
    "OtherNetwork",
    "Outcome",
    "RegisterValidator",
    "Role",
    "RpcAddressInvalid",
    "RpcError",
    "RpcGarbled",
    "RpcRefused",
    "RpcTokenInvalid",
    "RpcTokenNeeded",
    "RpcUnreachable",
    "Sender",
    "SenderEmpty",
    "SignedFile",
    "SignedMessage",
    "SignedTransaction",
    "SigningKey",
    "Stake",
    "Transaction",
    "Transfer",
    "Unjail",
    "UnsignedFile",
    "Unstake",
    "Withdraw",
    "address_of_key",
    "decode_transaction",
    "draft",
    "estimate",
    "format_address",
    "format_amount",
    "parse_address",
    "parse_amount",
    "sign_message",
    "sign_possession",
    "sign_transaction",
    "verify_message",
]
