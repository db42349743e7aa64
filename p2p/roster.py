"""The connected peers and what they say of themselves; pure, one entry a peer id."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from native.hashing import Hash32
from p2p.network import Audience, Direction, PeerView
from p2p.wire.messages import Hello, Status


@dataclass(slots=True)
class Member:
    """One connected peer. `known_from` is where it can be dialled, if it can."""

    peer_id: str
    hello: Hello
    address: str
    known_from: str
    direction: Direction
    status: Status
    rtt_ms: int = 0


class Roster:
    """Membership and audiences. Audiences are asked for with every vote, so they are kept ready."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._validator_keys: frozenset[bytes] | None = None
        self._validators: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, peer: str) -> bool:
        return peer in self._members

    def add(self, member: Member) -> None:
        """A peer has connected; a new connection replaces what an old one said."""
        self._members[member.peer_id] = member
        self._sort_validators()

    def remove(self, peer: str) -> None:
        """A peer has gone."""
        if self._members.pop(peer, None) is not None:
            self._sort_validators()

    def get(self, peer: str) -> Member | None:
        """What we know of a connected peer."""
        return self._members.get(peer)

    def members(self) -> tuple[Member, ...]:
        """Everybody."""
        return tuple(self._members.values())

    def set_validators(self, keys: Collection[bytes]) -> None:
        """The keys that count as validators' from now on."""
        self._validator_keys = frozenset(keys)
        self._sort_validators()

    def is_validator(self, key: bytes) -> bool:
        """Whether a proven key makes its holder a validator."""
        if self._validator_keys is None:
            return bool(key)
        return key in self._validator_keys

    def speaks_for_validator(self, peer: str) -> bool:
        """Whether a connected peer has proved the key of a validator."""
        member = self._members.get(peer)
        return member is not None and self.is_validator(member.hello.validator_key)

    def audience(self, to: Audience | frozenset[bytes]) -> tuple[str, ...]:
        """The peer ids that a push reaches."""
        if isinstance(to, frozenset):
            members = self._members.items()
            return tuple(peer for peer, each in members if each.hello.validator_key in to)
        return tuple(self._members) if to is Audience.PEERS else self._validators

    def update(self, peer: str, status: Status) -> None:
        """A peer told how far it is; a lower final height than before is an old message."""
        member = self._members.get(peer)
        if member is not None and status.final_height >= member.status.final_height:
            member.status = status

    def views(self, score: Callable[[str], int]) -> tuple[PeerView, ...]:
        """A picture of everybody for the node."""
        return tuple(_view(member, score(peer)) for peer, member in self._members.items())

    def _sort_validators(self) -> None:
        self._validators = tuple(
            peer
            for peer, member in self._members.items()
            if self.is_validator(member.hello.validator_key)
        )


def _view(member: Member, score: int) -> PeerView:
    status = member.status
    return PeerView(
        member.peer_id,
        member.address,
        member.hello.validator_key,
        status.final_height,
        Hash32(status.final_id),
        status.view,
        status.epoch,
        member.rtt_ms,
        score,
        member.direction,
        member.hello.agent,
        status.anchor_id,
    )
