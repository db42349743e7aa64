"""Which worker takes a task: a function of the rules, of who is well, and of who is busy."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from aichain.fleet.health import State
from aichain.fleet.workforce import Rule, Worker, Workforce


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done, and with which model if that matters."""

    task_type: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A worker that was not chosen, and why."""

    worker: Worker
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Who takes the task; `order` are all who could, the chosen one first, the rest in turn."""

    task: Task
    rule: Rule | None
    order: tuple[Worker, ...]
    passed: tuple[Passed, ...]

    @property
    def worker(self) -> Worker | None:
        return self.order[0] if self.order else None

    @property
    def model(self) -> str | None:
        """Which model the chosen one should use: the task's, else its best one by the rule."""
        if self.task.model is not None or self.worker is None or self.rule is None:
            return self.task.model
        models = self.worker.models
        return next((each for each in self.rule.models if each in models), None)


def route(
    workforce: Workforce,
    task: Task,
    states: Mapping[str, State],
    loads: Mapping[str, int],
) -> Decision:
    """Choose among the workers that take such a task.

    A rule for the type limits the choice to its preferred workers and its fallback. A cloud's
    workers come after all of ours; then the preferred ones before the fallback, those of nodes
    that are well before those of degraded ones, a higher priority before a lower, and the one
    with more room before the busier. `states` are of nodes, who is not in it is offline; `loads`
    are the tasks that workers have now.
    """
    rule = workforce.rule_for(task.task_type)
    able: list[Worker] = []
    passed: list[Passed] = []
    for worker in workforce.workers:
        reason = _obstacle(worker, task, rule, states, loads)
        if reason is None:
            able.append(worker)
        else:
            passed.append(Passed(worker, reason))
    able.sort(key=lambda worker: _rank(worker, rule, states, loads))
    return Decision(task, rule, tuple(able), tuple(passed))


def _obstacle(
    worker: Worker,
    task: Task,
    rule: Rule | None,
    states: Mapping[str, State],
    loads: Mapping[str, int],
) -> str | None:
    """Why this worker cannot take it; None if it can."""
    load = loads.get(worker.name, 0)
    if task.task_type not in worker.task_types:
        return "does not take such tasks"
    if rule is not None and worker.name not in rule.preferred + rule.fallback:
        return f"not in rule {rule.name}"
    if not worker.enabled:
        return "not enabled"
    if task.model is not None and worker.models and task.model not in worker.models:
        return f"has no model {task.model}"
    if _state(worker, states) is State.OFFLINE:
        return f"node {worker.node} is offline"
    if load >= worker.max_concurrent:
        return f"busy: {load} of {worker.max_concurrent}"
    return None


def _rank(
    worker: Worker, rule: Rule | None, states: Mapping[str, State], loads: Mapping[str, int]
) -> tuple[bool, bool, bool, int, Fraction, str]:
    """Smaller is chosen first; the name makes it the same choice everywhere."""
    return (
        worker.is_cloud,
        rule is not None and worker.name not in rule.preferred,
        _state(worker, states) is State.DEGRADED,
        -worker.priority,
        Fraction(loads.get(worker.name, 0), worker.max_concurrent),
        worker.name,
    )


def _state(worker: Worker, states: Mapping[str, State]) -> State:
    """A cloud is always there: whether it answers is found out by asking."""
    return State.ONLINE if worker.node is None else states.get(worker.node, State.OFFLINE)
