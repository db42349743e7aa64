"""`aichain light` shows what a server proves, and has a code and a fix for every lie."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from aichain.cli.exit_codes import CommandExit
from aichain.errors import ExitCode
from aichain.rpc.backend import HeaderProof
from aichain.rpc.render.light import show_finality, show_header_proof
from consensus.light import TRUST_MAX_MS, Finality
from native.hashing import ZERO_HASH, derive_hash
from native.signatures import SIGNATURE_BYTES, Algorithm
from tests.builders_light import (
    LightChain,
    make_set,
    sign,
    with_signature,
)
from tests.unit.aichain.cli.light_liars import Lies, ServedChain
from tests.unit.aichain.cli.light_reader import ACCOUNT, CHAIN, NOW_MS, Reader, trust_block_2

OTHERS = make_set(10, 11, 12, 13)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(tmp_path / "home", monkeypatch)


def test_an_account_is_proved_by_one_certificate(reader: Reader) -> None:
    value = reader.ask("--verbose", *ACCOUNT)
    assert (value["balance"], value["nonce"], value["height"]) == (str(10**20), 3, 29)
    assert value["certificates"] == 1
    assert value["proofBytes"] < 20_000
    assert reader.server.asked.count("aichain_getStateProof") == 1


def test_an_account_that_is_not_there_is_proved_absent(reader: Reader) -> None:
    value = reader.ask("account", "0x" + "11" * 20)
    assert (value["exists"], value["balance"]) == (False, "0")


@pytest.mark.parametrize("height", [0, 1, 2, 17, 29, 30])
def test_any_header_is_proved(reader: Reader, height: int) -> None:
    assert reader.ask("header", str(height))["hash"] == "0x" + CHAIN.headers[height].id.hex()


def test_a_height_that_is_not_final_yet_is_not_found(reader: Reader) -> None:
    assert reader.run("header", "31").exit_code == CommandExit.NOT_FOUND


def test_what_was_proved_is_trusted_from_then_on(reader: Reader) -> None:
    reader.ask("header", "5")
    assert reader.trusted_height == 30
    reader.server.asked.clear()
    reader.ask("header", "5", trust=None)
    assert "aichain_validators" not in reader.server.asked, "the file has them"


def test_without_any_trust_there_is_nothing_to_start_from(reader: Reader) -> None:
    done = reader.run("header", "5", trust=None)
    assert done.exit_code == CommandExit.USAGE
    assert "--trust HEIGHT:HASH" in done.stderr


def test_follow_prints_each_new_head(reader: Reader) -> None:
    done = reader.run("follow", "--count", "1")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"30  0x{CHAIN.headers[30].id.hex()}")


def test_sets_that_changed_altogether_cost_more_certificates(reader: Reader) -> None:
    chain = LightChain.of(30, *(make_set(*range(5 * e, 5 * e + 4)) for e in range(8)))
    reader.server = ServedChain(chain)
    value = reader.ask("--verbose", "header", "3", trust=f"2:0x{chain.headers[2].id.hex()}")
    assert value["certificates"] == 7


def test_on_a_chain_of_two_lanes_checkpoints_are_proof(reader: Reader) -> None:
    reader.server = ServedChain(LightChain.of(30, has_lanes=True))
    assert reader.ask(*ACCOUNT)["height"] == 29
    reader.server.lies = {"aichain_getFinality": changed(checkpoint="0x00")}
    assert reader.run("header", "3").exit_code == CommandExit.NOT_PROVEN


def test_block_0_may_be_trusted_by_hash(reader: Reader) -> None:
    assert reader.ask("header", "0", trust=0)["height"] == 0


# --- lies


def changed(**fields: Any) -> Callable[[Any], Any]:
    return lambda answer: answer | fields


def instead(claim: Finality) -> Callable[[Any], Any]:
    return lambda _answer: to_builtins(show_finality(claim))


def in_record(claim: Finality) -> Callable[[Any], Any]:
    return lambda answer: answer | {"finality": to_builtins(show_finality(claim))}


def forged_by(members: tuple[int, ...] = (0, 1, 2), **fields: Any) -> Finality:
    """Block 30 with other fields, signed all the same."""
    header = replace(CHAIN.headers[30], **fields)
    voters = OTHERS if header.vset_hash == OTHERS.hash else CHAIN.set_of(0)
    start_id = CHAIN.start_id(7)
    return Finality(sign(header, voters, start_id, voters=members), start_id, (header,), voters)


BLANK = with_signature(CHAIN.finality(30), bytes(SIGNATURE_BYTES[Algorithm.ML_DSA_65]))
SWAPPED = to_builtins(show_header_proof(HeaderProof(CHAIN.headers[9], 30, CHAIN.prove(8, 30))))
FORKED = LightChain.of(30, salt=9)

LIES: dict[str, tuple[Lies, tuple[str, ...], int, str]] = {
    "wrong signature": (
        {"aichain_getFinality": instead(BLANK)},
        ("header", "30"),
        CommandExit.NOT_PROVEN,
        "signature",
    ),
    "wrong signature under a record": (
        {"aichain_getStateProof": in_record(BLANK)},
        ACCOUNT,
        CommandExit.NOT_PROVEN,
        "signature",
    ),
    "missing quorum": (
        {"aichain_getFinality": instead(CHAIN.finality(30, voters=(0, 1)))},
        ("header", "30"),
        CommandExit.NOT_PROVEN,
        "weigh too little",
    ),
    "wrong set": (
        {
            "aichain_getFinality": instead(forged_by(vset_hash=OTHERS.hash)),
            "aichain_validators": lambda _: _served(OTHERS),
            "aichain_getAnchors": lambda _: [
                to_builtins(show_finality(forged_by(vset_hash=OTHERS.hash)))
            ],
        },
        ("header", "30"),
        CommandExit.NOT_PROVEN,
        "",
    ),
    "wrong path": (
        {
            "aichain_getStateProof": in_record(
                replace(CHAIN.finality(30), headers=(CHAIN.headers[30], CHAIN.headers[28]))
            )
        },
        ACCOUNT,
        CommandExit.NOT_PROVEN,
        "do not lead",
    ),
    "wrong MMR proof": (
        {"aichain_getHeaderProof": lambda _: SWAPPED},
        ("header", "9"),
        CommandExit.NOT_PROVEN,
        "not shown to lie below",
    ),
    "another header": (
        {"aichain_getHeaderProof": changed(header="0x" + CHAIN.headers[8].raw.hex())},
        ("header", "9"),
        CommandExit.NOT_PROVEN,
        "not shown to lie below",
    ),
    "no header at all": (
        {"aichain_getHeaderProof": lambda _: None},
        ("header", "9"),
        CommandExit.NOT_PROVEN,
        "not shown to lie below",
    ),
    "wrong value": (
        {"aichain_getStateProof": changed(value="0x" + "00" * 8)},
        ACCOUNT,
        CommandExit.NOT_PROVEN,
        "in the certified state",
    ),
    "absence of what is there": (
        {"aichain_getStateProof": changed(value=None)},
        ACCOUNT,
        CommandExit.NOT_PROVEN,
        "in the certified state",
    ),
    "another root": (
        {
            "aichain_getStateProof": in_record(
                forged_by((0, 1), parent_state_root=derive_hash("aichain/test/root/v1", b""))
            )
        },
        ACCOUNT,
        CommandExit.NOT_PROVEN,
        "weigh too little",
    ),
    "other network": (
        {"aichain_getFinality": instead(forged_by(genesis_hash=ZERO_HASH))},
        ("follow", "--count", "1"),
        CommandExit.OTHER_NETWORK,
        "another genesis",
    ),
    "garbage": (
        {"aichain_getFinality": changed(certificate="0x00")},
        ("header", "3"),
        CommandExit.NOT_PROVEN,
        "not of the form",
    ),
    "not even an object": (
        {"aichain_getFinality": lambda _: "yes"},
        ("header", "3"),
        CommandExit.NOT_PROVEN,
        "not of the form",
    ),
}


def _served(voters: Any) -> Any:
    chain = LightChain((voters,))
    return ServedChain(chain).validators(1)


@pytest.mark.parametrize("name", LIES)
def test_every_lie_is_refused_with_its_code_and_a_fix(reader: Reader, name: str) -> None:
    lies, command, code, cause = LIES[name]
    trust_block_2(reader)
    reader.server.lies = lies
    done = reader.run(*command, trust=None)
    assert done.exit_code == code, done.stderr
    first, second = done.stderr.splitlines()
    assert cause in first
    assert second.startswith("fix:   ")
    is_head_true = name in ("wrong value", "absence of what is there")
    assert reader.trusted_height == (30 if is_head_true else 2), "nothing of it is believed"


def test_weights_of_its_own_are_not_those_of_the_header(reader: Reader) -> None:
    heavier = _served(make_set(0, 1, 2, 3, stake=7))
    reader.server.lies = {"aichain_validators": lambda _: heavier}
    done = reader.run("header", "3")
    assert done.exit_code == CommandExit.NOT_PROVEN
    assert "does not commit to" in done.stderr


def test_a_head_that_is_older_than_one_seen_is_refused(reader: Reader) -> None:
    reader.ask("header", "3")
    reader.server = ServedChain(LightChain.of(20))
    for command in (("header", "3"), ACCOUNT, ("follow", "--count", "1")):
        done = reader.run(*command, trust=None)
        assert done.exit_code == CommandExit.BEHIND
        assert "trusted 30" in done.stderr


def test_a_trusted_block_the_server_does_not_have_yet_is_refused(reader: Reader) -> None:
    reader.server = ServedChain(LightChain.of(20))
    assert reader.run("header", "3", trust=25).exit_code == CommandExit.BEHIND


def test_another_block_where_the_trusted_one_stands_is_refused(reader: Reader) -> None:
    reader.server = ServedChain(FORKED)
    done = reader.run("header", "3")
    assert done.exit_code == CommandExit.TRUST_CONTRADICTED
    assert not (reader.home / "light.json").exists()


def test_a_chain_that_the_trusted_block_does_not_lie_on_is_refused(reader: Reader) -> None:
    """The same validators signed two chains: each certificate is good, the fork is seen."""
    trust_block_2(reader)
    reader.server = ServedChain(FORKED)
    done = reader.run("header", "3", trust=None)
    assert done.exit_code == CommandExit.TRUST_CONTRADICTED


def test_a_given_block_must_lie_on_the_stored_chain(reader: Reader) -> None:
    reader.ask("header", "3")
    forked = f"7:0x{FORKED.headers[7].id.hex()}"
    assert reader.run("header", "3", trust=forked).exit_code == CommandExit.TRUST_CONTRADICTED
    assert reader.ask("header", "3", trust=7)["height"] == 3


def test_a_trusted_block_of_a_fortnight_ago_is_refused_unless_told(reader: Reader) -> None:
    reader.clock.advance(TRUST_MAX_MS)
    done = reader.run("header", "3")
    assert done.exit_code == CommandExit.TRUST_OLD
    assert "--allow-old-trust" in done.stderr
    assert reader.run("--allow-old-trust", "header", "3").exit_code == 0


def test_a_clock_that_stands_does_not_make_old_trust_young(reader: Reader) -> None:
    """The head's own time counts too."""
    late = replace(CHAIN.headers[30], timestamp_ms=NOW_MS + 2 * TRUST_MAX_MS)
    claim = Finality(
        sign(late, CHAIN.set_of(0), CHAIN.start_id(7), voters=(0, 1, 2)),
        CHAIN.start_id(7),
        (late,),
        CHAIN.set_of(0),
    )
    reader.server.lies = {"aichain_getFinality": lambda answer: _only_last(answer, claim)}
    assert reader.run("header", "3").exit_code == CommandExit.TRUST_OLD


def _only_last(answer: Any, claim: Finality) -> Any:
    return to_builtins(show_finality(claim)) if len(answer["headers"]) == 1 else answer


def test_the_network_has_to_be_the_one_that_was_named(reader: Reader) -> None:
    done = reader.run("--network", "devnet", "header", "3")
    assert done.exit_code == CommandExit.OTHER_NETWORK


def test_a_damaged_file_is_said_and_not_written_over(reader: Reader) -> None:
    reader.ask("header", "3")
    path = reader.home / "light.json"
    path.write_text(path.read_text().replace('"header": "', '"header": "00'))
    done = reader.run("header", "3")
    assert done.exit_code == ExitCode.CONFIG
    assert "remove it" in done.stderr


def test_an_old_head_is_pointed_out(reader: Reader) -> None:
    reader.clock.advance(3_600_000)
    assert "seconds old" in reader.run("header", "3").stderr


@pytest.mark.parametrize("text", ["5", "5:", ":0x" + "00" * 32, "x:0x" + "00" * 32, "5:0x12"])
def test_a_trust_that_is_none_is_a_wrong_argument(reader: Reader, text: str) -> None:
    assert reader.run("header", "3", trust=text).exit_code == CommandExit.USAGE
