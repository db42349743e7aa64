"""Who is online, degraded or offline, and why: nothing but values and the time."""

from dataclasses import replace
from typing import Any

import pytest

from aichain.fleet.health import (
    Answer,
    FleetHealth,
    NodeHealth,
    Signs,
    Silence,
    State,
    assess,
    changes,
    seconds,
)
from aichain.fleet.registry import Registry, parse_registry
from aichain.fleet.report import alert_document, alert_line, health_document, trouble_line
from genesis.limits import FLEET_SILENCE_MS
from native.node_keys import peer_id_of_seed, peer_id_text
from tests.unit.aichain.fleet.fleets import (
    GPU,
    HOST,
    NOW_MS,
    SEED,
    TELEMETRY,
    make_answer,
    make_heartbeat,
    registry_of,
)

PEER_ID = peer_id_text(peer_id_of_seed(SEED))
FLEET = parse_registry(registry_of({"peer_id": PEER_ID}, {}, {}))
REFUSED = Silence("Connection refused")


def verdict(signs: Signs, fleet: Registry = FLEET) -> NodeHealth:
    """On the first node of a fleet whose others are well."""
    well = {node.name: Signs(make_answer()) for node in fleet.nodes}
    return assess(fleet, well | {fleet.nodes[0].name: signs}, NOW_MS).nodes[0]


def reasons(**changes: Any) -> tuple[str, ...]:
    return verdict(Signs(make_answer(**changes))).reasons


def test_a_node_that_is_level_is_online() -> None:
    found = verdict(Signs(make_answer(node_id=PEER_ID), heartbeat=make_heartbeat()))
    assert (found.state, found.reasons, found.last_seen_ms) == (State.ONLINE, (), NOW_MS)


def test_a_node_is_offline_three_minutes_after_its_last_sign_of_life() -> None:
    assert FLEET_SILENCE_MS == 180_000
    at_last = verdict(Signs(REFUSED, last_seen_ms=NOW_MS - 180_000))
    assert at_last.state is State.DEGRADED
    assert at_last.reasons == ("no answer: Connection refused", "last sign of life 3 min ago")
    assert verdict(Signs(REFUSED, last_seen_ms=NOW_MS - 180_001)).state is State.OFFLINE


def test_a_node_that_never_gave_a_sign_is_offline_at_once() -> None:
    found = verdict(Signs(REFUSED))
    assert (found.state, found.last_seen_ms) == (State.OFFLINE, None)
    assert found.reasons == ("no answer: Connection refused",)


def test_a_heartbeat_is_a_sign_of_life() -> None:
    young = make_heartbeat(sent_ms=NOW_MS - 30_000)
    assert verdict(Signs(REFUSED, heartbeat=young)).state is State.DEGRADED
    old = make_heartbeat(sent_ms=NOW_MS - 180_001)
    assert verdict(Signs(REFUSED, heartbeat=old)).state is State.OFFLINE


def test_heartbeats_that_stopped_are_told_though_the_node_answers() -> None:
    old = make_heartbeat(sent_ms=NOW_MS - 180_001)
    assert verdict(Signs(make_answer(), heartbeat=old)).reasons == (
        "its last heartbeat is 3 min old",
    )


def test_a_clock_that_is_ahead_makes_nobody_seen_in_the_future() -> None:
    ahead = make_heartbeat(sent_ms=NOW_MS + 50_000)
    assert verdict(Signs(REFUSED, heartbeat=ahead)).last_seen_ms == NOW_MS


def test_what_a_machine_suffers_from_is_in_its_heartbeat() -> None:
    hot = replace(TELEMETRY, gpus=(GPU, replace(GPU, temperature_celsius=91)))
    full = replace(hot, host=replace(HOST, disk_free_bytes=1 << 30, memory_available_bytes=1))
    found = verdict(Signs(make_answer(), heartbeat=make_heartbeat(telemetry=full)))
    assert found.reasons == (
        "GPU 1 is at 91 °C",
        "its memory is 99 % full",
        "its disk is 99 % full",
    )


def test_each_complaint_of_an_answer_has_its_reason() -> None:
    other = peer_id_text(peer_id_of_seed(bytes(32)))
    assert reasons(node_id=other) == (f"another node answers at its address: {other}",)
    assert reasons(is_ready=False, is_syncing=True, target_height=900) == (
        "syncing: block 100 of 900",
    )
    assert reasons(is_ready=False, finalized_ago_ms=95_000) == ("its last final block is 95 s old",)
    assert reasons(peers=0) == ("it has no peers",)
    assert reasons(voting="probation") == ("it does not vote: probation",)
    assert reasons(voting="notValidator") == ()
    assert reasons(voting=None, genesis_hash=None) == ()
    assert reasons(troubles=("the clock is 3 s ahead",)) == ("the clock is 3 s ahead",)
    assert reasons(genesis_hash="0x22", network="devnet") == (
        "on another chain than most of the fleet: devnet",
    )


def test_a_lone_node_needs_no_peers() -> None:
    lone = Registry(FLEET.nodes[:1])
    assert verdict(Signs(make_answer(peers=0)), lone).state is State.ONLINE


def test_of_two_chains_of_equally_many_none_is_the_wrong_one() -> None:
    pair = Registry(FLEET.nodes[:2])
    assert verdict(Signs(make_answer(genesis_hash="0x22")), pair).state is State.ONLINE


def look(*sights: Answer | Silence) -> FleetHealth:
    signs = {f"n{index}": Signs(sight) for index, sight in enumerate(sights)}
    return assess(FLEET, signs, NOW_MS)


@pytest.mark.parametrize(
    ("sights", "code"),
    [
        ((make_answer(), make_answer(), make_answer()), 0),
        ((make_answer(), make_answer(peers=0), make_answer()), 1),
        ((make_answer(), make_answer(peers=0), REFUSED), 2),
        ((make_answer(), make_answer()), 2),  # one was not asked
    ],
)
def test_the_exit_code_is_that_of_the_worst(sights: Any, code: int) -> None:
    assert look(*sights).exit_code == code


def test_alerts_name_what_changed_and_at_first_what_is_not_well() -> None:
    well, ill = look(*[make_answer()] * 3), look(make_answer(), REFUSED, make_answer(peers=0))
    assert changes(None, well) == ()
    assert [alert_line(each) for each in changes(None, ill)] == [
        "n1 offline: no answer: Connection refused",
        "n2 degraded: it has no peers",
    ]
    assert changes(ill, ill) == ()
    assert [alert_line(each) for each in changes(ill, well)] == [
        "n1 offline → online",
        "n2 degraded → online",
    ]


def test_the_documents_have_what_is_promised() -> None:
    ill = look(make_answer(), REFUSED, make_answer(peers=0))
    document: dict[str, Any] = health_document(ill, "2030-03-17T17:46:40Z")
    assert document["summary"] == {"total": 3, "online": 1, "degraded": 1, "offline": 1}
    (_, silent, _) = document["nodes"]
    assert (silent["node_id"], silent["state"], silent["height"]) == ("n1", "offline", None)
    alert: dict[str, Any] = alert_document(ill, changes(None, ill))
    assert alert["text"] == alert["content"]
    assert alert["alerts"][0] == {
        "node_id": "n1",
        "role": "full_worker",
        "before": None,
        "state": "offline",
        "reasons": ["no answer: Connection refused"],
    }
    assert trouble_line(ill) == (
        "2 of 3 not well: n1 offline (no answer: Connection refused), n2 degraded (it has no peers)"
    )


def test_what_was_seen_is_handed_to_the_next_look() -> None:
    assert look(make_answer(), REFUSED, make_answer()).last_seen == {"n0": NOW_MS, "n2": NOW_MS}


def test_times_are_for_people() -> None:
    assert [seconds(ms) for ms in (999, 119_999, 120_000, 7_200_000)] == [
        "0 s",
        "119 s",
        "2 min",
        "2 h",
    ]
