"""Judges gossip once per content: copies that arrive meanwhile are dropped, the first decides."""

from collections import OrderedDict
from typing import Final

from genesis.limits import GOSSIP_CHECKS_AT_ONCE_MAX, GOSSIP_IDS_MAX
from native.errors import InvalidData
from native.hashing import derive_hash
from p2p.network import GossipCheck, GossipVerdict
from p2p.wire.encoding import decode_gossip
from p2p.wire.messages import Gossiped

GOSSIP_ID_BYTES: Final = 20
_ID_CONTEXT: Final = "aichain/gossip-id/v1"


def gossip_id(payload: bytes) -> bytes:
    """The name of a gossiped message: its content alone, so nobody can claim it beforehand."""
    return derive_hash(_ID_CONTEXT, payload)[:GOSSIP_ID_BYTES]


class SeenIds:
    """The ids of what was judged, oldest forgotten first."""

    def __init__(self, limit: int = GOSSIP_IDS_MAX) -> None:
        self._ids: OrderedDict[bytes, None] = OrderedDict()
        self._limit = limit

    def __len__(self) -> int:
        return len(self._ids)

    def has(self, message_id: bytes) -> bool:
        """Whether this content was judged already."""
        return message_id in self._ids

    def add(self, message_id: bytes) -> None:
        """Remember a judged content."""
        self._ids[message_id] = None
        self._ids.move_to_end(message_id)
        while len(self._ids) > self._limit:
            self._ids.popitem(last=False)


class GossipJudge:
    """Decodes, de-duplicates and asks the node's check. One instance per node."""

    def __init__(self) -> None:
        self.seen = SeenIds()
        self.check: GossipCheck | None = None
        self._in_flight: set[bytes] = set()

    async def judge(self, peer: str, payload: bytes) -> tuple[GossipVerdict, Gossiped | None]:
        """What to do with one copy, and the message if it is the first true one.

        A copy of something that is being checked is ignored: the first copy decides for all.
        Without a check a message is delivered but, being unproven, not for relaying.
        """
        message_id = gossip_id(payload)
        if self.seen.has(message_id) or message_id in self._in_flight:
            return GossipVerdict.IGNORE, None
        if len(self._in_flight) >= GOSSIP_CHECKS_AT_ONCE_MAX:
            return GossipVerdict.IGNORE, None
        self._in_flight.add(message_id)
        try:
            message = decode_gossip(payload)
            verdict = GossipVerdict.IGNORE
            if self.check is not None:
                verdict = await self.check(peer, message)
                if verdict is not GossipVerdict.ACCEPT:
                    self.seen.add(message_id)
                    return verdict, None
            self.seen.add(message_id)
            return verdict, message
        except InvalidData:
            self.seen.add(message_id)
            return GossipVerdict.REJECT, None
        finally:
            self._in_flight.discard(message_id)
