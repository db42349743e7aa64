"""Counters, gauges and histograms of one node, and their Prometheus text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "aichain_"

# Seconds. Blocks come every 500 ms and finality is promised within 250, so the buckets are fine
# there and coarse beyond.
_FINALITY_BUCKETS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.35, 0.5, 1, 2, 5, 10)
_INTERVAL_BUCKETS = (0.4, 0.45, 0.48, 0.49, 0.495, 0.505, 0.51, 0.52, 0.55, 0.6, 0.75, 1, 2, 5, 15)
_FSYNC_BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.5, 2)
_VERIFY_BUCKETS = (0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)
_ITEMS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)
_RPC_BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
_VIEW_BUCKETS = (1, 2, 3, 4, 6, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a node stands when its metrics are read."""

    height: int
    target_height: int
    first_height: int
    finalized_at_ms: int
    epoch: int
    view: int
    syncing: bool
    voting: bool
    """Its votes count now."""
    peers: int
    snapshot_part: int
    snapshot_parts: int
    clock_offset_ms: int | None
    disk_total_bytes: int
    disk_free_bytes: int
    troubles: Mapping[str, bool]
    """What of a node may be in trouble, and whether it is."""


class _Totals(Collector):
    """Counters that somebody else keeps."""

    def __init__(self, name: str, text: str, label: str) -> None:
        self._place = name, text, label
        self.totals: Mapping[str, int] = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        name, text, label = self._place
        family = CounterMetricFamily(name, text, labels=[label])
        for what, total in self.totals.items():
            family.add_metric([what], total)
        yield family


class Metrics:
    """Built once by the node and handed to those who count; no registry is shared."""

    def __init__(self, *, network: str, version: str) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        build = self._gauge("build_info", "Version and network", "network", "version")
        build.labels(network=network, version=version).set(1)

        self._add_standing()
        self._block_views = self._histogram(
            "block_views", "Views that a final block took, 1 where none was given up", _VIEW_BUCKETS
        )
        self._finality = self._histogram(
            "finality_seconds", "Proposal seen or made until final on this node", _FINALITY_BUCKETS
        )
        self._fast = self._histogram(
            "fast_seconds", "The same until it is fast (two lanes)", _FINALITY_BUCKETS
        )
        self._interval = self._histogram(
            "block_interval_seconds",
            "Between the timestamps of consecutive final blocks",
            _INTERVAL_BUCKETS,
        )
        self._votes = self._counter("votes", "Votes", "phase", "direction")
        self._relayed = self._counter("relayed", "Messages of others passed on (two lanes)")
        self._views_cancelled = self._counter("views_cancelled", "Views given up")
        self._equivocations = self._counter("equivocations", "Evidence of double signatures")
        self._terms_closed = self._counter("terms_closed", "Committees given up (two lanes)")
        self._undone = self._counter("fast_blocks_undone", "Fast blocks undone (two lanes)")
        self._wal_fsync = self._histogram(
            "wal_fsync_seconds", "Time of one fsync of the write-ahead log", _FSYNC_BUCKETS
        )

        self._transactions = self._counter("transactions", "Final transactions", "outcome")
        self._admitted = self._counter(
            "transactions_admitted", "Transactions offered to the mempool", "source", "outcome"
        )
        self._mempool_count = self._gauge("mempool_transactions", "Pending transactions")
        self._mempool_bytes = self._gauge("mempool_bytes", "Their size")

        self._misbehaviour = self._counter("peer_misbehaviour", "Bad data from peers", "code")
        self._blocks_refused = self._counter("blocks_refused", "Proposed against a rule", "code")

        self._rpc_calls = self._histogram(
            "rpc_seconds", "RPC calls by method", _RPC_BUCKETS, "method"
        )
        self._rpc_by_method: dict[str, Histogram] = {}
        self._rpc_refusals = self._counter("rpc_refusals", "RPC errors by code", "code")
        self._rpc_connections = self._gauge("rpc_connections", "Open RPC connections")
        self._webhooks = self._counter(
            "webhook_deliveries", "Deliveries to webhooks, and tries", "webhook", "outcome"
        )
        self._webhooks_behind = self._gauge(
            "webhook_behind_blocks", "Final blocks that a webhook was not told of yet", "webhook"
        )
        self._add_verification()

    def _add_standing(self) -> None:
        self._height = self._gauge("height", "Last final height")
        self._target = self._gauge("target_height", "Highest final height that a peer tells of")
        self._first = self._gauge("first_height", "Lowest block that is kept")
        self._finalized = self._gauge(
            "last_final_timestamp_seconds", "When the last block became final, Unix time"
        )
        self._epoch = self._gauge("epoch", "Epoch")
        self._view = self._gauge("view", "Consensus view")
        self._syncing = self._gauge("syncing", "1 while catching up")
        self._voting = self._gauge("voting", "1 while this node's votes count")
        self._peers = self._gauge("peers", "Connected peers")
        self._snapshot = self._gauge(
            "snapshot_parts", "Of the snapshot that it joins by; 0 of 0 while there is none", "what"
        )
        self._clock_offset = self._gauge(
            "clock_offset_seconds", "How far the clock is ahead of the others' at the least"
        )
        self._disk = self._gauge("disk_bytes", "Of the volume that the chain lies on", "what")
        self._trouble = self._gauge("trouble", "1 while something is wrong with it", "what")
        self._network = _Totals(_PREFIX + "network", "What passed between peers", "what")
        self._registry.register(self._network)

    def _add_verification(self) -> None:
        self._batch_items = self._histogram(
            "verify_batch_items", "Signatures in one call", _ITEMS_BUCKETS, "lane"
        )
        self._verify_waits = self._histogram(
            "verify_wait_seconds", "Signatures wait for their batch", _VERIFY_BUCKETS, "lane"
        )
        self._verify_takes = self._histogram(
            "verify_seconds", "A batch of signatures takes", _VERIFY_BUCKETS, "lane"
        )
        self._verdicts = self._counter(
            "signatures", "Verdicts on signatures", "lane", "engine", "verdict"
        )
        self._engines_failed = self._counter(
            "engine_faults", "Engines that OpenSSL contradicted, or that failed", "engine"
        )
        self._key_cache = self._gauge(
            "key_cache", "Prepared keys of an engine, and how often they served", "engine", "what"
        )
        self._known_transactions = self._counter(
            "block_transactions_checked",
            "Transactions of blocks: verified before by the pool, or with the block",
            "how",
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(_PREFIX + name, text, labels, registry=self._registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(_PREFIX + name, text, labels, buckets=buckets, registry=self._registry)

    def block_final(
        self, height: int, *, succeeded: int, failed: int, interval_ms: int | None
    ) -> None:
        """A block became final; `interval_ms` since its parent's timestamp, None for the first."""
        self._height.set(height)
        self._transactions.labels(outcome="succeeded").inc(succeeded)
        self._transactions.labels(outcome="failed").inc(failed)
        if interval_ms is not None:
            self._interval.observe(interval_ms / 1000)

    def finality_took(self, latency_ms: int) -> None:
        self._finality.observe(latency_ms / 1000)

    def fast_took(self, latency_ms: int) -> None:
        self._fast.observe(latency_ms / 1000)

    def block_took_views(self, views: int) -> None:
        """From its parent's view in the same epoch to its own."""
        self._block_views.observe(views)

    def stand(self, now: Standing) -> None:
        """Where the node stands; called before the text is made."""
        self._height.set(now.height)
        self._target.set(now.target_height)
        self._first.set(now.first_height)
        self._finalized.set(now.finalized_at_ms / 1000)
        self._epoch.set(now.epoch)
        self._view.set(now.view)
        self._syncing.set(int(now.syncing))
        self._voting.set(int(now.voting))
        self._peers.set(now.peers)
        self._snapshot.labels(what="here").set(now.snapshot_part)
        self._snapshot.labels(what="all").set(now.snapshot_parts)
        self._clock_offset.set((now.clock_offset_ms or 0) / 1000)
        self._disk.labels(what="total").set(now.disk_total_bytes)
        self._disk.labels(what="free").set(now.disk_free_bytes)
        for what, is_wrong in now.troubles.items():
            self._trouble.labels(what=what).set(int(is_wrong))

    def network_is(self, totals: Mapping[str, int]) -> None:
        """Messages and misdeeds since the start, by what they are."""
        self._network.totals = totals

    def mempool_is(self, count: int, size_bytes: int) -> None:
        self._mempool_count.set(count)
        self._mempool_bytes.set(size_bytes)

    def transaction_offered(self, source: str, outcome: str) -> None:
        """`source` is rpc or peer, `outcome` is pooled, known or an error's code."""
        self._admitted.labels(source=source, outcome=outcome).inc()

    def vote_cast(self, phase: str) -> None:
        self._votes.labels(phase=phase, direction="cast").inc()

    def vote_received(self, phase: str) -> None:
        self._votes.labels(phase=phase, direction="received").inc()

    def relayed(self, copies: int) -> None:
        self._relayed.inc(copies)

    def view_cancelled(self) -> None:
        self._views_cancelled.inc()

    def peer_misbehaved(self, code: str) -> None:
        self._misbehaviour.labels(code=code).inc()

    def block_refused(self, code: str) -> None:
        """A proposed block broke a rule; `code` is its name."""
        self._blocks_refused.labels(code=code).inc()

    def equivocation_seen(self) -> None:
        self._equivocations.inc()

    def term_closed(self) -> None:
        self._terms_closed.inc()

    def fast_rolled_back(self, blocks: int) -> None:
        self._undone.inc(blocks)

    def wal_synced(self, seconds: float) -> None:
        self._wal_fsync.observe(seconds)

    def verification_waited(self, lane: str, seconds: float) -> None:
        """From the question until its batch begins."""
        self._verify_waits.labels(lane=lane).observe(seconds)

    def verified(self, lane: str, engine: str, verdicts: Sequence[bool], seconds: float) -> None:
        """A batch was verified."""
        self._batch_items.labels(lane=lane).observe(len(verdicts))
        self._verify_takes.labels(lane=lane).observe(seconds)
        valid = sum(verdicts)
        for verdict, count in (("valid", valid), ("invalid", len(verdicts) - valid)):
            if count:
                self._verdicts.labels(lane=lane, engine=engine, verdict=verdict).inc(count)

    def engine_failed(self, engine: str) -> None:
        """It is in quarantine from now on."""
        self._engines_failed.labels(engine=engine).inc()

    def key_cache_is(self, engine: str, counters: Mapping[str, int]) -> None:
        """Hits, misses and evictions so far; pinned and recent keys now."""
        for what, count in counters.items():
            self._key_cache.labels(engine=engine, what=what).set(count)

    def block_checked(self, *, known: int, verified: int) -> None:
        """So many transactions of a block the pool had verified, and so many it had not."""
        self._known_transactions.labels(how="known").inc(known)
        self._known_transactions.labels(how="verified").inc(verified)

    def rpc_called(self, method: str, seconds: float) -> None:
        """`method` is a registered name or "unknown": callers cannot make up label values."""
        if method not in self._rpc_by_method:
            self._rpc_by_method[method] = self._rpc_calls.labels(method=method)
        self._rpc_by_method[method].observe(seconds)

    def rpc_refused(self, code: str) -> None:
        self._rpc_refusals.labels(code=code).inc()

    def rpc_connections_are(self, count: int) -> None:
        self._rpc_connections.set(count)

    def webhook_delivered(self, webhook: str, outcome: str) -> None:
        """`webhook` is a name of the operator's file."""
        self._webhooks.labels(webhook=webhook, outcome=outcome).inc()

    def webhook_behind(self, webhook: str, blocks: int) -> None:
        self._webhooks_behind.labels(webhook=webhook).set(blocks)

    def text(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)
