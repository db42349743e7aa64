"""The OpenRPC document names every method, and its schemas are JSON Schema that readers take."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aichain.rpc.methods import build_registry
from aichain.rpc.openrpc import build_document
from tests.unit.aichain.rpc.calling import SENDER, Node

REGISTRY = build_registry(faults_enabled=True)
DOCUMENT = build_document(REGISTRY.methods.values(), version="1.2.3")
METHODS = {entry["name"]: entry for entry in DOCUMENT["methods"]}


def checker(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})


def test_every_method_is_described_once() -> None:
    assert [entry["name"] for entry in DOCUMENT["methods"]] == sorted(REGISTRY.methods)
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_every_schema_is_one() -> None:
    for entry in DOCUMENT["methods"]:
        for descriptor in (*entry["params"], entry["result"]):
            Draft202012Validator.check_schema(descriptor["schema"])
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_has_a_definition_with_a_short_name() -> None:
    names = DOCUMENT["components"]["schemas"]
    assert {name for name in names if not name.isalnum()} == set()
    wanted = {text.removeprefix("#/components/schemas/") for text in _members(DOCUMENT, "$ref")}
    assert wanted == set(names)


def test_patterns_are_those_of_javascript() -> None:
    patterns = set(_members(DOCUMENT, "pattern"))
    assert patterns
    assert {pattern for pattern in patterns if re.search(r"\\[AZ]", pattern)} == set()


def test_params_stand_in_the_order_of_their_positions() -> None:
    params = METHODS["aichain_committee"]["params"]
    assert [(each["name"], each["required"]) for each in params] == [
        ("height", False),
        ("views", False),
    ]
    assert METHODS["aichain_getBlock"]["params"][0]["required"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("aichain_status", ()),
        ("aichain_getBlock", ("latest",)),
        ("aichain_getBlock", (10**9,)),
        ("aichain_getAccount", (SENDER,)),
        ("aichain_validators", ()),
        ("aichain_commit", (2,)),
        ("aichain_consensusState", ()),
        ("aichain_supply", ()),
        ("eth_getBlockByNumber", ("latest", True)),
        ("eth_getTransactionByBlockNumberAndIndex", ("0x2", "0x0")),
        ("eth_getBlockReceipts", ("0x2",)),
        ("eth_getLogs", ({"fromBlock": "0x1"},)),
        ("eth_feeHistory", (2, "latest", [50])),
        ("ledger.getBlock", (1,)),
    ],
)
async def test_results_match_what_is_described(
    history: Node, method: str, params: tuple[object, ...]
) -> None:
    result = await history.call(method, *params)
    checker(METHODS[method]["result"]["schema"]).validate(result)


async def test_a_result_that_lacks_a_field_does_not_match(history: Node) -> None:
    result = await history.call("aichain_supply")
    del result["burned"]
    assert not checker(METHODS["aichain_supply"]["result"]["schema"]).is_valid(result)


async def test_a_node_describes_what_it_serves(history: Node) -> None:
    document = await history.call("rpc.discover")
    served = {entry["name"] for entry in document["methods"]}
    assert served == set(history.registry.methods)
    assert "rpc.discover" in served
    assert "aichain_setBlockedPeers" not in served


def _members(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == name and isinstance(each, str):
                yield each
            else:
                yield from _members(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _members(each, name)
