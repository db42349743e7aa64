"""FIPS 204 vectors of NIST and answers of an independent implementation, through our interface."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from genesis.units import address_of_key
from native.batch import verify_many
from native.signatures import (
    Algorithm,
    SignatureItem,
    SigningKey,
    algorithm_of,
    parse_public_key,
    verify,
)

VECTORS = Path(__file__).parents[1] / "vectors"
SETS = {
    "ML-DSA-44": Algorithm.ML_DSA_44,
    "ML-DSA-65": Algorithm.ML_DSA_65,
    "ML-DSA-87": Algorithm.ML_DSA_87,
}


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


def cases_of(name: str) -> Any:
    return [
        pytest.param(group, case, id=f"{group['parameterSet']}-{case['tcId']}")
        for group in load(name)["testGroups"]
        for case in group["tests"]
    ]


KEY_GEN = cases_of("ml_dsa_key_gen.json")
INTERNAL = cases_of("ml_dsa_sig_ver_internal.json")
PURE = load("ml_dsa_65_sig_ver_pure.json")["tests"]
KNOWN = load("known_answers.json")


def as_item(case: dict[str, Any]) -> Any:
    return SignatureItem(
        public_key=bytes.fromhex(case["pk"]),
        message=bytes.fromhex(case["message"]),
        context=bytes.fromhex(case["context"]),
        signature=bytes.fromhex(case["signature"]),
    )


def test_the_vector_files_are_whole() -> None:
    assert (len(KEY_GEN), len(INTERNAL), len(PURE)) == (75, 45, 15)
    assert {case["testPassed"] for case in PURE} == {True, False}


@pytest.mark.parametrize(("group", "case"), KEY_GEN)
def test_keys_are_those_of_nist_for_every_seed(group: dict[str, Any], case: dict[str, Any]) -> None:
    key = SigningKey.from_seed(bytes.fromhex(case["seed"]), SETS[group["parameterSet"]])
    assert key.public_key == bytes.fromhex(case["pk"])


@pytest.mark.parametrize("case", PURE, ids=lambda case: case["reason"])
def test_pure_signatures_with_a_context_get_the_verdict_of_nist(case: dict[str, Any]) -> None:
    item = as_item(case)
    verdict = verify(item.public_key, item.message, item.context, item.signature)
    assert verdict is case["testPassed"]


def test_a_batch_of_all_pure_vectors_gets_the_same_verdicts() -> None:
    assert verify_many([as_item(case) for case in PURE]) == [case["testPassed"] for case in PURE]


@pytest.mark.parametrize(("group", "case"), INTERNAL)
def test_the_engine_agrees_with_nist_on_the_internal_interface(
    group: dict[str, Any], case: dict[str, Any]
) -> None:
    """Algorithm 8 takes M' as given, so its vectors go in as µ = H(H(pk, 64) || M', 64)."""
    public_key = bytes.fromhex(group["pk"])
    assert algorithm_of(public_key) is SETS[group["parameterSet"]]
    trace = hashlib.shake_256(public_key).digest(64)
    mu = hashlib.shake_256(trace + bytes.fromhex(case["message"])).digest(64)
    key = parse_public_key(public_key)
    if case["testPassed"]:
        key.verify_mu(bytes.fromhex(case["signature"]), mu)
    else:
        with pytest.raises(InvalidSignature):
            key.verify_mu(bytes.fromhex(case["signature"]), mu)


@pytest.mark.parametrize("case", KNOWN["keys"], ids=lambda case: case["address"])
def test_known_seeds_have_known_keys_and_addresses(case: dict[str, Any]) -> None:
    key = SigningKey.from_seed(bytes.fromhex(case["seed"]), SETS[case["parameterSet"]])
    assert "0x" + address_of_key(key.public_key).hex() == case["address"]
    if "sha256" in case:
        assert hashlib.sha256(key.public_key).hexdigest() == case["sha256"]


@pytest.mark.parametrize("case", KNOWN["deterministic"], ids=lambda case: case["parameterSet"])
def test_signatures_of_another_implementation_verify_under_their_context_only(
    case: dict[str, Any],
) -> None:
    key = SigningKey.from_seed(bytes.fromhex(case["seed"]), SETS[case["parameterSet"]])
    message, context = bytes.fromhex(case["message"]), bytes.fromhex(case["context"])
    signature = bytes.fromhex(case["signature"])
    assert verify(key.public_key, message, context, signature)
    assert not verify(key.public_key, message, context + b"x", signature)


def test_the_recorded_deterministic_signature_has_its_recorded_digest() -> None:
    (case,) = (
        case
        for case in KNOWN["deterministic"]
        if case["parameterSet"] == "ML-DSA-65" and not case["context"]
    )
    digest = hashlib.sha256(bytes.fromhex(case["signature"])).hexdigest()
    assert digest == "ed762bf00f16ee99e76d32c6b929b01537dbcf3e8de446a9ffedd583b1699cdf"
