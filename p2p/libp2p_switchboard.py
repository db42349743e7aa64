"""Which connection belongs to which verified peer, and what we hold against whom.

One owner of links, roster and standings: handlers, dialler and network all ask here.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

import trio

from genesis.limits import PEERS_MAX
from p2p.addresses import PeerAddress, parse_peer_address
from p2p.admission import is_loopback
from p2p.errors import InvalidPeerAddress, Penalty
from p2p.gossip import GossipJudge
from p2p.libp2p_guard_yamux import GuardedYamux
from p2p.libp2p_link import PeerLink, yamux_of
from p2p.mailbox import Mailbox
from p2p.network import DelayOf, Direction, RequestHandler, no_delay
from p2p.peers import PeerTable
from p2p.quotas import Kind, Quotas
from p2p.roster import Member, Roster
from p2p.toll import StrangersShare
from p2p.wire.encoding import encode_message
from p2p.wire.framing import frame
from p2p.wire.messages import Received, Status

log = logging.getLogger("aichain.p2p")


@dataclass(slots=True)
class Tally:
    """Counters for metrics."""

    sent: int = 0
    malformed: int = 0
    over_quota: int = 0
    penalties: int = 0
    bans: int = 0
    requests_failed: int = 0
    restarts: int = 0
    dropped_outbound: int = 0


@dataclass(slots=True)
class Switchboard:
    """All links, by peer and by connection. Every change goes through here."""

    own_peer: str
    loopback_only: bool = False
    roster: Roster = field(default_factory=Roster)
    table: PeerTable = field(default_factory=PeerTable)
    quotas: Quotas = field(default_factory=Quotas)
    mailbox: Mailbox = field(default_factory=Mailbox)
    judge: GossipJudge = field(default_factory=GossipJudge)
    tally: Tally = field(default_factory=Tally)
    handler: RequestHandler | None = None
    blocked: frozenset[str] = frozenset()
    delay_of: DelayOf = no_delay
    wanted: set[str] = field(default_factory=set)
    """Peers that our operator named: the bootstrap nodes."""
    links: dict[str, PeerLink] = field(default_factory=dict)
    by_connection: dict[GuardedYamux, PeerLink] = field(default_factory=dict)
    changed: trio.Event = field(default_factory=trio.Event)
    strangers: StrangersShare = field(default_factory=StrangersShare)

    def admit(self, link: PeerLink) -> bool:
        """A peer was verified on this connection; False if the connection is to be closed.

        Of two connections that both ends dialled, the one of the lower peer id stays: both ends
        decide alike. Of two that the same end dialled, the newer stays: the older is dead there.
        The other one becomes a spare, so that nothing already written to it is lost.
        """
        if self.is_banned(link.peer) or link.peer == self.own_peer:
            return False
        existing = self.links.get(link.peer)
        if existing is None and not self._has_room_for(link):
            return False
        self.by_connection[yamux_of(link.connection)] = link
        if existing is not None and not self._replaces(link, existing):
            link.become_spare()
            return True
        if existing is not None:
            link.take_over(existing)
            existing.become_spare()
        self.links[link.peer] = link
        self.roster.add(self._member(link))
        self._charge(link)
        self._notify()
        return True

    def set_validators(self, keys: Collection[bytes]) -> None:
        """The keys that count as validators' from now on."""
        self.roster.set_validators(keys)
        for link in self.by_connection.values():
            self._charge(link)

    def release(self, link: PeerLink) -> None:
        """A connection is over."""
        self.by_connection.pop(yamux_of(link.connection), None)
        self.tally.dropped_outbound += link.dropped
        if self.links.get(link.peer) is link:
            del self.links[link.peer]
            self.roster.remove(link.peer)
            self._notify()

    def is_blocked(self, peer: str) -> bool:
        """Whether fault injection cuts us off from a peer."""
        return peer in self.blocked

    def is_banned(self, peer: str) -> bool:
        """Whether we refuse to talk to a peer now."""
        return self.table.is_banned(peer, now_ms())

    def penalize(self, peer: str, penalty: Penalty, reason: str) -> None:
        """Take points off; a ban ends the connection."""
        self.tally.penalties += 1
        self.tally.malformed += penalty is Penalty.MALFORMED
        log.debug("peer %s: %s (%s)", peer, reason, penalty.name)
        if self.table.penalize(peer, penalty, reason, now_ms()):
            self.tally.bans += 1
            log.warning("peer %s is banned for a while: %s", peer, reason)
            link = self.links.get(peer)
            if link is not None:
                link.disconnect()

    def allows(self, peer: str, kind: Kind, count: int = 1) -> bool:
        """Whether a peer is within its quota; beyond it, it pays with its score."""
        time_ms = now_ms()
        if self.quotas.of(peer, time_ms).take(kind, time_ms, count):
            return True
        self.tally.over_quota += 1
        self.penalize(peer, Penalty.NUISANCE, f"more {kind.value} than its quota")
        return False

    def update(self, peer: str, status: Status) -> None:
        """A peer told us how far it is."""
        self.roster.update(peer, status)

    def deliver(self, peer: str, message: Received, size_bytes: int) -> None:
        """Hand a peer's message to the node, if there is room for it."""
        is_known = self.roster.speaks_for_validator(peer)
        self.mailbox.deliver(peer, message, size_bytes, from_validator=is_known)

    def queue(self, peers: Collection[str], payload: bytes, *, consensus: bool) -> int:
        """Queue one encoded message for several peers; how many it was queued for."""
        framed = frame(payload)
        queued = 0
        for peer in peers:
            link = self.links.get(peer)
            if link is None:
                continue
            queued += 1
            if peer not in self.blocked:
                (link.consensus if consensus else link.announcements).put(framed)
        self.tally.sent += queued
        return queued

    def announce_status(self, status: Status) -> None:
        """Tell every peer how far we are."""
        self.queue(tuple(self.links), encode_message(status), consensus=False)

    def _charge(self, link: PeerLink) -> None:
        is_known = self.roster.is_validator(link.hello.validator_key)
        yamux_of(link.connection).toll.strangers = None if is_known else self.strangers

    def _notify(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    def _replaces(self, new: PeerLink, old: PeerLink) -> bool:
        if new.direction is old.direction:
            return True
        we_dialled = new.direction is Direction.OUTBOUND
        return we_dialled == (self.own_peer < new.peer)

    def _has_room_for(self, link: PeerLink) -> bool:
        """Validators, and those that our operator named, always find room: strangers that came
        first must not be all whom we hear."""
        if len(self.links) < PEERS_MAX:
            return True
        if not self._is_kept(link):
            return False
        for other in reversed(self.links.values()):
            if not self._is_kept(other):
                other.disconnect()
                return True
        return False

    def _is_kept(self, link: PeerLink) -> bool:
        return link.peer in self.wanted or self.roster.is_validator(link.hello.validator_key)

    def _member(self, link: PeerLink) -> Member:
        remote = yamux_of(link.connection).get_remote_address()
        host, port = remote if remote is not None else ("", 0)
        kind = "ip6" if ":" in host else "ip4"
        return Member(
            link.peer,
            link.hello,
            f"/{kind}/{host}/tcp/{port}",
            dialable(link.hello.listen, host, link.peer),
            link.direction,
            link.hello.status,
        )


def dialable(listen: str, observed_host: str, peer: str) -> str:
    """Where a peer can be dialled: what it says, with the host we see if it says "anywhere".

    A loopback address is believed only of a peer on this machine. Empty: nowhere.
    """
    try:
        address = parse_peer_address(listen)
    except InvalidPeerAddress:
        return ""
    if address.is_unspecified and observed_host:
        address = address.with_host(observed_host)
    if (
        address.port == 0
        or address.is_unspecified
        or (address.is_loopback and not is_loopback(observed_host))
    ):
        return ""
    return str(PeerAddress(address.kind, address.host, address.port, peer))


def learnable(address: PeerAddress, told_by: str) -> bool:
    """Whether to dial what a peer on the host `told_by` says of others: it must not have us knock
    on the doors of our own machine."""
    if address.port == 0 or address.is_unspecified:
        return False
    return not address.is_loopback or is_loopback(told_by)


def now_ms() -> int:
    """trio's clock: monotonic, and what MockClock moves in tests."""
    return int(trio.current_time() * 1000)
