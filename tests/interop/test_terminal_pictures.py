"""What the command line shows of a chain that runs, as pictures for the tour of the README.

TERMINAL_PICTURES names the folder in which they are left.
"""

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest
import trio
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.integration.explored_nodes import explored
from tests.integration.nodes import until

PICTURES: Final = os.environ.get("TERMINAL_PICTURES")
WIDTH: Final = 106
TOP: Final = "aichain node top"
WALLET: Final = (
    "aichain tx send --from account:0 --to account:1 --amount 1.5 --memo lunch --wait",
    "aichain query account account:1",
    "aichain query uptime",
)
SHOWN: Final = {
    "top": ("every", "final in", "tx/s", "finality", "round trip"),
    "wallet": ("final", "1000001.5 AI", "signedPermille"),
}
"""In what the commands say, and in the pictures that are kept of it."""
FONTS: Final = re.compile(r"@font-face \{\{.*?\}\}", re.DOTALL)
"""They would be fetched from elsewhere."""


async def test_pictures_of_a_chain_that_runs(tmp_path: Path) -> None:
    async with explored(tmp_path / "net") as net:
        environ = os.environ | {
            "AICHAIN_RPC_URL": net.address,
            "XDG_DATA_HOME": str(tmp_path / "home"),
            "COLUMNS": str(WIDTH),
            "LINES": "24",
            "FORCE_COLOR": "1",
        }
        height = net.node.height + 12
        await until(lambda: net.node.height >= height)
        top = await _said(TOP, environ)
        wallet = [await _said(command, environ) for command in WALLET]
    for name, said in (("top", top), ("wallet", "".join(wallet))):
        assert [words for words in SHOWN[name] if words not in said] == []
    _keep("top", [(TOP, top)])
    _keep("wallet", list(zip(WALLET, wallet, strict=True)))


async def _said(command: str, environ: Mapping[str, str]) -> str:
    _, *arguments = shlex.split(command)
    done = await trio.run_process(
        [sys.executable, "-m", "aichain", *arguments],
        env=environ,
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, said
    return said


def _keep(name: str, shown: list[tuple[str, str]]) -> None:
    """As SVG, which fetches nothing from anywhere."""
    drawn = picture(name, shown)
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "url(http" not in drawn
    if PICTURES:
        (Path(PICTURES) / f"{name}.svg").write_text(drawn, encoding="utf-8")


def picture(name: str, shown: list[tuple[str, str]]) -> str:
    """Commands with what they said."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for command, said in shown:
        console.print(Text(f"$ {command}", style="bold green"))
        console.print(Text.from_ansi(said.rstrip("\n")))
    plain = FONTS.sub("", CONSOLE_SVG_FORMAT)
    return console.export_svg(title="AI-Chain", code_format=plain, unique_id=name)


def test_a_picture_says_what_was_said() -> None:
    drawn = picture("one", [("aichain version", "\x1b[1m0.1.0\x1b[0m <&>")])
    said = "".join(ElementTree.fromstring(drawn).itertext()).replace("\xa0", " ")
    assert "aichain version" in said
    assert "0.1.0 <&>" in said


@pytest.mark.parametrize("name", ["top", "wallet"])
def test_the_pictures_of_the_tour_are_of_what_the_commands_show(name: str) -> None:
    kept = Path(__file__).parents[2] / "aichain" / "cli" / "pictures" / f"{name}.svg"
    root = ElementTree.parse(kept).getroot()
    said = "".join(root.itertext()).replace("\xa0", " ")
    for command in (TOP,) if name == "top" else WALLET:
        assert command[:60] in said
    assert [words for words in SHOWN[name] if words not in said] == []
