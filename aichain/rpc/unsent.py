"""What all clients together have not read yet, so that many slow ones cannot hold the memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from aichain.rpc.limits import RpcLimits


class UnsentAnswers:
    """Bytes that wait for readers, of all connections of a server."""

    def __init__(self, limits: RpcLimits) -> None:
        self._limit = limits.unsent_bytes
        self.size_bytes = 0

    @property
    def is_full(self) -> bool:
        """Calls are refused until some of it was read; what is being made still comes on top."""
        return self.size_bytes > self._limit

    def add(self, size_bytes: int) -> None:
        """Less than 0 when so much was sent or given up."""
        self.size_bytes += size_bytes
        assert self.size_bytes >= 0, "nothing is sent twice"

    @contextmanager
    def holding(self, answer: bytes) -> Iterator[None]:
        """It counts as long as it is being sent."""
        self.add(len(answer))
        try:
            yield
        finally:
            self.add(-len(answer))
