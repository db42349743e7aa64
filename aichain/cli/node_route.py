"""`aichain node route`: which worker of a fleet would take a task now, and why not the others."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.fleet_files import load_registry, read_fleet_file, refused_file
from aichain.cli.fleet_poll import Poller
from aichain.cli.options import json_option
from aichain.cli.output import show
from aichain.cli.values import FILE, Value
from aichain.clock import SystemClock
from aichain.fleet.fields import FleetFileInvalid
from aichain.fleet.health import Signs, State, assess
from aichain.fleet.registry import Registry
from aichain.fleet.routing import Decision, Task, route
from aichain.fleet.workforce import TASKS_AT_ONCE_MAX, Workforce, is_workforce, parse_workforce

RULES_FILE: Final = "openclaw_workers.json"
TIMEOUT_S: Final = 5.0
WORKERS: Final = 10
_LOAD: Final = re.compile(r"(.{1,256})=([0-9]{1,9})", re.ASCII)


def read_load(text: str) -> tuple[str, int]:
    found = _LOAD.fullmatch(text)
    if found is None or int(found[2]) > TASKS_AT_ONCE_MAX:
        raise ValueError(f"{text[:80]!r} is not a worker and its tasks, such as mac-1=2")
    return found[1], int(found[2])


@click.command("route")
@click.option("--task", required=True, metavar="TYPE", help="The type of task.")
@click.option("--model", help="Only workers that have this model.")
@click.option("--registry", "file", type=FILE, required=True, help="JSON file of the nodes.")
@click.option(
    "--rules",
    type=FILE,
    help=f"JSON file of workers and rules; else the registry, or {RULES_FILE} beside it.",
)
@click.option(
    "--busy",
    type=Value("worker=tasks", read_load),
    multiple=True,
    help="A worker has so many tasks now; may stand several times.",
)
@click.option("--assume-online", is_flag=True, help="Ask no node; take all for well.")
@json_option
def route_task(
    task: str,
    model: str | None,
    file: Path,
    rules: Path | None,
    busy: tuple[tuple[str, int], ...],
    assume_online: bool,
    as_json: bool,
) -> None:
    """Say which worker takes a task, by rules, priority, health of the nodes, and load."""
    registry = load_registry(file)
    workforce = _workforce(rules or _rules_of(file), registry)
    known = {worker.name for worker in workforce.workers}
    for name, _ in busy:
        if name not in known:
            raise CommandError(
                f"no worker is called {name!r}", "correct --busy", CommandExit.NOT_FOUND
            )
    states = _states(registry, asks=not assume_online)
    decision = route(workforce, Task(task, model), states, dict(busy))
    show(decision_document(decision), as_json=as_json)
    if decision.worker is None:
        raise CommandError(
            f"no worker can take a task of type {task!r} now",
            "start one of its workers' nodes (`aichain node health`), or correct the rules",
            CommandExit.FAILED,
        )


def decision_document(decision: Decision) -> dict[str, object]:
    """A decision as JSON; `next` are those that would take the task if the chosen one fails."""
    chosen = decision.worker
    return {
        "task": decision.task.task_type,
        "worker": chosen and chosen.name,
        "endpoint": chosen and chosen.endpoint,
        "model": decision.model,
        "rule": decision.rule and decision.rule.name,
        "next": [worker.name for worker in decision.order[1:]],
        "passed": [{"worker": each.worker.name, "reason": each.reason} for each in decision.passed],
    }


def _rules_of(registry_file: Path) -> Path:
    """The registry itself if workers are in it, else the usual file beside it."""
    if is_workforce(read_fleet_file(registry_file)):
        return registry_file
    return registry_file.parent / RULES_FILE


def _workforce(path: Path, registry: Registry) -> Workforce:
    try:
        return parse_workforce(read_fleet_file(path), registry)
    except FleetFileInvalid as error:
        raise refused_file(path, error) from None


def _states(registry: Registry, *, asks: bool) -> Mapping[str, State]:
    if not asks:
        return {node.name: State.ONLINE for node in registry.nodes}
    seen = Poller(TIMEOUT_S, WORKERS).look(registry)
    signs = {name: Signs(each.sight) for name, each in seen.items()}
    health = assess(registry, signs, SystemClock().now_ms())
    return {each.node.name: each.state for each in health.nodes}
