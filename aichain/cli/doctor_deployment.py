"""Checks of `aichain doctor` of what this machine is set up for: GPU, key files, servers, peers."""

import os
import stat
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Final

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import explain
from aichain.cli.findings import Finding, Verdict, judge
from aichain.cli.key_choice import KEY_SUFFIX
from aichain.cli.options import KEYS_DIRECTORY
from aichain.cli.run_plan import NODE_KEY_FILE, is_taken
from aichain.client.connection import UNIX
from aichain.client.errors import RpcError, RpcRefused, RpcTokenNeeded
from aichain.config import Endpoint, read_config_file, resolve_settings
from aichain.fleet.telemetry import Gpu, GpuSource
from aichain.homes import CONFIG_FILE, socket_of
from aichain.readings import MachineReader
from aichain.store.remote_index import probe_remote_index
from native.compiled import ENGINE_VARIABLE, GPU
from native.errors import AIChainError

GPU_LIBRARY: Final = "cupy"
GROUP_OR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
PEERS_WANTED: Final = 2


def check_gpu() -> Finding:
    """None is needed; one that was asked for and is not there is worth a word."""
    source, gpus = MachineReader().read_gpus()
    return judge_gpu(
        source,
        gpus,
        is_wanted=os.environ.get(ENGINE_VARIABLE) == GPU,
        has_library=util.find_spec(GPU_LIBRARY) is not None,
    )


def judge_gpu(
    source: GpuSource, gpus: Sequence[Gpu], *, is_wanted: bool, has_library: bool
) -> Finding:
    if not gpus:
        return judge(
            "gpu",
            False,
            is_wanted,
            "none is seen; the processor verifies",
            f"install its driver (nvidia-smi has to list it), or unset {ENGINE_VARIABLE}",
        )
    names = ", ".join(each.name for each in gpus)
    use = "verifies" if is_wanted and has_library else "not used to verify"
    return judge(
        "gpu",
        is_wanted and not has_library,
        False,
        f"{names} (by {source.value}), {use}",
        "pip install aichain[gpu]",
    )


def check_key_files(homes: Sequence[Path]) -> Finding:
    """What `run` and `keys` refuse, before they do: files that others may read."""
    files = [file for home in homes for file in _key_files(home)]
    exposed = [path for path in files if path.stat().st_mode & GROUP_OR_OTHERS]
    shown = ", ".join(map(str, exposed[:3])) + (" …" if len(exposed) > 3 else "")
    detail = f"others may read {shown}" if exposed else f"{len(files)}, each its owner's alone"
    return judge("key files", bool(exposed), False, detail, "chmod 600 FILE, for each of them")


def _key_files(home: Path) -> list[Path]:
    folder = home / KEYS_DIRECTORY
    found = [home / NODE_KEY_FILE, *(folder.glob(f"*{KEY_SUFFIX}") if folder.is_dir() else ())]
    return [path for path in found if path.is_file()]


def check_index_server(homes: Sequence[Path]) -> Finding:
    """Of each `index_url` that is set: does its server answer, and is its password ours alone."""
    files = [home / CONFIG_FILE for home in homes]
    try:
        found = [(file, resolve_settings({}, os.environ, read_config_file(file))) for file in files]
        found = found or [(Path(), resolve_settings({}, os.environ, {}))]
        urls = {settings.index_url: file for file, settings in found if settings.index_url}
        told = [probe_remote_index(url) for url in urls]
    except AIChainError as error:
        shown = explain(error)
        return Finding("index server", Verdict.FAIL, shown.cause, shown.fix)
    for url, file in urls.items():
        if url.has_secret and file.is_file() and file.stat().st_mode & GROUP_OR_OTHERS:
            detail = f"others may read the password in {file}"
            return Finding("index server", Verdict.WARN, detail, f"chmod 600 {file}")
    return judge(
        "index server",
        False,
        not all(is_well for is_well, _ in told),
        "; ".join(detail for _, detail in told) or "none is set",
        "start PostgreSQL, and see that its pg_hba.conf lets this user in; the node runs without",
    )


def check_ports(homes: Sequence[Path]) -> Finding:
    """Those where the nodes of the homes are to listen, or the usual ones where there is no home:
    free, or of such a node that runs."""
    wanted: dict[Endpoint, list[str]] = {}
    try:
        for home in homes or (None,):
            file = {} if home is None else read_config_file(home / CONFIG_FILE)
            settings = resolve_settings({}, os.environ, file)
            rpc = f"http://{settings.rpc_listen}" if home is None else f"{UNIX}{socket_of(home)}"
            for endpoint in (settings.rpc_listen, settings.p2p_listen):
                wanted.setdefault(endpoint, []).append(rpc)
    except AIChainError as error:
        shown = explain(error)
        return Finding("ports", Verdict.FAIL, shown.cause, shown.fix)
    busy = [endpoint for endpoint in wanted if is_taken(endpoint)]
    taken = [str(each) for each in busy if not any(map(_answers, wanted[each]))]
    told = ", ".join(map(str, wanted)) + (" are a node's" if busy else " free")
    return judge(
        "ports",
        False,
        bool(taken),
        f"taken: {', '.join(taken)}" if taken else told,
        "stop that program, or use --rpc-listen, --p2p-listen (rpc.listen, p2p.listen)",
    )


def _answers(url: str) -> bool:
    """As a node, be it with a refusal."""
    try:
        with RpcClient(url, timeout_s=2.0) as client:
            client.call("aichain_status")
    except (RpcRefused, RpcTokenNeeded):
        return True
    except RpcError:
        return False
    return True


def check_peers(rpc: str) -> Finding:
    """Of the node that runs; nothing to say where none does, or where a chain has one node."""
    try:
        with RpcClient(rpc, timeout_s=2.0) as client:
            status = client.call("aichain_status")
            validators = client.call("aichain_validators")["validators"]
    except RpcError:
        return Finding("peers", Verdict.OK, "no node was asked")
    count, others = int(status["peers"]), len(validators) - 1
    return judge(
        "peers",
        False,
        count < min(PEERS_WANTED, others),
        f"{count} peers, {others} other validators",
        "see that p2p.listen can be reached (p2p.announce behind a router), add p2p.bootstrap",
    )
