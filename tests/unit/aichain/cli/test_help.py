"""Help is instant and complete; wrong arguments get two lines, not a page."""

import re
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from aichain.cli import COMMANDS, main
from aichain.cli.exit_codes import EXIT_CODES
from aichain.cli.keys import keys

HEAVY = ("trio", "libp2p", "cryptography", "web3", "numpy", "rich", "plyvel", "msgspec", "blake3")
IMPORTED = (
    "import sys\n"
    "from aichain.cli import main\n"
    "try: main(['--help'])\n"
    "except SystemExit: pass\n"
    f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"
    assert "Exit codes:" in done.stdout


def test_help_takes_less_than_0_3_seconds() -> None:
    def seconds() -> float:
        begun = _children_s()
        subprocess.run([sys.executable, "-m", "aichain", "--help"], capture_output=True, check=True)
        return _children_s() - begun

    assert min(seconds() for _ in range(5)) < 0.3


def _children_s() -> float:
    """Of the processor: a busy machine makes everybody wait, and is no fault of ours."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_lists_every_command_and_every_exit_code() -> None:
    text = invoke("--help").output
    for name, entry in COMMANDS.items():
        assert entry.hidden or re.search(rf"^  {name} +\S", text, re.MULTILINE)
    for code, meaning in EXIT_CODES.items():
        assert re.search(rf"^ +{code}  {re.escape(meaning)}$", text, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"])
def test_every_command_loads_and_its_summary_is_true(name: str) -> None:
    command = COMMANDS[name].load()
    assert isinstance(command, click.Command)
    module, _, attribute = COMMANDS[name].target.partition(":")
    assert getattr(import_module(module), attribute) is command
    assert invoke(name, "--help").exit_code == 0


def test_wallet_is_keys() -> None:
    assert COMMANDS["wallet"].load() is keys
    assert "wallet" not in [
        line.split()[0] for line in invoke("--help").output.splitlines() if line
    ]


def test_every_subcommand_says_what_it_does() -> None:
    for name in COMMANDS:
        if name == "run":
            continue
        command = COMMANDS[name].load()
        children = command.commands.values() if isinstance(command, click.Group) else [command]
        for child in children:
            assert child.help, f"{name} {child.name}"


ORDERS = {
    "run",  # its log is JSON with --log-format json
    "completion",  # what it prints is a script
    "keys export",
    "keys passwd",
    *("keys sign", "tx build", "tx sign"),  # what they print is the file that they make, of JSON
    "genesis entry",  # what it prints is the entry, a TOML text
    "localnet up",
    "localnet down",
    "localnet kill",
    "localnet start",
    "localnet partition",
    "localnet heal",
    "localnet regions",
    *("node ban", "node connect", "node log-level", "node stop"),
}
"""Commands that do something and have nothing to answer but that it was done."""


def test_every_command_answers_in_json_but_those_that_have_no_answer() -> None:
    without = set()
    for group, entry in COMMANDS.items():
        command = entry.load()
        children = command.commands if isinstance(command, click.Group) else {}
        for name, child in children.items() or {"": command}.items():
            options = [each for item in (*command.params, *child.params) for each in item.opts]
            if "--json" not in options and group != "wallet":  # the same as keys
                without.add(f"{group} {name}".strip())
    assert without == ORDERS


@pytest.mark.parametrize(
    ("arguments", "cause", "fix"),
    [
        (["querry"], "No such command 'querry'. Did you mean query?", "see `aichain --help`"),
        (["keys", "list", "--colour"], "No such option", "see `aichain keys list --help`"),
        (["tx", "send"], "Missing option", "see `aichain tx send --help`"),
        (["query", "commit", "x"], "is not a height", "see `aichain query commit --help`"),
    ],
)
def test_wrong_arguments_are_two_lines(arguments: list[str], cause: str, fix: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert cause in lines[0]
    assert fix.removeprefix("see `aichain") in lines[1]


def test_a_path_that_cannot_be_written_is_two_lines(tmp_path: Path) -> None:
    out = tmp_path / "none" / "g.toml"
    done = invoke("genesis", "new", "--name", "x", "--network-id", "5", "--out", str(out))
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {out}: No such file")


def test_the_version_is_that_of_the_package() -> None:
    assert invoke("--version").output.strip() == "aichain, version 0.1.0"
    assert '"version": "0.1.0"' in invoke("version", "--json").output
