"""Completion in a real bash: what Tab would offer."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from aichain.cli import COMMANDS, main
from aichain.cli.completion import SHELLS
from aichain.cli.lazy_group import LazyGroup

ROOT = Path(__file__).parents[4]
PROGRAM = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
sys.argv[0] = "aichain"
from aichain.cli import main
main()
"""
ASK = """
eval "$(aichain completion bash)"
complete -p aichain
COMP_WORDS=({words})
COMP_CWORD={last}
_aichain_completion aichain
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def offered(tmp_path: Path, *words: str) -> list[str]:
    program = tmp_path / "aichain"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    quoted = " ".join(f"'{word}'" for word in ("aichain", *words))
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK.format(words=quoted, last=len(words))],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    first, *found = done.stdout.split("\n")
    assert first.endswith("-F _aichain_completion aichain"), done.stdout
    return [each for each in found if each]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("do",), ["doctor"]),
        (("db", "comp"), ["compact"]),
        (("node", "log-level", "w"), ["warning"]),
        (("config", "get", "rpc.l"), ["rpc.listen"]),
        (("db", "prune", "--ke"), ["--keep"]),
    ],
)
def test_bash_completes(tmp_path: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(tmp_path, *words) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script_that_asks_us(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell], prog_name="aichain")
    assert done.exit_code == 0
    assert f"_AICHAIN_COMPLETE={shell}_complete" in done.output


def test_names_are_completed_without_importing_a_command() -> None:
    code = (
        "import sys, click\n"
        "from aichain.cli import _root\n"
        "found = _root.shell_complete(click.Context(_root), 'd')\n"
        "print([each.value for each in found])\n"
        "print([name for name in ('trio', 'rich', 'plyvel') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["['db', 'doctor']", "[]"]


def test_hidden_commands_are_not_offered() -> None:
    assert isinstance(main, LazyGroup)
    assert COMMANDS["wallet"].hidden
