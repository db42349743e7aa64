"""Errors of every room end as one line of cause, one line of fix, and a documented code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aichain import errors as node_errors
from aichain import keystore, seed_words
from aichain.cli.exit_codes import (
    EXIT_CODES,
    FIXES,
    CommandError,
    CommandExit,
    explain,
    render_table,
)
from aichain.client import errors as client_errors
from aichain.client.errors import RpcRefused, RpcUnreachable
from aichain.errors import (
    ConfigError,
    ExitCode,
    HomeLocked,
    NodeError,
    NotPooled,
    StoreCorrupt,
)
from aichain.keystore import WrongPassphrase
from aichain.seed_words import UnknownSeedWord
from genesis import errors as genesis_errors
from genesis.errors import InvalidGenesis, MainnetNotLaunched
from native import backends, engine
from native.errors import AIChainError
from native.gpu import device


def test_every_code_is_in_the_table_once() -> None:
    known = {int(code) for code in [*ExitCode, *CommandExit]}
    assert known == set(EXIT_CODES)
    shared = {each.value for each in ExitCode} & {each.value for each in CommandExit}
    names = {number: {kind(number).name for kind in (ExitCode, CommandExit)} for number in shared}
    assert all(len(both) == 1 for both in names.values()), names


def test_the_printed_table_has_one_line_a_code() -> None:
    lines = render_table().splitlines()
    assert [int(line.split()[0]) for line in lines] == sorted(EXIT_CODES)


def test_nodes_errors_keep_their_code_and_fix() -> None:
    for kind in NodeError.__subclasses__():
        assert kind.exit_code in EXIT_CODES
    locked = explain(HomeLocked(path="/h", holder="pid 5"))
    assert locked.exit_code == ExitCode.HOME_LOCKED
    assert locked.cause == "Another process runs on this home (path /h, holder pid 5)"
    assert locked.fix.startswith("stop the other node")


def test_a_reason_is_the_cause() -> None:
    shown = explain(ConfigError(reason="it is wrong", fix="make it right"))
    assert (shown.cause, shown.fix) == ("it is wrong", "make it right")
    assert shown.exit_code == ExitCode.CONFIG
    assert explain(StoreCorrupt(path="/d", reason="bad sum")).cause == "bad sum (path /d)"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidGenesis(reason="x"), CommandExit.GENESIS),
        (MainnetNotLaunched(reason="x"), CommandExit.GENESIS),
        (UnknownSeedWord(position=1, word="a", nearest="b"), CommandExit.USAGE),
        (WrongPassphrase(path=Path("p")), CommandExit.KEY),
        (RpcUnreachable(url="u", reason="r"), CommandExit.UNREACHABLE),
        (RpcRefused(reason="no", number=-32000), CommandExit.REFUSED),
    ],
)
def test_other_rooms_errors_have_codes_of_their_own(error: AIChainError, code: int) -> None:
    assert explain(error).exit_code == code


def test_an_unknown_error_is_still_two_lines() -> None:
    @dataclass(eq=False)
    class Strange(AIChainError):
        """Something\n\nodd."""

        value: str

    shown = explain(Strange(value="a\nb"))
    assert shown.exit_code == CommandExit.FAILED
    assert "\n" not in shown.cause


def test_cause_and_fix_are_printed_as_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    CommandError("it\n broke", "mend\nit", CommandExit.FAILED).show()
    assert capsys.readouterr().err == "error: it broke\nfix:   mend it\n"


def test_fixes_name_errors_that_exist() -> None:
    """A renamed class must not lose its advice in silence."""
    names = {
        re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", each.__name__).lower()
        for each in descendants(AIChainError)
    }
    assert set(FIXES) <= names


def test_what_a_person_can_cause_has_a_fix_of_its_own() -> None:
    """Errors of these modules reach the command line; those of peers and blocks do not."""
    modules = {
        each.__name__
        for each in (
            *(node_errors, keystore, seed_words, client_errors, genesis_errors),
            *(backends, engine, device),
        )
    }
    inner = {  # raised and met inside the node, or shown by way of the table of refusals
        *("node_error", "not_pooled", "rpc_error", "key_file_error"),
        *("unfinalized_full", "parent_not_executed", "reader_lagged", "too_many_readers"),
        "checkpoint_out_of_range",
    }
    without = [
        each.__name__
        for each in descendants(AIChainError)
        if each.__module__ in modules
        and not issubclass(each, NotPooled)
        and each.__new__(each).code not in inner | set(FIXES)
        and "fix" not in getattr(each, "__dataclass_fields__", {})
    ]
    assert without == []


def descendants(kind: type[AIChainError]) -> Iterator[type[AIChainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)
