"""The node's bounded inbound channel: when it fills, votes of validators are dropped last."""

from collections import deque

import trio

from genesis.limits import INBOUND_QUEUE_BYTES_MAX, INBOUND_QUEUE_MAX
from p2p.network import Inbound
from p2p.wire.messages import Received, Status, TransactionsAnnounced


class Mailbox:
    """One writer side for all peers, one reader: the node.

    Bounded in messages and in bytes: what is pushed may have a megabyte. From half full on it
    takes only what a validator pushes, and no announcements.
    """

    def __init__(
        self, limit: int = INBOUND_QUEUE_MAX, limit_bytes: int = INBOUND_QUEUE_BYTES_MAX
    ) -> None:
        self._send, self.receive = trio.open_memory_channel[Inbound](limit)
        self._limit, self._limit_bytes = limit, limit_bytes
        self._sizes: deque[int] = deque()
        """Of what waits, in its order."""
        self._bytes = 0
        self.delivered = 0
        self.dropped = 0

    def deliver(
        self, peer: str, message: Received, size_bytes: int, *, from_validator: bool
    ) -> bool:
        """Queue a message that came in so many bytes; False if it was dropped, which is counted."""
        self._forget_what_was_read()
        is_cheap = isinstance(message, TransactionsAnnounced | Status)
        parts = 1 if from_validator and not is_cheap else 2
        try:
            if parts * len(self._sizes) >= self._limit or (
                parts * (self._bytes + size_bytes) > self._limit_bytes
            ):
                raise trio.WouldBlock
            self._send.send_nowait(Inbound(peer, message))
        except (trio.WouldBlock, trio.BrokenResourceError):
            self.dropped += 1
            return False
        self._sizes.append(size_bytes)
        self._bytes += size_bytes
        self.delivered += 1
        return True

    def _forget_what_was_read(self) -> None:
        waiting = self._send.statistics().current_buffer_used
        while len(self._sizes) > waiting:
            self._bytes -= self._sizes.popleft()
