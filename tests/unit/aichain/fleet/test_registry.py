"""A registry is read in the shape that older tools write it, and a wrong field is named."""

from typing import Any

import pytest

from aichain.fleet.fields import FleetFileInvalid
from aichain.fleet.registry import CAPABILITIES, Capability, Role, parse_registry
from genesis.limits import FLEET_FILE_MAX_BYTES, FLEET_NODES_MAX
from native.node_keys import peer_id_of_seed, peer_id_text
from tests.unit.aichain.fleet.fleets import LEGACY, SEED, raw, registry_of


def test_a_legacy_file_is_read_as_it_is() -> None:
    hq, worker = parse_registry(raw(LEGACY)).nodes
    assert (hq.name, hq.display_name, hq.role) == ("mac-hq", "Mac Studio", Role.HQ)
    assert hq.rpc_url == "http://192.168.1.10:3690"
    assert worker.rpc_url == "http://[fd00::5]:3690"
    assert worker.display_name == "intel-1"
    assert worker.peer_id is None


def test_an_own_address_and_an_identity_may_stand_in_it() -> None:
    peer_id = peer_id_of_seed(SEED)
    text = registry_of({"rpc_url": "https://a.example:8443/rpc", "peer_id": peer_id_text(peer_id)})
    (node,) = parse_registry(text).nodes
    assert (node.rpc_url, node.peer_id) == ("https://a.example:8443/rpc", peer_id)


def test_a_host_name_will_do_where_there_is_no_ip() -> None:
    (node,) = parse_registry(registry_of({"rpc_url": None, "network": {"hostname": "a.lan"}})).nodes
    assert node.rpc_url == "http://a.lan:3690"


def test_every_role_has_capabilities() -> None:
    assert set(CAPABILITIES) == set(Role)
    assert CAPABILITIES[Role.FULL_WORKER] == {Capability.INFERENCE, Capability.BROWSING}
    assert CAPABILITIES[Role.HQ] == {Capability.COORDINATES}


@pytest.mark.parametrize(
    ("node", "field"),
    [
        ({"role": "boss"}, "nodes[1].role"),
        ({"role": None}, "nodes[1].role"),
        ({"node_id": ""}, "nodes[1].node_id"),
        ({"node_id": 7}, "nodes[1].node_id"),
        ({"node_id": "a\x1b[31m"}, "nodes[1].node_id"),
        ({"node_id": "n0"}, "nodes[1].node_id"),
        ({"display_name": ""}, "nodes[1].display_name"),
        ({"rpc_url": "http://h0:3690"}, "nodes[1].rpc_url"),
        ({"rpc_url": "ftp://h"}, "nodes[1].rpc_url"),
        ({"rpc_url": "http://h:99999"}, "nodes[1].rpc_url"),
        ({"rpc_url": "http://u:p@h"}, "nodes[1].rpc_url"),
        ({"rpc_url": None}, "nodes[1].rpc_url"),
        ({"rpc_url": None, "network": []}, "nodes[1].network"),
        ({"rpc_url": None, "network": {"ip": "300.1.1.1"}}, "nodes[1].network.ip"),
        ({"rpc_url": None, "network": {"hostname": "a b"}}, "nodes[1].network.hostname"),
        ({"peer_id": "12D3Koo"}, "nodes[1].peer_id"),
    ],
)
def test_a_wrong_field_is_named(node: dict[str, Any], field: str) -> None:
    with pytest.raises(FleetFileInvalid) as caught:
        parse_registry(registry_of({}, node))
    assert caught.value.field == field
    assert caught.value.fix


def test_an_identity_stands_once() -> None:
    peer_id = peer_id_text(peer_id_of_seed(SEED))
    with pytest.raises(FleetFileInvalid, match=r"nodes\[2\]\.peer_id"):
        parse_registry(registry_of({"peer_id": peer_id}, {}, {"peer_id": peer_id}))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"nodes": {}}',
        b'{"nodes": []}',
        b'{"nodes": [5]}',
        b'{"nodes": [], "nodes": []}',
        b"[" * 100_000,
        b" " * (FLEET_FILE_MAX_BYTES + 1),
        registry_of(*({} for _ in range(FLEET_NODES_MAX + 1))),
    ],
    ids=range(11),
)
def test_what_is_no_registry_is_refused(text: bytes) -> None:
    with pytest.raises(FleetFileInvalid):
        parse_registry(text)


def test_a_misspelt_name_gets_the_near_one() -> None:
    registry = parse_registry(raw(LEGACY))
    assert registry.find("intel-1") is registry.nodes[1]
    assert registry.find("intel") is None
    assert registry.near("intel") == "intel-1"
    assert registry.near("zzz") == ""
