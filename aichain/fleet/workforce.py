"""Who takes which tasks: `openclaw_workers.json`, workers and the rules that choose among them."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from aichain.config_values import is_http_url
from aichain.fleet.fields import FleetFileInvalid, Table, parse_json
from aichain.fleet.registry import Registry
from genesis.limits import FLEET_RULES_MAX, FLEET_WORKERS_MAX

CLOUD: Final = "cloud_api"
"""The type of workers that are no node of ours: taken when nobody else is left."""
PRIORITY_MAX: Final = 1_000
TASKS_AT_ONCE_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Worker:
    """A service on a node (or of a cloud) that takes tasks."""

    name: str
    node: str | None
    """Whose health decides whether it is available; None for a cloud's."""
    kind: str
    endpoint: str
    priority: int
    max_concurrent: int
    models: frozenset[str]
    """Empty where the file names none: then no model is an obstacle."""
    task_types: frozenset[str]
    enabled: bool

    @property
    def is_cloud(self) -> bool:
        return self.kind == CLOUD


@dataclass(frozen=True, slots=True)
class Rule:
    """Who takes some types of tasks: these workers, else those, and nobody besides."""

    name: str
    task_types: frozenset[str]
    preferred: tuple[str, ...]
    fallback: tuple[str, ...]
    models: tuple[str, ...]
    """The models to take, the best first."""


@dataclass(frozen=True, slots=True)
class Workforce:
    """Workers and rules that fit together; a type of task is in one rule at most."""

    workers: tuple[Worker, ...]
    rules: tuple[Rule, ...]

    def rule_for(self, task_type: str) -> Rule | None:
        return next((rule for rule in self.rules if task_type in rule.task_types), None)


def parse_workforce(raw: bytes, registry: Registry) -> Workforce:
    """Workers and rules of a file's bytes, or FleetFileInvalid with the field that is wrong.

    `global_settings` (timeouts, retries) are for whoever sends the task, and are not read.
    """
    document = parse_json(raw)
    tables = document.tables("workers", FLEET_WORKERS_MAX)
    workers = tuple(_worker(table, registry) for table in tables)
    _require_distinct(tables, "worker_id", [each.name for each in workers])
    rule_tables = document.tables("routing_rules", FLEET_RULES_MAX, required=False)
    rules = tuple(_rule(table, workers) for table in rule_tables)
    _require_distinct(rule_tables, "rule_id", [each.name for each in rules])
    _require_one_rule_a_type(rule_tables, rules)
    return Workforce(workers, rules)


def _worker(table: Table, registry: Registry) -> Worker:
    kind = table.text("type")
    endpoint = table.text("endpoint")
    if not is_http_url(endpoint):
        raise table.refuse("endpoint", f"{endpoint!r} is not an address such as http://HOST:PORT")
    return Worker(
        name=table.text("worker_id"),
        node=None if kind == CLOUD else _node_name(table, registry),
        kind=kind,
        endpoint=endpoint,
        priority=table.count("priority", None, PRIORITY_MAX),
        max_concurrent=table.count("max_concurrent", 1, TASKS_AT_ONCE_MAX, least=1),
        models=frozenset(table.texts("models_available")),
        task_types=frozenset(table.texts("task_types")),
        enabled=table.boolean("enabled", default=True),
    )


def _node_name(table: Table, registry: Registry) -> str:
    name = table.text("node_id")
    if registry.find(name) is None:
        near = registry.near(name)
        hint = f"; did you mean {near}?" if near else ""
        raise table.refuse("node_id", f"no node of the registry is called {name!r}{hint}")
    return name


def _rule(table: Table, workers: Sequence[Worker]) -> Rule:
    task_types = frozenset(table.texts("task_types"))
    if not task_types:
        raise table.refuse("task_types", "there is none")
    known = {each.name: each for each in workers}
    preferred, fallback = table.texts("preferred_workers"), _one_or_more(table, "fallback")
    for member, names in (("preferred_workers", preferred), ("fallback", fallback)):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise table.refuse(member, f"no worker is called {name!r}{hint}")
            if not task_types & known[name].task_types:
                raise table.refuse(member, f"{name} takes none of the rule's task types")
    if not preferred and not fallback:
        raise table.refuse("preferred_workers", "neither these nor fallback name a worker")
    return Rule(
        name=table.text("rule_id"),
        task_types=task_types,
        preferred=preferred,
        fallback=fallback,
        models=_one_or_more(table, "model_preference"),
    )


def _one_or_more(table: Table, name: str) -> tuple[str, ...]:
    """Files name one of these as a text, or several as a list."""
    if isinstance(table.members.get(name), str):
        return (table.text(name),)
    return table.texts(name)


def _require_one_rule_a_type(tables: Iterable[Table], rules: Iterable[Rule]) -> None:
    """Of two rules for one type the second would never be followed."""
    taken: dict[str, str] = {}
    for table, rule in zip(tables, rules, strict=True):
        for task_type in sorted(rule.task_types):
            if task_type in taken:
                raise table.refuse("task_types", f"{task_type} is in rule {taken[task_type]}, too")
            taken[task_type] = rule.name


def _require_distinct(tables: Iterable[Table], name: str, values: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for table, value in zip(tables, values, strict=True):
        if value in seen:
            raise table.refuse(name, f"the same as in {seen[value]}")
        seen[value] = table.path


def is_workforce(raw: bytes) -> bool:
    """Whether a file holds workers, be it beside something else."""
    try:
        return parse_json(raw).has("workers")
    except FleetFileInvalid:
        return False
