"""`eth_subscribe`: what happens, pushed over a WebSocket as Ethereum clients read it."""

from enum import StrEnum

from aichain.rpc.errors import InvalidParams
from aichain.rpc.interests import (
    Interest,
    MatchingLogs,
    NewHeads,
    PendingTransactions,
    SyncChanges,
)
from aichain.rpc.methods.eth_logs import LogQuery, filter_of
from aichain.rpc.methods.subscribing import SubscriptionId, subscriber_of
from aichain.rpc.registry import Context, Params, method


class EthTopic(StrEnum):
    """What can be subscribed to."""

    NEW_HEADS = "newHeads"
    LOGS = "logs"
    PENDING = "newPendingTransactions"
    SYNCING = "syncing"


class EthSubscription(Params, frozen=True):
    topic: EthTopic
    filter: LogQuery | bool | None = None
    """Of logs; false, or nothing, elsewhere."""


async def subscribe(context: Context, params: EthSubscription) -> str:
    """Subscribe to "newHeads", "logs", "newPendingTransactions" or "syncing"; WebSocket only."""
    subscriber = subscriber_of(context, f"eth_subscribe {params.topic}")
    return subscriber.subscribe(eth_interest_of(params))


async def unsubscribe(context: Context, params: SubscriptionId) -> bool:
    """End a subscription; false when there was none."""
    return subscriber_of(context, "eth_unsubscribe").unsubscribe(params.subscription)


def eth_interest_of(params: EthSubscription) -> Interest:
    """Raises InvalidParams for a filter of what has none, and InvalidAddress."""
    if isinstance(params.filter, LogQuery):
        if params.topic is not EthTopic.LOGS:
            raise InvalidParams(reason='a filter goes with "logs", and with nothing else')
        return MatchingLogs(filter_of(params.filter))
    if params.filter:
        raise InvalidParams(reason="hashes are pushed: eth_getTransactionByHash has the rest")
    match params.topic:
        case EthTopic.NEW_HEADS:
            return NewHeads()
        case EthTopic.LOGS:
            return MatchingLogs(filter_of(LogQuery()))
        case EthTopic.PENDING:
            return PendingTransactions()
        case EthTopic.SYNCING:
            return SyncChanges()


METHODS = (
    method("eth_subscribe", EthSubscription, subscribe),
    method("eth_unsubscribe", SubscriptionId, unsubscribe),
)
