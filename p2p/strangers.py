"""Which refused peers are worth a line in the log: nodes of another chain dial again and again."""

from collections import OrderedDict
from typing import Final

from genesis.limits import STRANGERS_REMEMBERED_MAX
from p2p.quotas import Rate, TokenBucket

SAID_AGAIN_AFTER_MS: Final = 600_000
_LINES: Final = Rate(per_second=1, burst=20)


class Strangers:
    """Each peer once in ten minutes, and a few lines a second of all; time is an argument."""

    def __init__(self, now_ms: int) -> None:
        self._said: OrderedDict[str, int] = OrderedDict()
        self._lines = TokenBucket(_LINES, now_ms)

    def is_news(self, peer: str, now_ms: int) -> bool:
        """Whether to say now that this peer was refused; if so, it counts as said."""
        said_ms = self._said.get(peer)
        if said_ms is not None and now_ms - said_ms < SAID_AGAIN_AFTER_MS:
            return False
        if not self._lines.take(now_ms):
            return False
        self._said[peer] = now_ms
        self._said.move_to_end(peer)
        while len(self._said) > STRANGERS_REMEMBERED_MAX:
            self._said.popitem(last=False)
        return True
