"""What a node is told to do, resolved once: flags > environment > config.toml > defaults.

`resolve_settings` merges the four layers into `Settings` and remembers where each value came from;
`NodeConfig` is what the node gets: settings with the genesis document and the keys in hand.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from aichain.config_keys import KEYS as KEYS
from aichain.config_keys import SECRET_KEYS
from aichain.config_values import LOG_LEVELS as LOG_LEVELS
from aichain.config_values import Endpoint as Endpoint
from aichain.config_values import Faults as Faults
from aichain.config_values import (
    IndexMode,
    read_announced,
    read_boolean,
    read_bootstrap,
    read_clock_offset_ms,
    read_delta_ms,
    read_endpoint,
    read_fsync_delay_ms,
    read_hosts,
    read_http_url,
    read_index,
    read_index_mode,
    read_keep,
    read_log_format,
    read_log_level,
    read_origins,
    read_path,
    read_sync,
    read_text,
    read_trust,
)
from aichain.config_values import LogFormat as LogFormat
from aichain.config_values import SyncMode as SyncMode
from aichain.config_values import TrustPoint as TrustPoint
from aichain.errors import ConfigError
from aichain.homes import data_directory, socket_of
from aichain.regular_file import read_regular
from aichain.server_url import ServerUrl, read_server_url
from aichain.webhook_file import Webhook
from genesis.document import GenesisDocument, parse_document
from genesis.errors import InvalidGenesis
from genesis.limits import GENESIS_TEXT_MAX_BYTES
from genesis.networks import known_networks, packaged_document
from native.signatures import SigningKey

GENESIS_FILE: Final = "genesis.toml"
MAX_CONFIG_BYTES: Final = 1 << 20
RPC_PORT: Final = 3690
P2P_PORT: Final = 3691
PORT_STRIDE: Final = 10
ENVIRONMENT_PREFIX: Final = "AICHAIN_"
RESERVED_ENVIRONMENT: Final = frozenset(
    {
        *("AICHAIN_HOME", "AICHAIN_PASSWORD_FILE", "AICHAIN_NATIVE", "AICHAIN_FAIL_AT"),
        *("AICHAIN_RPC_URL", "AICHAIN_RPC_TOKEN", "AICHAIN_RPC_TOKEN_HOSTS", "AICHAIN_NETWORK_ID"),
    }
)
"""Read by others than this table: the home itself, keys, the command line's client, the engines,
crash tests."""

T = TypeVar("T")


class Origin(StrEnum):
    """Where a value came from, the strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "config.toml"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Settings:
    """The merged settings of a node; `origins` says which layer each one came from."""

    network: str | None
    moniker: str
    index: IndexMode
    index_url: ServerUrl | None
    keep: int | None
    sync: SyncMode
    snapshots: bool
    trust: TrustPoint | None
    rpc_listen: Endpoint
    rpc_cors: tuple[str, ...]
    rpc_hosts: tuple[str, ...]
    rpc_tokens: Path | None
    rpc_explorer: bool | None
    webhooks: Path | None
    fleet_registry: Path | None
    fleet_hq: str
    p2p_listen: Endpoint
    p2p_announce: str
    bootstrap: tuple[str, ...]
    validator_key_file: Path | None
    founder: int | None
    log_format: LogFormat
    log_level: str
    log_file: Path | None
    delta_ms: int | None
    allow_faults: bool
    faults: Faults
    origins: Mapping[str, Origin]


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything `run_node` needs; built by the command line and by tests, never changed."""

    home: Path
    document: GenesisDocument
    node_seed: bytes = field(repr=False)
    """Ed25519 seed of the libp2p identity."""
    validator_key: SigningKey | None
    rpc_listen: Endpoint
    p2p_listen: Endpoint
    p2p_announce: str = ""
    """The multiaddr that peers are told, where it is not `p2p_listen`."""
    bootstrap: tuple[str, ...] = ()
    moniker: str = "aichain"
    rpc_cors: tuple[str, ...] = ()
    rpc_hosts: tuple[str, ...] = ()
    rpc_tokens: tuple[bytes, ...] = field(default=(), repr=False)
    explorer: bool = False
    """Whether people find pages where programs find RPC."""
    fleet: frozenset[bytes] | None = None
    """Whose heartbeats are taken; None for a node that is nobody's headquarters."""
    fleet_hq: str = ""
    fleet_token: str = field(default="", repr=False)
    """Where our own heartbeats go, and the token that is shown there."""
    webhooks: tuple[Webhook, ...] = ()
    log_format: LogFormat = LogFormat.HUMAN
    log_level: str = "info"
    log_file: Path | None = None
    index: IndexMode = IndexMode.TX
    index_url: ServerUrl | None = None
    """The server that has the index of accounts; None for a database in the home."""
    keep: int | None = None
    """How many blocks below the head are kept; None for all."""
    sync: SyncMode = SyncMode.FULL
    snapshots: bool = True
    """Whether peers find snapshots of our state here."""
    trust: TrustPoint | None = None
    """What a snapshot is proved from, where the node's own last block is too old."""
    allow_faults: bool = False
    faults: Faults = field(default_factory=Faults)
    delta_ms: int | None = None
    """Overrides the document's delta in this node's own timers; test networks only."""
    founder: int | None = None
    vouch_for_vote_log: bool = False
    """The operator ends the probation of a new vote log; said at each start, never configured."""
    sync_again: bool = False
    """The chain of this home is gone for good, says the operator; never configured either."""
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.loopback_only:
            for key, endpoint in (("rpc.listen", self.rpc_listen), ("p2p.listen", self.p2p_listen)):
                _require_loopback(key, endpoint)
        elif self.delta_ms is not None or self.allow_faults:
            raise ConfigError(
                reason=f"consensus.delta_ms and faults.allow do not exist on {self.document.name}",
                fix="use them on devnet, testnet or a local network only",
            )
        if self.index_url is not None and self.index is not IndexMode.FULL:
            raise ConfigError(
                reason=f"index_url is where accounts are indexed, and index is {self.index}",
                fix="add --index full, or remove --index-url",
            )
        if self.trust is not None and self.sync is not SyncMode.SNAPSHOT:
            raise ConfigError(
                reason="trust is what a snapshot is proved from, and sync is full",
                fix="add --sync snapshot, or remove --trust",
            )
        if self.faults != Faults() and not self.allow_faults:
            raise ConfigError(
                reason="faults.regions, faults.clock_offset_ms and faults.fsync_delay_ms need"
                " faults.allow",
                fix="add --allow-faults, on a test network; or remove them",
            )

    @property
    def loopback_only(self) -> bool:
        """Anyone knows these keys (ruling 9): listen on loopback, refuse peers from elsewhere."""
        return self.document.public_keys or self.founder is not None

    @property
    def rpc_socket(self) -> Path:
        """Where programs on this machine that may open the file manage the node."""
        return socket_of(self.home)

    @property
    def data_dir(self) -> Path:
        return data_directory(self.home)


def load_document(network: str) -> GenesisDocument:
    """The packaged document of that name, or the one in that file."""
    if network in known_networks():
        return packaged_document(network)
    path = Path(network)
    if not os.path.isfile(path):  # False for what is too long for a path, too
        near = difflib.get_close_matches(network[:80], known_networks(), n=1)
        raise ConfigError(
            reason=f"no network and no genesis document is called {network[:80]!r}",
            fix=f"did you mean {near[0]}?"
            if near
            else f"use {', '.join(known_networks())} or a path",
        )
    text = _read_text(path, GENESIS_TEXT_MAX_BYTES)
    try:
        return parse_document(text)
    except InvalidGenesis as error:
        raise InvalidGenesis(f"{path}: {error.reason}") from None


def read_config_file(path: Path) -> dict[str, object]:
    """The settings of a config.toml with dotted keys; {} where there is none."""
    if not os.path.lexists(path):
        return {}
    if not os.path.isfile(path):
        raise ConfigError(
            reason=f"{path} is not a file", fix="move it away, or choose another home"
        )
    try:
        table = tomllib.loads(_read_text(path, MAX_CONFIG_BYTES))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(reason=f"{path} is not TOML: {error}", fix="correct that line") from None
    values: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            values.update({f"{name}.{inner}": item for inner, item in value.items()})
        else:
            values[name] = value
    for key in values:
        _require_known(key, KEYS, where=str(path))
    return values


def read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """Settings in variables: AICHAIN_RPC__LISTEN is rpc.listen. An unknown one is an error."""
    names = {_variable(key): key for key in KEYS}
    ours = {name: text for name, text in environ.items() if name.startswith(ENVIRONMENT_PREFIX)}
    for name in ours:
        _require_known(name, {*names, *RESERVED_ENVIRONMENT}, where="the environment")
    return {names[name]: text for name, text in ours.items() if name in names}


def resolve_settings(
    flags: Mapping[str, object], environ: Mapping[str, str], file: Mapping[str, object]
) -> Settings:
    """Merge the layers; `flags` and `file` have dotted keys, and None in a flag means not given."""
    layers = _Layers(
        (
            (Origin.FLAG, {key: value for key, value in flags.items() if value is not None}),
            (Origin.ENVIRONMENT, read_environment(environ)),
            (Origin.FILE, file),
        )
    )
    founder = layers.pick("validator.founder", read_index, None)
    ports = PORT_STRIDE * (founder or 0)
    pick = layers.pick
    return Settings(
        network=pick("network", read_text, None),
        moniker=pick("moniker", read_text, "aichain" if founder is None else f"founder-{founder}"),
        index=pick("index", read_index_mode, IndexMode.TX),
        index_url=pick("index_url", read_server_url, None),
        keep=pick("keep", read_keep, None),
        sync=pick("sync", read_sync, SyncMode.FULL),
        snapshots=pick("snapshots", read_boolean, True),
        trust=pick("trust", read_trust, None),
        rpc_listen=pick("rpc.listen", read_endpoint, Endpoint("127.0.0.1", RPC_PORT + ports)),
        rpc_cors=pick("rpc.cors", read_origins, ()),
        rpc_hosts=pick("rpc.hosts", read_hosts, ()),
        rpc_tokens=pick("rpc.tokens", read_path, None),
        rpc_explorer=pick("rpc.explorer", read_boolean, None),
        webhooks=pick("webhooks", read_path, None),
        fleet_registry=pick("fleet.registry", read_path, None),
        fleet_hq=pick("fleet.hq", read_http_url, ""),
        p2p_listen=pick("p2p.listen", read_endpoint, Endpoint("127.0.0.1", P2P_PORT + ports)),
        p2p_announce=pick("p2p.announce", read_announced, ""),
        bootstrap=pick("p2p.bootstrap", read_bootstrap, ()),
        validator_key_file=pick("validator.key_file", read_path, None),
        founder=founder,
        log_format=pick("log.format", read_log_format, LogFormat.HUMAN),
        log_level=pick("log.level", read_log_level, "info"),
        log_file=pick("log.file", read_path, None),
        delta_ms=pick("consensus.delta_ms", read_delta_ms, None),
        allow_faults=pick("faults.allow", read_boolean, False),
        faults=Faults(
            regions=pick("faults.regions", read_boolean, False),
            clock_offset_ms=pick("faults.clock_offset_ms", read_clock_offset_ms, 0),
            fsync_delay_ms=pick("faults.fsync_delay_ms", read_fsync_delay_ms, 0),
        ),
        origins=layers.origins,
    )


class _Layers:
    """Looks a key up in the layers, strongest first, and notes which one answered."""

    def __init__(self, layers: tuple[tuple[Origin, Mapping[str, object]], ...]) -> None:
        self._layers = layers
        self.origins: dict[str, Origin] = {}

    def pick(self, key: str, read: Callable[[object], T], default: T) -> T:
        for origin, values in self._layers:
            if key in values:
                self.origins[key] = origin
                try:
                    return read(values[key])
                except ValueError as error:
                    shown = "…" if key in SECRET_KEYS else _shown(values[key])
                    raise ConfigError(
                        reason=f"{key} = {shown} ({origin}): {error}",
                        fix=f"correct {key} ({KEYS[key]})",
                    ) from None
        self.origins[key] = Origin.DEFAULT
        return default


def _read_text(path: Path, most_bytes: int) -> str:
    try:
        raw, _ = read_regular(path, most_bytes)
        if len(raw) > most_bytes:
            raise ConfigError(
                reason=f"{path} is larger than {most_bytes >> 20} MiB", fix="check the path"
            )
        return raw.decode()
    except OSError as error:
        raise ConfigError(
            reason=f"cannot read {path}: {error.strerror}",
            fix="check the path and its permissions",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            reason=f"cannot read {path}: byte {error.start} is not UTF-8",
            fix="check the path, and that the file is text",
        ) from None


def _require_known(key: str, known: Collection[str], *, where: str) -> None:
    if key in known:
        return
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    raise ConfigError(
        reason=f"unknown setting {key} in {where}",
        fix=f"did you mean {near[0]}? If not, remove it"
        if near
        else f"remove it; known are {', '.join(sorted(known))}",
    )


def _shown(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return repr(text if len(text) <= 200 else text[:200] + "…")


def _require_loopback(key: str, endpoint: Endpoint) -> None:
    if not endpoint.is_loopback:
        raise ConfigError(
            reason=f"{key} = {endpoint}, but the keys of this network are public",
            fix="listen on 127.0.0.1, or make a network of your own with `aichain genesis new`",
        )


def _variable(key: str) -> str:
    return ENVIRONMENT_PREFIX + key.replace(".", "__").upper()
