"""Runs a manifest: a network, its perturbations one by one, and what must hold all the time."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from aichain.cli import localnet_nodes
from aichain.cli.load import LoadPlan, LoadReport, run_load
from aichain.cli.localnet_nodes import set_partition, set_regions, stop_nodes
from aichain.cli.localnet_state import LocalnetState
from genesis.document import GenesisDocument
from genesis.networks import local_document
from tests.e2e.manifests.manifest import RESTARTED, Kind, Manifest, Perturbation
from tests.e2e.manifests.previous import require_same_genesis, unpack_previous
from tests.e2e.manifests.site import Site
from tests.e2e.manifests.watch import Watch
from tests.e2e.networks import free_base_port, wait_until

START_HEIGHTS = 2
LOAD_SENDERS = 10
LOAD_END_S = 60.0
PROBATION_S = 120.0
"""Sixty-four final views take half a minute where nothing else is to do."""
_STEP_S = 0.1

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What a run has seen; it is only made when everything held."""

    height: int = 0
    transactions: int = 0
    seconds: float = 0.0
    recoveries_s: list[tuple[str, float]] = field(default_factory=list)
    """From where each perturbation begins to end until the chain has gained its heights."""


def run_manifest(manifest: Manifest, folder: Path, say: Say = lambda _: None) -> Report:
    """AssertionError with all that did not hold; NoUpgrade where that was asked for in vain."""
    began = time.monotonic()
    state = network_of(manifest, folder / "net")
    site = Site(state)
    if manifest.upgraded:
        previous = unpack_previous(folder / "code")
        require_same_genesis(previous, state, manifest.genesis_changed_by)
        site.checkouts = dict.fromkeys(manifest.upgraded, previous)
    report = Report()
    with ExitStack() as stack:
        stack.callback(lambda: stop_nodes(site.state))
        for index in range(manifest.validators):
            site.start(index)
        site.wait_until_up()
        watch = stack.enter_context(Watch(site))
        run = _Run(manifest, site, watch, report, say)
        run.gain(START_HEIGHTS)
        if manifest.load:
            stack.enter_context(loaded(site, manifest.load))
        for perturbation in manifest.perturbations:
            run.perturb(perturbation)
        run.recover()
    report.seconds = time.monotonic() - began
    return report


def network_of(manifest: Manifest, folder: Path) -> LocalnetState:
    """The files of its network, nothing running."""
    limit, make_document = manifest.full_set_limit, local_document

    def document_of(network: str, founders: int) -> GenesisDocument:
        document = make_document(network, founders)
        if not limit:
            return document
        consensus = replace(document.consensus, full_set_limit=limit)
        return replace(document, consensus=consensus)

    with patch.object(localnet_nodes, "local_document", document_of):
        return localnet_nodes.make_network(
            folder, "testnet", manifest.validators, free_base_port(), manifest.block_time_ms
        )


@dataclass(slots=True)
class _Run:
    """One manifest on its way."""

    manifest: Manifest
    site: Site
    watch: Watch
    report: Report
    say: Say

    def perturb(self, perturbation: Perturbation) -> None:
        """Do it, undo it, and see that the chain goes on."""
        names = " ".join(map(str, perturbation.nodes))
        what = f"{perturbation.kind} {names} {perturbation.amount or ''}".strip()
        self.say(f"height {self.watch.top}: {what} for {perturbation.for_s:g} s")
        with perturbed(self.site, perturbation):
            self.hold(perturbation.for_s)
            ended = time.monotonic()
        self.gain(self.manifest.calm_heights)
        self.report.recoveries_s.append((what, time.monotonic() - ended))

    def hold(self, seconds: float) -> None:
        """Let time pass, as long as all is well."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(_STEP_S)
            self.watch.require()

    def gain(self, heights: int) -> None:
        """The chain gains so many heights within the bound."""
        wanted = self.watch.top + heights
        wait_until(
            lambda: self._is_broken() or self.watch.top >= wanted,
            f"height {wanted}, from {self.watch.top} on",
            self.manifest.recovery_s,
        )
        self.watch.require()

    def recover(self) -> None:
        """Every node gains its heights within the bound, and all of them tell the same story."""
        wanted = self.watch.top + self.manifest.recovery_heights
        self._reach(wanted)
        self.report.height = self.watch.top
        self._reach(self.report.height)
        self.report.transactions = self.watch.compare_all(self.site.state.nodes)
        self.watch.require()

    def _reach(self, height: int) -> None:
        """All nodes come to a height within the bound."""
        nodes, heights = range(self.manifest.validators), self.watch.heights
        wait_until(
            lambda: self._is_broken() or all(heights.get(each, 0) >= height for each in nodes),
            f"height {height} on every node",
            self.manifest.recovery_s,
        )
        self.watch.require()

    def _is_broken(self) -> bool:
        return bool(self.watch.broken)


def perturbed(site: Site, perturbation: Perturbation) -> AbstractContextManager[None]:
    """Done on entering, undone on leaving."""
    kind, nodes = perturbation.kind, perturbation.nodes
    match kind:
        case Kind.KILL:
            return killed(site, nodes)
        case Kind.PAUSE:
            return paused(site, nodes)
        case Kind.RESTART:
            return stopped(site, nodes)
        case Kind.UPGRADE:
            return upgraded(site, nodes)
        case Kind.DISCONNECT:
            return disconnected(site, nodes)
        case Kind.LOST_VOTE_LOG:
            return without_vote_logs(site, nodes)
        case Kind.LOAD:
            return loaded(site, perturbation.amount)
        case Kind.REGIONS:
            return far_apart(site)
        case _:
            assert kind in RESTARTED, kind
            name = "--fsync-delay-ms" if kind is Kind.SLOW_DISK else "--clock-offset-ms"
            return restarted_with(site, nodes, (f"{name}={perturbation.amount}",))


@contextmanager
def killed(site: Site, nodes: tuple[int, ...]) -> Iterator[None]:
    for index in nodes:
        site.kill(index)
    yield
    _start(site, nodes)


@contextmanager
def paused(site: Site, nodes: tuple[int, ...]) -> Iterator[None]:
    try:
        for index in nodes:
            site.pause(index)
        yield
    finally:
        for index in nodes:
            site.resume(index)


@contextmanager
def stopped(site: Site, nodes: tuple[int, ...]) -> Iterator[None]:
    for index in nodes:
        site.stop(index)
    yield
    _start(site, nodes)


@contextmanager
def upgraded(site: Site, nodes: tuple[int, ...]) -> Iterator[None]:
    with stopped(site, nodes):
        for index in nodes:
            del site.checkouts[index]
        yield


@contextmanager
def disconnected(site: Site, nodes: tuple[int, ...]) -> Iterator[None]:
    site.state = set_partition(site.state, frozenset(nodes))
    yield
    site.state = set_partition(site.state, frozenset())


@contextmanager
def without_vote_logs(site: Site, nodes: tuple[int, ...]) -> Iterator[None]:
    """Once all others vote: a node that started after the first blocks is on probation, too."""
    others = set(range(len(site.state.nodes))) - set(nodes)
    wait_until(
        lambda: all(site.call(each, "aichain_status")["voting"] == "yes" for each in others),
        "all others vote",
        PROBATION_S,
    )
    for index in nodes:
        site.kill(index)
        shutil.rmtree(site.state.node(index).home / "data" / "signer")
    _start(site, nodes)
    yield


@contextmanager
def restarted_with(site: Site, nodes: tuple[int, ...], options: tuple[str, ...]) -> Iterator[None]:
    for index in nodes:
        site.stop(index)
    _start(site, nodes, options)
    yield
    for index in nodes:
        site.stop(index)
    _start(site, nodes)


@contextmanager
def far_apart(site: Site) -> Iterator[None]:
    site.state = set_regions(site.state, on=True)
    yield
    site.state = set_regions(site.state, on=False)


@contextmanager
def loaded(site: Site, rate: int) -> Iterator[None]:
    """Transfers to all nodes; what a node loses with its mempool was never final."""
    sends, stop = threading.Event(), threading.Event()
    urls = tuple(node.rpc_url for node in site.state.nodes)
    site.loads += 1
    seed = bytes([site.loads])
    plan = LoadPlan(urls, site.state.network, rate=rate, senders=LOAD_SENDERS, seed=seed)
    reports: list[LoadReport] = []

    def say(line: str) -> None:
        if line.startswith("sending"):
            sends.set()

    sending = threading.Thread(
        target=lambda: reports.append(run_load(plan, say, stop)), daemon=True
    )
    sending.start()
    try:
        wait_until(sends.is_set, "the load's accounts are funded", LOAD_END_S)
        yield
    finally:
        stop.set()
        sending.join(LOAD_END_S)
    assert reports, "the load came to its end"
    assert reports[0].final, "some transfers were final"


def _start(site: Site, nodes: tuple[int, ...], options: tuple[str, ...] = ()) -> None:
    for index in nodes:
        site.start(index, options=options)
    site.wait_until_up()
