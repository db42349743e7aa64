"""The node's bounded inbound channel: when it fills, announcements are dropped before votes."""

import trio

from genesis.limits import INBOUND_QUEUE_MAX
from p2p.network import Inbound
from p2p.wire.messages import Received, Status, TransactionsAnnounced


class Mailbox:
    """One writer side for all peers, one reader: the node."""

    def __init__(self, limit: int = INBOUND_QUEUE_MAX) -> None:
        self._send, self.receive = trio.open_memory_channel[Inbound](limit)
        self._half = limit // 2
        self.delivered = 0
        self.dropped = 0

    def deliver(self, peer: str, message: Received) -> bool:
        """Queue a message for the node; False if it was dropped, which is counted."""
        try:
            if self._is_cheap(message) and self._used() >= self._half:
                raise trio.WouldBlock
            self._send.send_nowait(Inbound(peer, message))
        except (trio.WouldBlock, trio.BrokenResourceError):
            self.dropped += 1
            return False
        self.delivered += 1
        return True

    def _used(self) -> int:
        return self._send.statistics().current_buffer_used

    @staticmethod
    def _is_cheap(message: Received) -> bool:
        return isinstance(message, TransactionsAnnounced | Status)
