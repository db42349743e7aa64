"""A person who reads a chain through `aichain light`, and the honest chain that is there."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from genesis.units import format_address
from tests.builders_light import BLOCK_MS, GENESIS_MS, RICH, LightChain
from tests.clocks import FixedClock
from tests.unit.aichain.cli.light_liars import ServedChain

CHAIN = LightChain.of(30)
NOW_MS = GENESIS_MS + 40 * BLOCK_MS
ACCOUNT = ("account", format_address(RICH))


class Reader:
    """A person at the command line, with a home and a clock."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.server = ServedChain(CHAIN)
        self.clock = FixedClock(NOW_MS)
        monkeypatch.setattr("aichain.cli.light.RpcClient", lambda _url: self.server)
        monkeypatch.setattr("aichain.cli.light.SystemClock", lambda: self.clock)

    def run(self, *arguments: str, trust: int | str | None = 2) -> Result:
        if isinstance(trust, int):
            trust = f"{trust}:0x{CHAIN.headers[trust].id.hex()}"
        given = ("--trust", trust) if trust else ()
        return CliRunner().invoke(main, ["light", "--home", str(self.home), *given, *arguments])

    def ask(self, *arguments: str, trust: int | str | None = 2) -> Any:
        done = self.run("--json", *arguments, trust=trust)
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def trusted_height(self) -> int:
        height: int = json.loads((self.home / "light.json").read_text())["height"]
        return height


def trust_block_2(reader: Reader) -> None:
    """The file as an honest server of long ago left it."""
    honest = reader.server
    reader.server = ServedChain(LightChain.of(2))
    reader.ask("header", "1", trust=1)
    reader.server = honest
    assert reader.trusted_height == 2
