"""`aichain doctor`: is this machine fit to run a node, and if not, what to do."""

import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import metadata, util
from pathlib import Path
from typing import Final

import click

from aichain.cli.client import RpcClient
from aichain.cli.doctor_deployment import (
    check_gpu,
    check_index_server,
    check_key_files,
    check_peers,
    check_ports,
)
from aichain.cli.exit_codes import CommandError, CommandExit, explain
from aichain.cli.findings import Finding, Verdict, judge
from aichain.cli.kernel_clock import read_kernel_clock
from aichain.cli.options import home_option, json_option, rpc_option
from aichain.cli.output import show
from aichain.client.errors import RpcAddressInvalid, RpcError, RpcUnreachable
from aichain.config import read_config_file, read_environment, resolve_settings
from aichain.homes import CONFIG_FILE, data_root, homes_of
from native.backends import view_engines
from native.batch import verify_many
from native.errors import AIChainError
from native.signatures import SignatureItem, SigningKey

ROOMS: Final = ("aichain", "consensus", "vm", "p2p", "genesis", "native")
LIBRARIES: Final = (
    "trio",
    "libp2p",
    "plyvel",
    "msgspec",
    "blake3",
    "Crypto",
    "cryptography",
    "httptools",
    "wsproto",
    "click",
    "rich",
    "prometheus_client",
)
DISK_WARN_BYTES: Final = 5 << 30
DISK_FAIL_BYTES: Final = 500 << 20
FSYNC_WARN_MS: Final = 20.0
FSYNC_FAIL_MS: Final = 200.0
VERIFY_WARN_US: Final = 600.0
MEMORY_WARN_BYTES: Final = 1 << 30
FILES_WARN: Final = 1024
CLOCK_WARN_MS: Final = 250
ROUNDS: Final = 20


@click.command(short_help="Check this machine and say what to fix.")
@home_option
@rpc_option
@json_option
def doctor(home: Path | None, rpc: str, as_json: bool) -> None:
    """Check Python, libraries, settings, disk, memory, signatures, GPU, key files, the server of
    --index-url, clock, ports, the node that runs and its peers."""
    place = home or data_root(os.environ)
    homes = (place,) if home else homes_of(os.environ)
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _libraries,
        _import_names,
        lambda: _settings(homes),
        lambda: _disk(place),
        lambda: _fsync(place),
        _memory,
        _open_files,
        _signatures,
        check_gpu,
        lambda: check_key_files(homes),
        lambda: check_index_server(homes),
        _clock,
        lambda: check_ports(homes),
        lambda: _node(rpc),
        lambda: check_peers(rpc),
    )
    findings = [check() for check in checks]
    if as_json:
        rows = [
            {
                "check": each.check,
                "verdict": each.verdict.value,
                "detail": each.detail,
                "fix": each.fix or None,
            }
            for each in findings
        ]
        show(rows, as_json=True)
    else:
        for each in findings:
            click.echo(f"{each.verdict.value:<4}  {each.check:<12} {each.detail}")
            if each.fix:
                click.echo(f"      {'':<12} fix: {each.fix}")
    failed = [each for each in findings if each.verdict is Verdict.FAIL]
    if failed:
        raise CommandError(
            f"{len(failed)} of {len(findings)} checks failed: "
            + ", ".join(each.check for each in failed),
            "do what the report says under each of them, then run it again",
            CommandExit.DOCTOR,
        )


def _python() -> Finding:
    version = platform.python_version()
    fits = (3, 11) <= sys.version_info[:2] < (3, 13)
    return judge("python", not fits, False, version, "use Python 3.11 or 3.12")


def _libraries() -> Finding:
    missing = [name for name in LIBRARIES if util.find_spec(name) is None]
    detail = f"missing: {', '.join(missing)}" if missing else f"all {len(LIBRARIES)} are there"
    return judge("libraries", bool(missing), False, detail, "pip install -e . in the checkout")


def _import_names() -> Finding:
    """pip overwrites another package's module of the same name without a word."""
    owners = metadata.packages_distributions()
    foreign = [
        f"{room} ({', '.join(owners[room])})"
        for room in ROOMS
        if room in owners and set(owners[room]) != {"aichain"}
    ]
    detail = f"owned by others: {', '.join(foreign)}" if foreign else "only aichain owns its rooms"
    fix = "uninstall the other distribution, then pip install --force-reinstall aichain"
    return judge("import names", bool(foreign), False, detail, fix)


def _settings(homes: Sequence[Path]) -> Finding:
    """Of every home; without one, what the environment alone makes of the defaults."""
    try:
        read_environment(os.environ)
        resolve_settings({}, os.environ, {})
        for home in homes:
            resolve_settings({}, os.environ, read_config_file(home / CONFIG_FILE))
    except AIChainError as error:
        shown = explain(error)
        return Finding("settings", Verdict.FAIL, shown.cause, shown.fix)
    found = [str(path) for home in homes if (path := home / CONFIG_FILE).exists()]
    return Finding("settings", Verdict.OK, ", ".join(found) or "defaults")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(_existing(home)).free
    return judge(
        "disk",
        free < DISK_FAIL_BYTES,
        free < DISK_WARN_BYTES,
        f"{free / 1e9:.1f} GB free at {_existing(home)}",
        "free some space, or choose another --home",
    )


def _fsync(home: Path) -> Finding:
    """A vote waits for one fsync, a final block for another."""
    times = []
    try:
        with tempfile.NamedTemporaryFile(dir=_existing(home), prefix=".aichain-doctor-") as file:
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
                times.append(1000 * (time.perf_counter() - begun))
    except OSError as error:
        detail = f"nothing can be written at {_existing(home)}: {error.strerror}"
        return Finding("fsync", Verdict.FAIL, detail, "choose another --home, or mend that one")
    median = statistics.median(times)
    return judge(
        "fsync",
        median > FSYNC_FAIL_MS,
        median > FSYNC_WARN_MS,
        f"{median:.1f} ms median, {max(times):.1f} ms worst of {ROUNDS}",
        "put the home on an SSD: votes wait for the disk",
    )


def _memory() -> Finding:
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return judge(
        "memory",
        False,
        available < MEMORY_WARN_BYTES,
        f"{available / 1e9:.1f} GB free, {os.cpu_count()} cores",
        "a node needs about 0.2 GB; close something",
    )


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return judge(
        "open files", False, soft < FILES_WARN, f"limit {soft}", "ulimit -n 4096 (or LimitNOFILE)"
    )


def _signatures() -> Finding:
    key = SigningKey.from_seed(bytes(32))
    good = SignatureItem(key.public_key, b"doctor", b"", key.sign(b"doctor", b""))
    view_engines()  # an engine begins with a test, which takes longer than all that is timed
    begun = time.perf_counter()
    valid = all(all(verify_many([good])) for _ in range(ROUNDS))
    each_us = 1e6 * (time.perf_counter() - begun) / ROUNDS
    wrong = any(verify_many([replace(good, message=b"Doctor")]))
    engines, fix = view_engines(), "a slow or busy processor keeps up with fewer transactions"
    if not engines.is_compiled:
        fix = "install g++ and the headers of Python, then install this again: ten times as fast"
    if engines.faults:
        fix = "OpenSSL does the work; check the memory of this machine, then install this again"
    return judge(
        "signatures",
        not valid or wrong,
        each_us > VERIFY_WARN_US or not engines.is_compiled or bool(engines.faults),
        f"ML-DSA-65 verifies in {each_us:.0f} us, engine {engines}",
        fix,
    )


def _clock() -> Finding:
    """Blocks carry wall-clock time. A wrong clock cannot be seen from inside: a node is told so by
    what others propose (see `node`), and here only whether somebody keeps it right."""
    clock = read_kernel_clock()
    fix = "install chrony or systemd-timesyncd: blocks from the future are refused"
    if clock is None:
        return Finding("clock", Verdict.WARN, "the kernel does not say whether it is kept", fix)
    if not clock.is_synchronized:
        return Finding("clock", Verdict.WARN, "nobody keeps it, says the kernel", fix)
    return judge(
        "clock",
        False,
        clock.max_error_ms > CLOCK_WARN_MS,
        f"kept by an NTP service, at most {clock.max_error_ms:.0f} ms off",
        "give that service a nearer or a better source",
    )


def _node(rpc: str) -> Finding:
    try:
        with RpcClient(rpc, timeout_s=2.0) as client:
            status = client.call("aichain_status")
    except RpcUnreachable:
        return Finding("node", Verdict.OK, f"none runs at {rpc}")
    except RpcError as error:
        shown = explain(error)
        verdict = Verdict.FAIL if isinstance(error, RpcAddressInvalid) else Verdict.WARN
        return Finding("node", verdict, shown.cause, shown.fix)
    if trouble := str(status.get("clockTrouble", "")):
        cause, _, fix = trouble.partition("; fix: ")
        return Finding("node", Verdict.FAIL, cause, fix)
    if trouble := str(status.get("engineTrouble", "")):
        return Finding("node", Verdict.WARN, trouble, "check this machine's memory, restart it")
    skew_ms = abs(int(status["nowMs"]) - time.time_ns() // 1_000_000)
    return judge(
        "node",
        False,
        bool(status["syncing"]) or skew_ms > CLOCK_WARN_MS,
        f"{status['network']} at height {status['height']} with {status['peers']} peers,"
        f" clock {skew_ms} ms apart",
        "wait until it has caught up, and check both clocks",
    )


def _existing(path: Path) -> Path:
    while not path.is_dir() and path != path.parent:  # "." is its own parent
        path = path.parent
    return path
