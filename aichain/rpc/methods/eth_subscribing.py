"""`eth_subscribe`: what happens, pushed over a WebSocket as Ethereum clients read it."""

from typing import Annotated

from msgspec import Meta

from aichain.rpc.errors import WebSocketNeeded
from aichain.rpc.interests import NewHeads
from aichain.rpc.registry import Context, Params, method


class HeadsSubscription(Params, frozen=True):
    topic: Annotated[str, Meta(pattern=r"\AnewHeads\Z")]


class SubscriptionId(Params, frozen=True):
    subscription: Annotated[str, Meta(max_length=32)]


async def subscribe(context: Context, params: HeadsSubscription) -> str:
    """Subscribe to "newHeads"; over WebSocket only."""
    if context.subscriber is None:
        raise WebSocketNeeded(method=f"eth_subscribe {params.topic}")
    return context.subscriber.subscribe(NewHeads())


async def unsubscribe(context: Context, params: SubscriptionId) -> bool:
    """End a subscription; false when there was none."""
    if context.subscriber is None:
        raise WebSocketNeeded(method="eth_unsubscribe")
    return context.subscriber.unsubscribe(params.subscription)


METHODS = (
    method("eth_subscribe", HeadsSubscription, subscribe),
    method("eth_unsubscribe", SubscriptionId, unsubscribe),
)
