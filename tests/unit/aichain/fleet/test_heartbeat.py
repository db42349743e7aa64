"""A heartbeat counts if its node signed it, in time, and only once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from aichain.fleet.heartbeat import (
    HeartbeatRepeated,
    HeartbeatStrange,
    HeartbeatUntimely,
    SignedHeartbeat,
    admit,
    latest,
    read_heartbeat,
    seal_heartbeat,
    verify_heartbeat,
)
from aichain.fleet.telemetry import GpuSource, Telemetry
from genesis.limits import HEARTBEAT_MAX_BYTES, TELEMETRY_GPUS_MAX
from native.errors import DecodeError, InvalidSignature
from native.node_keys import peer_id_of_seed
from tests.unit.aichain.fleet.fleets import GPU, HOST, NOW_MS, SEED, make_heartbeat

MINE = peer_id_of_seed(SEED)
Known = Mapping[bytes, SignedHeartbeat | None]
EMPTY: Known = {MINE: None}


def came(known: Known = EMPTY, now_ms: int = NOW_MS, **changes: Any) -> Known:
    raw = seal_heartbeat(make_heartbeat(**changes), SEED)
    return admit(known, read_heartbeat(raw), now_ms)


def test_what_was_sealed_is_read() -> None:
    heartbeat = make_heartbeat()
    signed = read_heartbeat(seal_heartbeat(heartbeat, SEED))
    assert verify_heartbeat(signed) == heartbeat


def test_the_most_gpus_with_the_longest_names_fit() -> None:
    gpu = replace(GPU, name="ä" * 100, memory_total_bytes=2**63, memory_used_bytes=2**63)
    full = Telemetry(GpuSource.ROCM_SMI, (gpu,) * TELEMETRY_GPUS_MAX, HOST)
    raw = seal_heartbeat(make_heartbeat(telemetry=full), SEED)
    assert len(raw) <= HEARTBEAT_MAX_BYTES
    read = verify_heartbeat(read_heartbeat(raw))
    assert read.telemetry.gpus[0].name == "ä" * 32


def test_every_changed_byte_is_noticed() -> None:
    raw = seal_heartbeat(make_heartbeat(), SEED)
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises((DecodeError, InvalidSignature)):
            verify_heartbeat(read_heartbeat(changed))


def test_nobody_speaks_for_another_node() -> None:
    other = read_heartbeat(seal_heartbeat(make_heartbeat(bytes(32)), bytes(32)))
    forged = replace(other, heartbeat=make_heartbeat())
    with pytest.raises(InvalidSignature):
        admit(EMPTY, forged, NOW_MS)
    with pytest.raises(HeartbeatStrange):
        admit(EMPTY, other, NOW_MS)


def test_a_heartbeat_counts_once() -> None:
    known = came(sequence=5)
    for sequence in (4, 5):
        with pytest.raises(HeartbeatRepeated):
            came(known, sequence=sequence)
    assert came(known, sequence=6) != known


def test_a_heartbeat_counts_in_time_only() -> None:
    for sent_ms in (NOW_MS - 180_000, NOW_MS + 60_000):
        assert came(sent_ms=sent_ms)[MINE] is not None
    for sent_ms in (NOW_MS - 180_001, NOW_MS + 60_001):
        with pytest.raises(HeartbeatUntimely):
            came(sent_ms=sent_ms)


def test_what_is_known_never_grows() -> None:
    assert len(came(came(sequence=1), sequence=2)) == len(EMPTY)


def sealed(seed: bytes = SEED, **changes: Any) -> bytes:
    return seal_heartbeat(make_heartbeat(seed, **changes), seed)


def test_of_what_headquarters_tell_only_the_newest_word_of_each_node_counts() -> None:
    old, new = sealed(sequence=1), sealed(sequence=2)
    for told in ((old, new), (new, old), (new, new)):
        assert latest({MINE}, {}, told, NOW_MS)[MINE].sequence == 2
    known = latest({MINE}, {}, [new], NOW_MS)
    assert latest({MINE}, known, [old], NOW_MS) == known
    assert latest((), known, [new], NOW_MS) == {}, "who left the registry is forgotten"


def test_headquarters_are_not_believed() -> None:
    good = sealed()
    forged = good[:-1] + bytes([good[-1] ^ 1])
    future = sealed(sent_ms=NOW_MS + 60_001)
    for told in (forged, future, sealed(bytes(32)), b"", b"rubbish"):
        assert latest({MINE}, {}, [told], NOW_MS) == {}


@pytest.mark.parametrize("raw", [b"", b"\x92", b"\x92\x90\x90", b"\x00", bytes(9_000)])
def test_rubbish_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        read_heartbeat(raw)
