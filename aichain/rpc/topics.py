"""What a WebSocket client may subscribe to, and the method name its notifications carry."""

from enum import Enum


class Topic(Enum):
    """The value is the `method` of the notification."""

    NEW_BLOCKS = "aichain_subscription"
    NEW_HEADS = "eth_subscription"
