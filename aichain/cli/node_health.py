"""`aichain node health`: which nodes of a fleet are well, once or again and again."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from itertools import chain
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, printable
from aichain.cli.fleet_files import FleetChoice, fleet_options
from aichain.cli.fleet_poll import Poller, Seen
from aichain.cli.fleet_webhook import post_alert
from aichain.cli.options import json_option
from aichain.cli.output import table
from aichain.cli.values import HTTP_URL, SECONDS
from aichain.clock import Clock, SystemClock
from aichain.fleet.health import (
    Change,
    FleetHealth,
    NodeHealth,
    Signs,
    State,
    assess,
    changes,
    seconds,
)
from aichain.fleet.heartbeat import Heartbeat, latest
from aichain.fleet.registry import Capability, Registry
from aichain.fleet.report import (
    alert_document,
    alert_line,
    alert_list,
    health_document,
    trouble_line,
)
from genesis.limits import FLEET_POLLS_AT_ONCE_MAX

FIXES: Final = {
    1: "see its log, and run `aichain doctor` on its machine",
    2: "start it (`aichain run`, `aichain localnet start`), or correct its address in the registry",
}
ORDERS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Order(Enum):
    """What follows a look of the watch."""

    LOOK = "look"
    RELOAD = "reload"
    END = "end"


@dataclass(frozen=True, slots=True)
class Teller:
    """How looks are told, and where alerts go."""

    as_json: bool
    watches: bool
    alerts: bool
    webhook_url: str | None
    timeout_s: float

    def tell(self, health: FleetHealth, alerts: tuple[Change, ...]) -> str | None:
        """Print a look and send its alerts; what went wrong with these, if something did."""
        if self.as_json:
            document = health_document(health, _iso(health.checked_at_ms))
            if self.alerts:
                document["alerts"] = alert_list(alerts)
            click.echo(json.dumps(document, indent=None if self.watches else 2))
        else:
            click.echo("\n".join(health_lines(health)))
            if self.alerts:
                for each in alerts:
                    click.echo(f"ALERT {printable(alert_line(each))}")
        if not alerts or self.webhook_url is None:
            return None
        return post_alert(self.webhook_url, alert_document(health, alerts), self.timeout_s)


@dataclass
class Watch:
    """Looks at a fleet, each with what the one before has seen."""

    registry: Registry
    look_at: Callable[[Registry], Mapping[str, Seen]]
    teller: Teller
    name: str | None = None
    """The only node that is told of; headquarters are asked too, for its heartbeat."""
    clock: Clock = field(default_factory=SystemClock)
    last: FleetHealth | None = None
    heartbeats: Mapping[bytes, Heartbeat] = field(default_factory=dict)
    """By identity, the last one of each that was told of."""
    worst_code: int = 0

    def look(self) -> FleetHealth:
        seen = self.look_at(self._asked())
        now_ms = self.clock.now_ms()
        told = chain.from_iterable(each.heartbeats for each in seen.values())
        self.heartbeats = latest(self.registry.peer_ids, self.heartbeats, told, now_ms)
        health = assess(self.registry, self._signs(seen), now_ms)
        if self.name is not None:
            only = tuple(each for each in health.nodes if each.node.name == self.name)
            health = replace(health, nodes=only)
        before, self.last = self.last, health
        self.worst_code = max(self.worst_code, health.exit_code)
        trouble = self.teller.tell(health, changes(before, health))
        if trouble is not None:
            click.echo(f"warning: the webhook did not take the alert ({trouble})", err=True)
        return health

    def _asked(self) -> Registry:
        """Whom to ask: everybody, or the node that is named and all headquarters."""
        return Registry(
            tuple(
                node
                for node in self.registry.nodes
                if self.name in (None, node.name) or Capability.COORDINATES in node.capabilities
            )
        )

    def _signs(self, seen: Mapping[str, Seen]) -> Mapping[str, Signs]:
        before = {} if self.last is None else self.last.last_seen
        return {
            node.name: Signs(
                seen[node.name].sight,
                before.get(node.name),
                self.heartbeats.get(node.peer_id) if node.peer_id else None,
            )
            for node in self.registry.nodes
            if node.name in seen
        }


@click.command()
@fleet_options
@json_option
@click.option(
    "--watch", type=SECONDS, help="Look again every N seconds; SIGHUP reads the registry again."
)
@click.option("--alert", is_flag=True, help="Name the nodes whose state has changed.")
@click.option("--webhook-url", type=HTTP_URL, help="Post these alerts there; needs --alert.")
@click.option(
    "--timeout",
    "timeout_s",
    type=SECONDS,
    default="5",
    show_default=True,
    help="Seconds that a node may take for an answer.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, FLEET_POLLS_AT_ONCE_MAX),
    default=10,
    show_default=True,
    help="Nodes that are asked at a time.",
)
def health(
    fleet: FleetChoice,
    as_json: bool,
    watch: float | None,
    alert: bool,
    webhook_url: str | None,
    timeout_s: float,
    workers: int,
) -> None:
    """Ask each node how it is. Exit code 0: all well, 1: some degraded, 2: some offline.

    Without --registry and --rpc the nodes of the local network that runs in this folder are asked,
    or else the node of this machine. A watch ends (Ctrl-C, SIGTERM) with the code of its last look,
    with --alert with that of the worst one.
    """
    if webhook_url is not None and not alert:
        raise click.UsageError("--webhook-url is where alerts go: add --alert")
    teller = Teller(as_json, watch is not None, alert, webhook_url, timeout_s)
    watcher = Watch(fleet.load(), Poller(timeout_s, workers).look, teller, fleet.name)
    if watch is None:
        seen = watcher.look()
        code = seen.exit_code
    else:
        with signalled(watch) as next_order:
            seen = go_on(watcher, fleet.load, next_order)
        code = watcher.worst_code if alert else seen.exit_code
    if code:
        raise CommandError(_cause(seen, code), FIXES[code], code)


def go_on(
    watcher: Watch, reload: Callable[[], Registry], next_order: Callable[[], Order]
) -> FleetHealth:
    """Look until it is to end; the last look. A registry that became unreadable changes nothing."""
    while True:
        seen = watcher.look()
        match next_order():
            case Order.END:
                return seen
            case Order.RELOAD:
                try:
                    watcher.registry = reload()
                except CommandError as error:
                    click.echo(f"warning: the registry stays as it was: {error.cause}", err=True)
            case Order.LOOK:
                pass


@contextmanager
def signalled(pause_s: float) -> Iterator[Callable[[], Order]]:
    """What the next signal orders, or LOOK after a pause. Signals wait until they are asked for:
    a look is never cut in two."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ORDERS)

    def next_order() -> Order:
        found = signal.sigtimedwait(ORDERS, pause_s)
        if found is None:
            return Order.LOOK
        return Order.RELOAD if found.si_signo == signal.SIGHUP else Order.END

    try:
        yield next_order
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def health_lines(health: FleetHealth) -> list[str]:
    """A look for people."""
    counted = (f"{health.count(state)} {state}" for state in State if health.count(state))
    return [
        *table([_row(each, health.checked_at_ms) for each in health.nodes]),
        f"{_iso(health.checked_at_ms)}: {', '.join(counted)}",
        *(
            printable(f"{each.node.name}: {reason}")
            for each in health.nodes
            for reason in each.reasons
        ),
    ]


def _row(each: NodeHealth, now_ms: int) -> dict[str, object]:
    answer, seen_ms = each.answer, each.last_seen_ms
    return {
        "node": each.node.name,
        "role": each.node.role.value,
        "state": each.state.value,
        "height": answer and answer.height,
        "last block": answer and seconds(answer.finalized_ago_ms),
        "peers": answer and answer.peers,
        "answered in": answer and f"{answer.took_ms} ms",
        "seen": None if seen_ms is None else f"{seconds(now_ms - seen_ms)} ago",
    }


def _cause(seen: FleetHealth, code: int) -> str:
    """Of the last look; a watch with alerts may end on a better one than it has seen."""
    if seen.exit_code == code:
        return trouble_line(seen)
    return f"while it was watched some node was {'offline' if code > 1 else 'degraded'}"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
