"""Which nodes a fleet has: `nodes_registry.json`, in the shape that Symphony's files have."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from aichain.config_values import is_http_url
from aichain.fleet.fields import FleetFileInvalid, Table, parse_json
from genesis.limits import FLEET_NODES_MAX
from native.errors import InvalidPeerId
from native.node_keys import parse_peer_id

RPC_PORT: Final = 3690


class Role(StrEnum):
    """The names that registries use; what one means is in CAPABILITIES."""

    HQ = "hq"
    LLM_WORKER = "llm_worker"
    BROWSER_NODE = "browser_node"
    FULL_WORKER = "full_worker"


class Capability(StrEnum):
    """What a node is there for."""

    COORDINATES = "coordinates"
    """It takes the heartbeats of the others."""
    INFERENCE = "inference"
    BROWSING = "browsing"


CAPABILITIES: Final[Mapping[Role, frozenset[Capability]]] = {
    Role.HQ: frozenset({Capability.COORDINATES}),
    Role.LLM_WORKER: frozenset({Capability.INFERENCE}),
    Role.BROWSER_NODE: frozenset({Capability.BROWSING}),
    Role.FULL_WORKER: frozenset({Capability.INFERENCE, Capability.BROWSING}),
}


@dataclass(frozen=True, slots=True)
class FleetNode:
    """A node as the registry names it."""

    name: str
    role: Role
    rpc_url: str
    display_name: str = ""
    peer_id: bytes | None = None
    """Its libp2p identity: whose heartbeats are its own, and who has to answer at its address."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return CAPABILITIES[self.role]


@dataclass(frozen=True, slots=True)
class Registry:
    """The nodes in the order of the file; no name, address or identity stands twice."""

    nodes: tuple[FleetNode, ...]

    @property
    def peer_ids(self) -> frozenset[bytes]:
        """The identities that the file names."""
        return frozenset(node.peer_id for node in self.nodes if node.peer_id is not None)

    def find(self, name: str) -> FleetNode | None:
        return next((node for node in self.nodes if node.name == name), None)

    def near(self, name: str) -> str:
        """What may have been meant by a name that is none."""
        names = [node.name for node in self.nodes]
        return next(iter(difflib.get_close_matches(name, names, n=1)), "")


def parse_registry(raw: bytes) -> Registry:
    """The registry in a file's bytes, or FleetFileInvalid with the field that is wrong.

    Members that we do not read (hardware, services, models_loaded, status …) may be there: the
    files of other tools are read as they are, and `status` is what health finds out, not a claim.
    """
    tables = parse_json(raw).tables("nodes", FLEET_NODES_MAX)
    nodes = tuple(map(_node, tables))
    if not nodes:
        raise FleetFileInvalid(field="nodes", reason="there is none")
    _require_distinct(tables, "node_id", [node.name for node in nodes])
    _require_distinct(tables, "rpc_url", [node.rpc_url for node in nodes])
    _require_distinct(tables, "peer_id", [node.peer_id for node in nodes])
    return Registry(nodes)


def _node(table: Table) -> FleetNode:
    name = table.text("node_id")
    return FleetNode(
        name=name,
        role=table.choice("role", Role),
        rpc_url=_rpc_url(table),
        display_name=table.text("display_name", name),
        peer_id=_peer_id(table),
    )


def _rpc_url(table: Table) -> str:
    """`rpc_url`, or the usual port at the node's address, which older files nest in `network`."""
    if table.has("rpc_url"):
        url = table.text("rpc_url")
        if not is_http_url(url):
            raise table.refuse("rpc_url", f"{url!r} is not an address such as http://HOST:PORT")
        return url
    network = table.table("network")
    if network.has("ip"):
        text = network.text("ip")
        try:
            ip = ip_address(text)
        except ValueError:
            raise network.refuse("ip", f"{text!r} is not an IP address") from None
        host = f"[{ip}]" if ip.version == 6 else str(ip)
        return f"http://{host}:{RPC_PORT}"
    if network.has("hostname"):
        url = f"http://{network.text('hostname')}:{RPC_PORT}"
        if not is_http_url(url):
            raise network.refuse("hostname", "this is not the name of a host")
        return url
    raise table.refuse("rpc_url", "it is missing, and network.ip and network.hostname are, too")


def _peer_id(table: Table) -> bytes | None:
    if not table.has("peer_id"):
        return None
    text = table.text("peer_id")
    try:
        return parse_peer_id(text)
    except InvalidPeerId:
        raise table.refuse(
            "peer_id", f"{text!r} is not the peer id of a node (`aichain init` prints it)"
        ) from None


def _require_distinct(tables: Iterable[Table], name: str, values: Iterable[object]) -> None:
    seen: dict[object, str] = {}
    for table, value in zip(tables, values, strict=True):
        if value is not None and value in seen:
            raise table.refuse(name, f"the same as in {seen[value]}")
        seen[value] = table.path
