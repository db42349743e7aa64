"""A load of signed transfers at a steady rate, and how long they take from submission to final."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.load_senders import IN_FLIGHT_MAX, Prepared, Sender, make_senders, ready_senders
from aichain.client.errors import RpcError, RpcRefused
from genesis.units import format_address

TICK_S: Final = 0.05
POLL_S: Final = 0.1
SAY_EVERY_S: Final = 5.0
BATCH_MAX: Final = 40
DRAIN_S: Final = 15.0
FINAL_TIMEOUT_S: Final = 60.0
STALL_S: Final = 10.0
LATENCIES_MAX: Final = 1_000_000
FOR_NOW: Final = frozenset(
    {
        "mempool_full",
        "sender_queue_full",
        "tip_below_floor",
        "calls_exceeded",
        "server_busy",
        "not_pooled",
    }
)
"""Refusals that pass; after any other one a sender asks where its account stands."""
SIGN_FIRST: Final = 2
"""Each sender has this many transfers signed ahead of time, at least."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send, where, and for how long."""

    urls: tuple[str, ...]
    network: str
    rate: float
    senders: int = 100
    seconds: float | None = None
    sign_ahead: int = 0
    """Transfers signed before the clock starts, for benchmarks that must not measure signing."""
    seed: bytes = b""


@dataclass(slots=True)
class LoadReport:
    """Counts and times of a load; latencies are from just before the POST to `finalizedAtMs`."""

    started_ms: int = 0
    ended_ms: int = 0
    accepted: int = 0
    final: int = 0
    held_back: int = 0
    """Turns at which a sender had too many transactions in flight already."""
    refused: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[int] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    """Where the transaction of each latency became final."""
    blocks: int = 0
    last_final_ms: int = 0

    @property
    def final_per_s(self) -> float:
        """Final transactions over the time from the first submission to the last final block."""
        span_ms = self.last_final_ms - self.started_ms
        return 1000 * self.final / span_ms if span_ms > 0 else 0.0

    def latency_ms(self, percent: float) -> int | None:
        if not self.latencies_ms:
            return None
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def as_json(self) -> dict[str, Any]:
        seconds = max(1, self.ended_ms - self.started_ms) / 1000
        return {
            "seconds": round(seconds, 1),
            "accepted": self.accepted,
            "acceptedPerSecond": round(self.accepted / seconds, 1),
            "final": self.final,
            "finalPerSecond": round(self.final_per_s, 1),
            "notFinal": self.accepted - self.final,
            "refused": dict(self.refused),
            "heldBack": self.held_back,
            "blocks": self.blocks,
            "submitToFinalMs": {
                "p50": self.latency_ms(50),
                "p90": self.latency_ms(90),
                "p99": self.latency_ms(99),
                "max": self.latency_ms(100),
            },
        }


class Load:
    """One thread a node sends; the caller's thread follows the chain and keeps the report."""

    def __init__(self, plan: LoadPlan) -> None:
        if not plan.urls:
            raise CommandError(
                "no node of the local network runs",
                "`aichain localnet start 0`, or localnet/up",
                CommandExit.LOCALNET,
            )
        self.plan = plan
        self.report = LoadReport()
        self.senders = make_senders(max(plan.senders, len(plan.urls)), plan.seed)
        self._lock = threading.Lock()
        self._owner: dict[str, Sender] = {}
        self._stop = threading.Event()
        self._height = 0
        self._network_id = 0

    def prepare(self) -> None:
        """Fund the senders, reveal their keys, and sign ahead what the plan asks for."""
        with RpcClient(self.plan.urls[0]) as client:
            ready_senders(client, self.plan.network, self.senders, lambda ids: _wait(client, ids))
            status = client.call("aichain_status")
        self._height, self._network_id = int(status["height"]), int(status["chainId"])
        ahead = max(self.plan.sign_ahead, SIGN_FIRST * len(self.senders))
        for turn in range(ahead):
            self.senders[turn % len(self.senders)].prepare(self._network_id, self._height)

    def run(self, say: Callable[[str], None], stop: threading.Event) -> LoadReport:
        """Send until the plan's time is over or `stop` is set, then wait for what is in flight."""
        urls = self.plan.urls
        threads = [
            threading.Thread(target=self._send, args=(index,), name=f"load-{index}", daemon=True)
            for index in range(len(urls))
        ]
        self.report.started_ms = _now_ms()
        deadline = time.monotonic() + (self.plan.seconds or float("inf"))
        for thread in threads:
            thread.start()
        said = time.monotonic()
        with Follower(urls, self._height) as follower:
            while time.monotonic() < deadline and not stop.is_set():
                self._take(follower.new_blocks())
                if time.monotonic() - said > SAY_EVERY_S:
                    said = time.monotonic()
                    say(self._line())
                stop.wait(POLL_S)
            self._stop.set()
            self.report.ended_ms = _now_ms()
            for thread in threads:
                thread.join(timeout=DRAIN_S)
            drained = time.monotonic() + DRAIN_S
            while self._owner and time.monotonic() < drained:
                self._take(follower.new_blocks())
                time.sleep(POLL_S)
        return self.report

    def _send(self, index: int) -> None:
        """One thread: the senders of one node, each tick as many as the rate allows."""
        urls = self.plan.urls
        senders = self.senders[index :: len(urls)]
        rate = self.plan.rate / len(urls)
        client = RpcClient(urls[index])
        begun, sent, turn, place = time.monotonic(), 0, 0, index
        while not self._stop.is_set():
            due = int((time.monotonic() - begun) * rate) - sent
            batch: list[tuple[Sender, Prepared]] = []
            for _ in range(min(due, BATCH_MAX, len(senders))):
                sender = senders[turn % len(senders)]
                turn += 1
                self._next(sender, batch)
            sent += max(0, min(due, BATCH_MAX, len(senders)))
            if due > 5 * max(rate, 1):  # the node is behind: do not pile up a debt of turns
                begun, sent = time.monotonic(), 0
            try:
                self._submit(client, batch)
            except RpcError:
                client.close()
                place = (place + 1) % len(urls)
                client = RpcClient(urls[place])
                self._stop.wait(TICK_S)
            self._revive(client, senders)
            self._stop.wait(TICK_S if due <= BATCH_MAX else 0)
        client.close()

    def _next(self, sender: Sender, batch: list[tuple[Sender, Prepared]]) -> None:
        if len(sender.in_flight) >= IN_FLIGHT_MAX:
            with self._lock:
                self.report.held_back += 1
            return
        if not sender.ready:
            sender.prepare(self._network_id, self._height)
        batch.append((sender, sender.ready.popleft()))

    def _submit(self, client: RpcClient, batch: Sequence[tuple[Sender, Prepared]]) -> None:
        """One request; what is refused for now goes back in front of its sender's queue."""
        if not batch:
            return
        at_ms = _now_ms()
        with self._lock:
            for sender, transfer in batch:
                sender.in_flight[transfer.id] = at_ms
                self._owner[transfer.id] = sender
        try:
            raws = [(transfer.raw,) for _, transfer in batch]
            answers = client.batch("aichain_sendTransaction", raws)
        except RpcError:
            with self._lock:
                self.report.refused["unreachable"] += len(batch)
                for sender, transfer in reversed(batch):
                    self._put_back(sender, transfer)
            raise
        with self._lock:
            for (sender, transfer), answer in reversed(list(zip(batch, answers, strict=True))):
                if isinstance(answer, RpcRefused):
                    self.report.refused[answer.name or str(answer.number)] += 1
                    self._put_back(sender, transfer)
                    sender.stale = sender.stale or answer.name not in FOR_NOW
                else:
                    self.report.accepted += 1

    def _put_back(self, sender: Sender, transfer: Prepared) -> None:
        sender.in_flight.pop(transfer.id, None)
        self._owner.pop(transfer.id, None)
        sender.ready.appendleft(transfer)

    def _revive(self, client: RpcClient, senders: Sequence[Sender]) -> None:
        """A sender whose transactions were lost with a node asks where its account stands."""
        oldest = _now_ms() - int(STALL_S * 1000)
        for sender in senders:
            with self._lock:
                lost = [tx for tx, at_ms in sender.in_flight.items() if at_ms < oldest]
            if not lost and not sender.stale:
                continue
            try:
                account = client.call("aichain_getAccount", format_address(sender.address))
            except RpcError:
                return
            with self._lock:
                for tx in lost:
                    self._owner.pop(tx, None)
                    sender.in_flight.pop(tx, None)
                sender.resume(account)
                self.report.refused["lost"] += len(lost)

    def _take(self, blocks: Sequence[dict[str, Any]]) -> None:
        for block in blocks:
            at_ms = int(block["finalizedAtMs"] or _now_ms())
            with self._lock:
                self._height = int(block["height"])
                self.report.blocks += 1
                for transaction in block["transactions"]:
                    sender = self._owner.pop(transaction["hash"], None)
                    if sender is None:
                        continue
                    begun_ms = sender.in_flight.pop(transaction["hash"])
                    self.report.final += 1
                    self.report.last_final_ms = at_ms
                    if len(self.report.latencies_ms) < LATENCIES_MAX:
                        self.report.latencies_ms.append(at_ms - begun_ms)
                        self.report.heights.append(self._height)

    def _line(self) -> str:
        report = self.report
        seconds = max(1, _now_ms() - report.started_ms) / 1000
        return (
            f"{report.accepted} sent ({report.accepted / seconds:.1f}/s), {report.final} final,"
            f" submit to final p50 {report.latency_ms(50)} ms, p99 {report.latency_ms(99)} ms,"
            f" {report.refused.total()} refused"
        )


class Follower:
    """Reads final blocks in order from whichever node answers."""

    def __init__(self, urls: Sequence[str], height: int) -> None:
        self._urls = urls
        self._place = 0
        self._next = height + 1
        self._client = RpcClient(urls[0])

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def new_blocks(self) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        try:
            height = int(self._client.call("aichain_status")["height"])
            while self._next <= height:
                blocks.append(self._client.call("aichain_getBlock", self._next))
                self._next += 1
        except RpcError:
            self._client.close()
            self._place = (self._place + 1) % len(self._urls)
            self._client = RpcClient(self._urls[self._place])
        return blocks


def run_load(
    plan: LoadPlan, say: Callable[[str], None], stop: threading.Event | None = None
) -> LoadReport:
    """Prepare and run a load; `say` gets a line now and then."""
    load = Load(plan)
    say(f"funding {len(load.senders)} senders")
    load.prepare()
    say(f"sending {plan.rate:g} transfers a second to {len(plan.urls)} nodes")
    return load.run(say, stop or threading.Event())


def _wait(client: RpcClient, ids: Sequence[str]) -> None:
    """Until all are final; they were accepted, so this is a matter of blocks."""
    deadline = time.monotonic() + FINAL_TIMEOUT_S
    waiting = list(ids)
    while waiting:
        value = client.call("aichain_getTransaction", waiting[-1])
        if value is not None and value["status"] == "failed":
            raise CommandError(
                f"a funding transfer failed: {value['receipt']['error']}",
                "see `aichain query tx " + waiting[-1] + "`",
                CommandExit.NOT_APPLIED,
            )
        if value is not None and value["status"] == "final":
            waiting.pop()
            continue
        if time.monotonic() > deadline:
            raise CommandError(
                "the load's accounts were not funded in time",
                "does the chain make blocks? see `aichain localnet status`",
                CommandExit.TIMEOUT,
            )
        time.sleep(POLL_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
