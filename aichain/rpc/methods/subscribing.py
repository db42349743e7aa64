"""`aichain_subscribe`: what happens, pushed over a WebSocket."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from aichain.rpc.errors import InvalidParams, WebSocketNeeded
from aichain.rpc.interests import AccountChanges, FinalTransactions, Interest, NewBlocks, Votes
from aichain.rpc.methods.parameters import AddressText, address_of
from aichain.rpc.registry import Context, Params, Subscriber, method


class Topic(StrEnum):
    """What can be subscribed to."""

    NEW_BLOCKS = "newBlocks"
    TRANSACTIONS = "transactions"
    ACCOUNT = "account"
    VOTES = "votes"


class Wish(Params, frozen=True):
    topic: Topic
    address: AddressText | None = None


class SubscriptionId(Params, frozen=True):
    subscription: Annotated[str, Meta(max_length=32)]


async def subscribe(context: Context, params: Wish) -> str:
    """Subscribe to "newBlocks", "transactions", "votes", or "account" of an address; WebSocket."""
    subscriber = subscriber_of(context, f"aichain_subscribe {params.topic}")
    return subscriber.subscribe(interest_of(params.topic, params.address))


async def unsubscribe(context: Context, params: SubscriptionId) -> bool:
    """End a subscription; false when there was none."""
    return subscriber_of(context, "aichain_unsubscribe").unsubscribe(params.subscription)


def subscriber_of(context: Context, method: str) -> Subscriber:
    """Raises WebSocketNeeded where answers alone can be sent."""
    if context.subscriber is None:
        raise WebSocketNeeded(method=method)
    return context.subscriber


def interest_of(topic: Topic, address: str | None) -> Interest:
    """Raises InvalidParams where an address is missing, or one too many."""
    if (topic is Topic.ACCOUNT) != (address is not None):
        raise InvalidParams(reason='an address goes with "account", and with nothing else')
    match topic:
        case Topic.NEW_BLOCKS:
            return NewBlocks()
        case Topic.TRANSACTIONS:
            return FinalTransactions()
        case Topic.VOTES:
            return Votes()
        case Topic.ACCOUNT:
            assert address is not None, "it was asked for above"
            return AccountChanges(address_of(address))


METHODS = (
    method("aichain_subscribe", Wish, subscribe),
    method("aichain_unsubscribe", SubscriptionId, unsubscribe),
)
