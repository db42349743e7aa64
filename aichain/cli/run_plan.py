"""From the arguments of `aichain run` to a NodeConfig: which home, which chain, which keys."""

import os
import secrets
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path
from typing import Final

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.key_choice import KeyFile, open_key
from aichain.client.tokens import TOKEN_VARIABLE, is_sendable
from aichain.config import (
    P2P_PORT,
    PORT_STRIDE,
    Endpoint,
    NodeConfig,
    Origin,
    Settings,
    load_document,
    read_config_file,
    read_environment,
    resolve_settings,
)
from aichain.errors import ConfigError, ExitCode
from aichain.fleet.fields import FleetFileInvalid
from aichain.fleet.registry import parse_registry
from aichain.homes import CONFIG_FILE, data_root, default_home
from aichain.keystore import load_header, load_or_create_node_seed
from aichain.regular_file import read_regular
from aichain.rpc.tokens import read_tokens
from aichain.webhook_file import Webhook, read_webhooks
from genesis.ceremony import require_launchable
from genesis.document import GenesisDocument
from genesis.limits import FLEET_FILE_MAX_BYTES
from genesis.networks import founder_key, founder_node_seed, known_networks
from genesis.units import address_of_key
from native.node_keys import peer_id_text
from native.signatures import SigningKey

NODE_KEY_FILE: Final = "node.key"
EPHEMERAL_NETWORK: Final = "devnet"
EPHEMERAL_PREFIX: Final = "aichain-devnet-"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What `aichain run` will do; nothing is listening yet."""

    config: NodeConfig
    is_ephemeral: bool
    """The home is a fresh folder that goes away with the node."""

    @property
    def validator_index(self) -> int | None:
        key = self.config.validator_key
        if key is None:
            return None
        return self.config.document.validator_set.index_of(address_of_key(key.public_key))


def plan_run(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    home: Path | None,
    password_file: Path | None,
    temporary: Path,
    vouch_for_vote_log: bool = False,
    sync_again: bool = False,
) -> RunPlan:
    """Resolve everything that can be wrong before a node starts.

    `temporary` is made, private, where the home goes away with the node; the caller removes it,
    also when this raises.
    """
    network = flags.get("network") or read_environment(environ).get("network")
    if network is None and home is None:
        raise CommandError(
            "no network was named",
            "add --network devnet, testnet, or the path of a genesis document",
            CommandExit.USAGE,
        )
    is_ephemeral = home is None and network == EPHEMERAL_NETWORK
    named = str(network) if network in known_networks() else None
    found = home or (default_home(named, environ) if named and not is_ephemeral else None)
    file = read_config_file(found / CONFIG_FILE) if found else {}
    settings = resolve_settings(flags, environ, file)
    document = document_of(settings, found)
    require_launchable(document)
    founder = _founder(settings, document)
    if is_ephemeral:
        found = temporary
    found = found or data_root(environ) / f"{document.name}-{document.hash.hex()[:8]}"
    found.mkdir(parents=True, exist_ok=not is_ephemeral, mode=0o700)
    config = _config(settings, document, founder, home=found, password_file=password_file)
    config = replace(config, vouch_for_vote_log=vouch_for_vote_log, sync_again=sync_again)
    return RunPlan(config, is_ephemeral)


def temporary_home() -> Path:
    """A name that nothing has; chosen before it is made, so that a signal finds it to remove."""
    return Path(tempfile.gettempdir()) / f"{EPHEMERAL_PREFIX}{secrets.token_hex(8)}"


def _config(
    settings: Settings,
    document: GenesisDocument,
    founder: int | None,
    *,
    home: Path,
    password_file: Path | None,
) -> NodeConfig:
    return NodeConfig(
        home=home,
        document=document,
        node_seed=_node_seed(home, document, founder),
        validator_key=_validator_key(
            settings, document, founder, home=home, password_file=password_file
        ),
        rpc_listen=settings.rpc_listen,
        p2p_listen=settings.p2p_listen,
        p2p_announce=settings.p2p_announce,
        bootstrap=settings.bootstrap or default_bootstrap(document, founder),
        moniker=settings.moniker,
        rpc_cors=settings.rpc_cors,
        rpc_hosts=settings.rpc_hosts,
        rpc_tokens=_rpc_tokens(settings, home),
        explorer=document.public_keys if settings.rpc_explorer is None else settings.rpc_explorer,
        webhooks=_webhooks(settings, home),
        fleet=fleet_peers(settings, home),
        fleet_hq=settings.fleet_hq,
        fleet_token=_fleet_token(settings),
        log_format=settings.log_format,
        log_level=settings.log_level,
        log_file=settings.log_file,
        index=settings.index,
        index_url=settings.index_url,
        keep=settings.keep,
        snapshots=settings.snapshots,
        sync=settings.sync,
        trust=settings.trust,
        allow_faults=settings.allow_faults,
        faults=settings.faults,
        delta_ms=settings.delta_ms,
        founder=founder,
        origins=settings.origins,
    )


def _fleet_token(settings: Settings) -> str:
    """What heartbeats show; refused here, for a node must not end with its first heartbeat."""
    token = os.environ.get(TOKEN_VARIABLE, "") if settings.fleet_hq else ""
    if not is_sendable(token):
        raise ConfigError(
            reason=f"the token in {TOKEN_VARIABLE} has letters that no request can carry",
            fix="copy it again, without the end of its line; or unset it",
        )
    return token


def default_bootstrap(document: GenesisDocument, founder: int | None) -> tuple[str, ...]:
    """On test networks the founders are on this machine, at known ports with known peer ids."""
    if not document.public_keys:
        return ()
    return tuple(
        f"/ip4/127.0.0.1/tcp/{P2P_PORT + PORT_STRIDE * index}/p2p/{peer_id_text(each.peer_id)}"
        for index, each in enumerate(document.validators)
        if index != founder
    )


def require_free(endpoints: tuple[tuple[str, Endpoint], ...]) -> None:
    """Say which port is taken, before a node fails half-way through its start."""
    for (flag, one), (other_flag, other) in combinations(endpoints, 2):
        if one.port == other.port and (one.host == other.host or is_any(one) or is_any(other)):
            raise CommandError(
                f"{flag} and {other_flag} are both at port {one.port}",
                f"choose another port with {other_flag} {other.host}:PORT",
                ExitCode.CONFIG,
            )
    for flag, endpoint in endpoints:
        if is_taken(endpoint):
            raise CommandError(
                f"{endpoint} is taken by another program",
                f"stop it, or choose another port with {flag} {endpoint.host}:PORT",
                ExitCode.NETWORK,
            )


def is_any(endpoint: Endpoint) -> bool:
    """Whether it listens on every interface."""
    return ip_address(endpoint.host).is_unspecified


def is_taken(endpoint: Endpoint) -> bool:
    """Whether binding fails; a socket that lingers after a stop does not count."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((endpoint.host, endpoint.port))
        except OSError:
            return True
    return False


def document_of(settings: Settings, home: Path | None) -> GenesisDocument:
    """A relative path in config.toml starts at the home it stands in."""
    network = settings.network
    if network is None:
        raise CommandError(
            f"{home} does not say which network it is for",
            "add --network, or make the home with `aichain init --network …`",
            CommandExit.USAGE,
        )
    is_path = network not in known_networks()
    if is_path and home is not None and settings.origins["network"] is Origin.FILE:
        network = str(home / network)
    return load_document(network)


def _founder(settings: Settings, document: GenesisDocument) -> int | None:
    founder = settings.founder
    if founder is None:
        alone = document.name == EPHEMERAL_NETWORK and len(document.validators) == 1
        idle = settings.validator_key_file is None and not settings.bootstrap
        return 0 if alone and idle and document.public_keys else None
    if settings.validator_key_file is not None:
        raise ConfigError(
            reason="both a founder and a validator key were given",
            fix="keep one of --founder and --validator-key",
        )
    if not document.public_keys:
        raise ConfigError(
            reason=f"{document.name} has no public founders",
            fix="use --validator-key FILE with a key of your own",
        )
    if founder >= len(document.validators):
        raise ConfigError(
            reason=f"{document.name} has no founder {founder}",
            fix=f"founders are numbered 0 to {len(document.validators) - 1}",
        )
    return founder


def _validator_key(
    settings: Settings,
    document: GenesisDocument,
    founder: int | None,
    *,
    home: Path,
    password_file: Path | None,
) -> SigningKey | None:
    """The founder's public key, or the one in the key file; in config.toml it is relative to it."""
    if founder is not None:
        return founder_key(document.name, founder)
    path = settings.validator_key_file
    if path is None:
        return None
    if settings.origins["validator.key_file"] is Origin.FILE:
        path = home / path
    return open_key(KeyFile(path, load_header(path)), password_file).key


def _rpc_tokens(settings: Settings, home: Path) -> tuple[bytes, ...]:
    """None where the listener asks for none; in config.toml the path is relative to it."""
    path = settings.rpc_tokens
    if path is None:
        return ()
    if settings.origins["rpc.tokens"] is Origin.FILE:
        path = home / path
    return read_tokens(path)


def _webhooks(settings: Settings, home: Path) -> tuple[Webhook, ...]:
    """None without a file; in config.toml its path is relative to it."""
    path = settings.webhooks
    if path is None:
        return ()
    if settings.origins["webhooks"] is Origin.FILE:
        path = home / path
    return read_webhooks(path)


def fleet_peers(settings: Settings, home: Path) -> frozenset[bytes] | None:
    """Of headquarters, the identities in the registry: whose heartbeats they take."""
    path = settings.fleet_registry
    if path is None:
        return None
    if settings.origins["fleet.registry"] is Origin.FILE:
        path = home / path
    fix = "correct that, or remove fleet.registry"
    try:
        raw, _ = read_regular(path, FLEET_FILE_MAX_BYTES)
        return parse_registry(raw).peer_ids
    except OSError as error:
        raise ConfigError(reason=f"{path}: {error.strerror}", fix=fix) from None
    except FleetFileInvalid as error:
        raise ConfigError(reason=f"{path}: {error.field}: {error.reason}", fix=fix) from None


def _node_seed(home: Path, document: GenesisDocument, founder: int | None) -> bytes:
    if founder is not None:
        return founder_node_seed(document.name, founder)
    return load_or_create_node_seed(home / NODE_KEY_FILE)
