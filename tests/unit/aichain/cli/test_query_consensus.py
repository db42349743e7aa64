"""`query consensus`, `committee`, `evidence`, `uptime`: what is asked, and what people see."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving

Invoke: TypeAlias = Callable[..., Result]
HASH = "0x" + "ab" * 32
ADDRESS = "0x" + "11" * 20
CORE: dict[str, Any] = {
    "lanes": 1,
    "epoch": 0,
    "view": 9,
    "quorum": str(69 * 10**18),
    "views": [
        {
            "view": 9,
            "proposer": 2,
            "proposals": [HASH],
            "mine": {"proposed": None, "prefer": HASH, "commit": None, "cancel": True},
            "votes": {
                "prefer": [
                    {"hash": HASH, "weight": "3", "voters": [0, 1, 2]},
                    {"hash": HASH, "weight": "1", "voters": [3]},
                ],
                "commit": [],
                "cancel": [{"hash": None, "weight": "1", "voters": [0]}],
            },
            "certificates": {"notar": HASH, "final": None, "null": False},
        }
    ],
}
COMMITTEE: dict[str, Any] = {
    "height": 7,
    "quorum": str(69 * 10**18),
    "voters": [{"index": 0, "address": ADDRESS, "weight": str(10**18), "turns": 64}],
    "schedule": [{"view": 1, "index": 0, "address": ADDRESS}],
}
EVIDENCE: dict[str, Any] = {
    "count": 1,
    "next": None,
    "evidence": [
        {
            "hash": HASH,
            "kind": "votes",
            "epoch": 0,
            "view": 4,
            "offender": 3,
            "offenderAddress": ADDRESS,
            "raw": "0x" + "00" * 900,
        }
    ],
}
UPTIME: dict[str, Any] = {
    "firstHeight": 1,
    "lastHeight": 9,
    "validators": [{"address": ADDRESS, "proposed": 2, "missed": 1, "signedPermille": None}],
}


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode()) as node:
        node.answers |= {
            "aichain_consensusState": CORE,
            "aichain_committee": COMMITTEE,
            "aichain_evidence": EVIDENCE,
            "aichain_validatorUptime": UPTIME,
        }
        yield node


@pytest.fixture
def invoke(node: ScriptedNode) -> Invoke:
    runner = CliRunner(env={"AICHAIN_RPC_URL": node.url})
    return lambda *arguments: runner.invoke(main, ("query", *arguments))


@pytest.mark.parametrize(
    ("arguments", "asked", "answer"),
    [
        (("consensus",), ("aichain_consensusState", [4]), CORE),
        (("consensus", "--views", "9"), ("aichain_consensusState", [9]), CORE),
        (("committee",), ("aichain_committee", []), COMMITTEE),
        (("committee", "--height", "7"), ("aichain_committee", [7]), COMMITTEE),
        (("evidence",), ("aichain_evidence", [None, 16]), EVIDENCE),
        (("evidence", "--cursor", HASH, "--limit", "2"), ("aichain_evidence", [HASH, 2]), EVIDENCE),
        (("uptime",), ("aichain_validatorUptime", [256]), UPTIME),
        (("uptime", "--blocks", "10"), ("aichain_validatorUptime", [10]), UPTIME),
    ],
)
def test_what_is_asked_and_that_json_is_the_answer_whole(
    node: ScriptedNode, invoke: Invoke, arguments: tuple[str, ...], asked: object, answer: object
) -> None:
    assert json.loads(invoke(*arguments, "--json").output) == answer
    assert node.calls == [asked]
    assert invoke(*arguments).exit_code == 0


def test_a_view_is_one_line_of_counts(invoke: Invoke) -> None:
    lines = invoke("consensus").output.splitlines()
    names, counts = (line.split() for line in lines[-2:])
    assert names == ["view", "proposer", "prefer", "commit", "cancel", "held", "mine"]
    assert counts == ["9", "2", "3+1", "0", "1", "notar", "prefer", "cancel"]
    assert "69 AI" in invoke("consensus").output


def test_a_proof_is_one_line_without_its_bytes(invoke: Invoke) -> None:
    shown = invoke("evidence").output
    assert re.search(rf"^  {HASH} +votes +0 +4 +3 +{ADDRESS}$", shown, re.MULTILINE)
    assert "00" * 20 not in shown


def test_weights_are_coins_for_people(invoke: Invoke) -> None:
    assert re.search(rf"^  0 +{ADDRESS} +1 AI +64$", invoke("committee").output, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("consensus", "--views", "0"),
        ("consensus", "--views", "65"),
        ("committee", "--height", "x"),
        ("evidence", "--limit", "65"),
        ("evidence", "--cursor", "-1"),
        ("uptime", "--blocks", "1025"),
        ("uptime", "--blocks", "9" * 5_000),
    ],
)
def test_what_a_node_would_refuse_is_not_asked(
    node: ScriptedNode, invoke: Invoke, arguments: tuple[str, ...]
) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert re.fullmatch(r"error: .+\nfix:   .+\n", done.stderr)
    assert node.calls == []


def test_with_two_lanes_each_core_has_its_own_lines(node: ScriptedNode, invoke: Invoke) -> None:
    term = {"number": 3, "open": True, "core": CORE}
    ballot = {"number": 2, "armed": True, "core": CORE | {"view": 5}}
    node.answers["aichain_consensusState"] = {
        "lanes": 2,
        "epoch": 0,
        "ballot": ballot,
        "terms": [term],
    }
    done = invoke("consensus")
    assert done.exit_code == 0
    assert done.output.count("3+1") == 2
    assert "ballot:" in done.output
    assert "term 3:" in done.output
