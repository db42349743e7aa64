"""Who takes a task: rules, priority, availability, load, fallback, and clouds last."""

import itertools
from typing import Any

import pytest

from aichain.fleet.fields import FleetFileInvalid
from aichain.fleet.health import State
from aichain.fleet.registry import parse_registry
from aichain.fleet.routing import Decision, Task, route
from aichain.fleet.workforce import Workforce, is_workforce, parse_workforce
from tests.unit.aichain.fleet.fleets import raw, registry_of

REGISTRY = parse_registry(registry_of({"node_id": "mac"}, {"node_id": "pro"}, {"node_id": "old"}))
ALL_WELL = {"mac": State.ONLINE, "pro": State.ONLINE, "old": State.ONLINE}


def worker(name: str, node: str, priority: int, **members: Any) -> dict[str, Any]:
    return {
        "worker_id": name,
        "node_id": node,
        "type": "ollama",
        "endpoint": f"http://{node}:11434",
        "priority": priority,
        "max_concurrent": 2,
        "models_available": ["llama3", "qwen"],
        "task_types": ["chat", "code"],
        "enabled": True,
    } | members


def cloud(priority: int = 10) -> dict[str, Any]:
    return worker(
        "cloud",
        "",
        priority,
        type="cloud_api",
        endpoint="https://api.example/v1",
        models_available=[],
        max_concurrent=100,
    )


def workforce(*workers: dict[str, Any], rules: Any = ()) -> Workforce:
    return parse_workforce(raw({"workers": workers, "routing_rules": rules}), REGISTRY)


def rule(**members: Any) -> dict[str, Any]:
    return {"rule_id": "r", "task_types": ["chat"], "preferred_workers": ["b"]} | members


MACS = (worker("a", "mac", 95), worker("b", "pro", 80), worker("c", "old", 40), cloud())


def names(decision: Decision) -> list[str]:
    return [each.name for each in decision.order]


def decide(
    force: Workforce,
    task: str = "chat",
    model: str | None = None,
    states: Any = ALL_WELL,
    **loads: int,
) -> Decision:
    return route(force, Task(task, model), states, loads)


def test_without_a_rule_the_highest_priority_is_first_and_the_cloud_last() -> None:
    assert names(decide(workforce(*MACS))) == ["a", "b", "c", "cloud"]
    assert names(decide(workforce(worker("a", "mac", 1), cloud(1_000)))) == ["a", "cloud"]


def test_the_order_in_the_file_means_nothing() -> None:
    for order in itertools.permutations(MACS):
        assert names(decide(workforce(*order))) == ["a", "b", "c", "cloud"]


def test_a_full_worker_is_passed_over() -> None:
    decision = decide(workforce(*MACS), a=2)
    assert names(decision) == ["b", "c", "cloud"]
    assert [(each.worker.name, each.reason) for each in decision.passed] == [("a", "busy: 2 of 2")]


def test_of_equals_the_one_with_more_room_is_first() -> None:
    force = workforce(
        worker("a", "mac", 5, max_concurrent=4), worker("b", "pro", 5, max_concurrent=2)
    )
    assert names(decide(force, a=3, b=1)) == ["b", "a"]
    assert names(decide(force, a=1, b=1)) == ["a", "b"]
    assert names(decide(force, a=2, b=1)) == ["a", "b"]


def test_a_node_that_is_offline_or_unknown_gives_no_worker_and_a_degraded_one_comes_later() -> None:
    states = {"mac": State.OFFLINE, "pro": State.DEGRADED, "old": State.ONLINE}
    decision = decide(workforce(*MACS), states=states)
    assert names(decision) == ["c", "b", "cloud"]
    assert decision.passed[0].reason == "node mac is offline"
    assert names(decide(workforce(*MACS), states={})) == ["cloud"]


def test_a_rule_limits_the_choice_to_its_workers() -> None:
    force = workforce(*MACS, rules=[rule(preferred_workers=["c", "b"], fallback="a")])
    decision = decide(force)
    assert names(decision) == ["b", "c", "a"], "the fallback last, though its priority is higher"
    assert [each.reason for each in decision.passed] == ["not in rule r"]
    assert names(decide(force, "code")) == ["a", "b", "c", "cloud"], "the rule is for chat only"


def test_a_cloud_is_last_even_where_it_is_preferred() -> None:
    force = workforce(*MACS, rules=[rule(preferred_workers=["cloud", "b"], fallback=["c"])])
    assert names(decide(force)) == ["b", "c", "cloud"]


def test_nobody_is_left_and_each_has_a_reason() -> None:
    force = workforce(
        worker("a", "mac", 5, enabled=False),
        worker("b", "pro", 5, task_types=["code"]),
        worker("c", "old", 5, models_available=["tiny"]),
    )
    decision = decide(force, model="llama3")
    assert (decision.worker, decision.model) == (None, "llama3")
    assert [each.reason for each in decision.passed] == [
        "not enabled",
        "does not take such tasks",
        "has no model llama3",
    ]


def test_the_model_is_the_best_that_the_chosen_one_has() -> None:
    force = workforce(*MACS, rules=[rule(model_preference=["gpt", "qwen", "llama3"])])
    assert decide(force).model == "qwen"
    assert decide(force, model="llama3").model == "llama3"
    assert decide(workforce(*MACS)).model is None


def test_who_names_no_models_takes_any() -> None:
    assert names(decide(workforce(cloud()), model="anything")) == ["cloud"]


def test_workers_may_stand_in_the_registry_file() -> None:
    assert is_workforce(raw({"nodes": [], "workers": []}))
    assert not is_workforce(raw({"nodes": []}))
    assert not is_workforce(b"rubbish")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"node_id": "mak"}, "workers[1].node_id"),
        ({"worker_id": "b"}, "workers[1].worker_id"),
        ({"priority": None}, "workers[1].priority"),
        ({"priority": 1.5}, "workers[1].priority"),
        ({"priority": True}, "workers[1].priority"),
        ({"max_concurrent": 0}, "workers[1].max_concurrent"),
        ({"endpoint": "mac:11434"}, "workers[1].endpoint"),
        ({"enabled": "yes"}, "workers[1].enabled"),
        ({"task_types": "chat"}, "workers[1].task_types"),
        ({"task_types": [7]}, "workers[1].task_types[0]"),
        ({"models_available": ["x"] * 257}, "workers[1].models_available"),
    ],
)
def test_a_wrong_field_of_a_worker_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(FleetFileInvalid) as caught:
        workforce(worker("b", "pro", 5), worker("a", "mac", 5) | changes)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "member", "words"),
    [
        ({"preferred_workers": ["bb"]}, "preferred_workers", "did you mean b"),
        ({"fallback": "nobody"}, "fallback", "no worker is called"),
        ({"preferred_workers": [], "fallback": None}, "preferred_workers", "name a worker"),
        ({"task_types": []}, "task_types", "there is none"),
        ({"task_types": ["video"]}, "preferred_workers", "takes none of the rule's"),
        ({"rule_id": None}, "rule_id", "missing"),
        ({"rule_id": "r0"}, "rule_id", "the same as in routing_rules[0]"),
        ({"rule_id": "r1", "task_types": ["code", "chat"]}, "task_types", "code is in rule r0"),
    ],
)
def test_a_wrong_field_of_a_rule_is_named(changes: Any, member: str, words: str) -> None:
    first = rule(rule_id="r0", task_types=["code"])
    with pytest.raises(FleetFileInvalid) as caught:
        workforce(worker("b", "pro", 5), rules=[first, rule(**changes)])
    assert caught.value.field == f"routing_rules[1].{member}"
    assert words in caught.value.reason
