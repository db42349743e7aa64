"""What a node says of itself once a minute, signed, and when such a word counts."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aichain.fleet.telemetry import Telemetry, read_telemetry, telemetry_value
from genesis.limits import FLEET_SILENCE_MS, HEARTBEAT_AHEAD_MS, HEARTBEAT_MAX_BYTES
from native import codec
from native.errors import DecodeError, InvalidData, InvalidSignature
from native.node_keys import (
    NODE_SIGNATURE_BYTES,
    PEER_ID_BYTES,
    peer_id_of_seed,
    sign_as_node,
    verify_node_signature,
)

DOMAIN: Final = b"aichain/heartbeat/1\0"
"""Before what is signed: the same key signs libp2p's handshakes."""
MAX_ITEMS: Final = 1_024


@dataclass(eq=False)
class HeartbeatStrange(InvalidData):
    """The sender is in no registry here, or not under this identity."""

    peer_id: bytes


@dataclass(eq=False)
class HeartbeatUntimely(InvalidData):
    """It was sent too long ago, or by a clock that is far ahead of ours."""

    sent_ms: int
    now_ms: int


@dataclass(eq=False)
class HeartbeatRepeated(InvalidData):
    """A heartbeat with this sequence number, or a later one, was here already."""

    sequence: int
    last: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One sign of life. `sequence` grows with each, over restarts, too: it begins at the time
    of the sender's start in milliseconds."""

    peer_id: bytes
    sequence: int
    sent_ms: int
    height: int
    telemetry: Telemetry


@dataclass(frozen=True, slots=True)
class SignedHeartbeat:
    """One as it came: its signature is not checked."""

    heartbeat: Heartbeat
    signature: bytes
    raw: bytes


def seal_heartbeat(heartbeat: Heartbeat, seed: bytes) -> bytes:
    """The bytes that travel, signed with the node's Ed25519 seed."""
    assert heartbeat.peer_id == peer_id_of_seed(seed), "a node speaks for itself"
    return codec.encode([_body(heartbeat), sign_as_node(seed, _signed_bytes(heartbeat))])


def read_heartbeat(raw: bytes) -> SignedHeartbeat:
    """What these bytes say; DecodeError if they are no heartbeat."""
    fields = codec.decode(raw, max_bytes=HEARTBEAT_MAX_BYTES, max_items=MAX_ITEMS, max_depth=6)
    body, signature = codec.array(fields, 2)
    peer_id, sequence, sent_ms, height, telemetry = codec.array(body, 5)
    heartbeat = Heartbeat(
        peer_id=codec.blob(peer_id, PEER_ID_BYTES),
        sequence=codec.uint(sequence),
        sent_ms=codec.uint(sent_ms),
        height=codec.uint(height),
        telemetry=read_telemetry(telemetry),
    )
    return SignedHeartbeat(heartbeat, codec.blob(signature, NODE_SIGNATURE_BYTES), raw)


def verify_heartbeat(signed: SignedHeartbeat) -> Heartbeat:
    """The heartbeat, if its signature is that of the node it names."""
    heartbeat = signed.heartbeat
    if not verify_node_signature(heartbeat.peer_id, _signed_bytes(heartbeat), signed.signature):
        raise InvalidSignature(subject="heartbeat")
    return heartbeat


def admit(
    known: Mapping[bytes, SignedHeartbeat | None], signed: SignedHeartbeat, now_ms: int
) -> Mapping[bytes, SignedHeartbeat | None]:
    """The last heartbeats of a registry's nodes, with this one; the cheap checks come first.

    `known` has each node that may send any, with None while it has not: so it never grows.
    A replay is refused by its sequence while we remember, and by its time after a restart.
    """
    heartbeat = signed.heartbeat
    if heartbeat.peer_id not in known:
        raise HeartbeatStrange(peer_id=heartbeat.peer_id)
    if not -HEARTBEAT_AHEAD_MS <= now_ms - heartbeat.sent_ms <= FLEET_SILENCE_MS:
        raise HeartbeatUntimely(sent_ms=heartbeat.sent_ms, now_ms=now_ms)
    last = known[heartbeat.peer_id]
    if last is not None and heartbeat.sequence <= last.heartbeat.sequence:
        raise HeartbeatRepeated(sequence=heartbeat.sequence, last=last.heartbeat.sequence)
    verify_heartbeat(signed)
    return {**known, heartbeat.peer_id: signed}


def latest(
    peer_ids: Collection[bytes],
    known: Mapping[bytes, Heartbeat],
    told: Iterable[bytes],
    now_ms: int,
) -> Mapping[bytes, Heartbeat]:
    """The last heartbeat of each of these nodes: the one known, or a newer one that was told of.

    Headquarters are not believed: what is unsigned, of strangers, or from the future is left out.
    """
    found = {peer_id: known[peer_id] for peer_id in peer_ids if peer_id in known}
    for raw in told:
        try:
            signed = read_heartbeat(raw)
            given = signed.heartbeat
            last = found.get(given.peer_id)
            is_newer = last is None or given.sequence > last.sequence
            is_past = given.sent_ms - now_ms <= HEARTBEAT_AHEAD_MS
            if given.peer_id in peer_ids and is_newer and is_past:
                found[given.peer_id] = verify_heartbeat(signed)
        except (DecodeError, InvalidSignature):
            continue
    return found


def _body(heartbeat: Heartbeat) -> codec.Encodable:
    return [
        *(heartbeat.peer_id, heartbeat.sequence, heartbeat.sent_ms, heartbeat.height),
        telemetry_value(heartbeat.telemetry),
    ]


def _signed_bytes(heartbeat: Heartbeat) -> bytes:
    return DOMAIN + codec.encode(_body(heartbeat))
