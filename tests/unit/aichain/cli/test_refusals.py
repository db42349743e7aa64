"""Every refusal a person can meet has a sentence, a fix, and no name of a Python class."""

import string
from collections.abc import Iterator
from dataclasses import fields

import pytest

from aichain.cli.client import in_words
from aichain.cli.exit_codes import CommandExit, explain
from aichain.cli.refusals import REFUSALS, explain_refusal, refused_here
from aichain.client.errors import RpcRefused
from aichain.errors import NotPooled
from aichain.rpc import errors as rpc_errors
from genesis.errors import InvalidAddress
from genesis.units import AI
from native.errors import AIChainError, DecodeError, InvalidPeerId, InvalidSignature
from vm import errors as vm_errors
from vm import validator_errors
from vm.errors import AmountIsZero, FieldHasWrongLength, InvalidTransaction, NonceMismatch

FAMILIES = (InvalidTransaction, NotPooled, rpc_errors.RpcRefused, InvalidSignature)
SINGLE = (DecodeError, InvalidAddress, InvalidPeerId, InvalidSignature)


def descendants(kind: type[AIChainError]) -> Iterator[type[AIChainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


KINDS = sorted(
    {*SINGLE, *(each for kind in FAMILIES for each in descendants(kind))},
    key=lambda kind: kind.__name__,
)


def code_of(kind: type[AIChainError]) -> str:
    return kind.__new__(kind).code


def test_the_families_are_here() -> None:
    assert vm_errors.PossessionUnproved in KINDS
    assert validator_errors.Tombstoned in KINDS
    assert len(KINDS) > 50


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_refusal_has_a_sentence_and_a_fix_made_of_its_own_fields(
    kind: type[AIChainError],
) -> None:
    cause, fix = REFUSALS[code_of(kind)]
    known = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]  # all are dataclasses
    for text in (cause, fix):
        assert text
        used = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert used <= known, (used, known)
        assert not text.endswith(".")


def test_no_entry_is_for_an_error_that_is_gone() -> None:
    assert set(REFUSALS) == {code_of(kind) for kind in KINDS}


def test_amounts_are_shown_in_coins_and_addresses_with_their_checksum() -> None:
    values = {"required": str(3 * AI // 2), "available": "0"}
    cause, _ = explain_refusal("insufficient_balance", values) or ("", "")
    assert "1.5 AI" in cause
    assert "0 AI" in cause
    owner = "0x75da18deb82bde52b51aecf9991b5125fe2a1303"
    cause, _ = explain_refusal("peer_id_taken", {"owner": owner}) or ("", "")
    assert "0x75dA18deb82bDE52b51AeCF9991b5125Fe2a1303" in cause


def test_when_stake_is_free_is_said_only_where_some_waits() -> None:
    cause, _ = explain_refusal("nothing_to_withdraw", {"next_height": "512"}) or ("", "")
    assert cause == "no stake has been freed, and the next is free at height 512"
    cause, _ = explain_refusal("nothing_to_withdraw", {"next_height": None}) or ("", "")
    assert cause == "no stake has been freed, and none waits"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("of_a_newer_node", {}),
        ("insufficient_balance", {}),
        ("insufficient_balance", {"required": "much", "available": "little"}),
        ("insufficient_balance", {"required": "-1", "available": str(2**200)}),
        ("peer_id_taken", {"owner": "me"}),
    ],
)
def test_what_does_not_fit_is_left_in_the_nodes_words(name: str, values: dict[str, object]) -> None:
    assert explain_refusal(name, values) is None


def test_the_nodes_refusal_keeps_its_stable_name() -> None:
    refused = in_words(
        RpcRefused.of(
            {
                "code": -32003,
                "message": "NonceMismatch: expected=4 given=3",
                "data": {"code": "nonce_mismatch", "expected": "4", "given": "3"},
            }
        )
    )
    assert (refused.name, refused.number) == ("nonce_mismatch", -32003)
    shown = explain(refused)
    assert shown.exit_code == CommandExit.REFUSED
    assert "nonce is 4" in shown.cause
    assert shown.cause.endswith("(nonce_mismatch)")
    assert "NonceMismatch" not in shown.cause
    assert shown.fix


@pytest.mark.parametrize(
    "error",
    [{}, {"code": "x"}, {"message": 5, "data": []}, {"data": {"code": "of_a_newer_node"}}],
)
def test_a_refusal_in_a_strange_form_is_still_a_cause_and_a_fix(error: dict[str, object]) -> None:
    shown = explain(in_words(RpcRefused.of(error)))
    assert shown.cause
    assert shown.fix


@pytest.mark.parametrize(
    "error",
    [AmountIsZero(), FieldHasWrongLength("memo", 80, 64), NonceMismatch(expected=4, given=3)],
)
def test_a_refusal_met_before_anything_is_sent_is_a_wrong_argument(error: AIChainError) -> None:
    shown = refused_here(error)
    assert shown.exit_code == CommandExit.USAGE
    assert type(error).__name__ not in shown.cause
    assert shown.fix


def test_who_keeps_an_index_is_told_where_its_trouble_stands() -> None:
    shown = in_words(RpcRefused("NotIndexed", -32001, "not_indexed"))
    assert "indexTrouble" in shown.fix
