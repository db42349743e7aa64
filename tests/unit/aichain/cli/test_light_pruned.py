"""A server that dropped old blocks is no liar; one that says so of blocks that all keep is."""

from pathlib import Path

import pytest

from aichain.cli.exit_codes import CommandExit
from genesis.document import render_document
from genesis.limits import CERTIFICATE_WINDOW_BLOCKS, PRUNED_BLOCKS_AT_ONCE
from tests.builders_light import EPOCH_BLOCKS, LightChain
from tests.builders_vm import make_document
from tests.unit.aichain.cli.light_liars import PrunedChain
from tests.unit.aichain.cli.light_reader import ACCOUNT, CHAIN, Reader, trust_block_2

LONG = LightChain.of(5 + CERTIFICATE_WINDOW_BLOCKS - PRUNED_BLOCKS_AT_ONCE)
"""So long that block 5 may be gone, and block 6 not."""


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(tmp_path / "home", monkeypatch)


def test_a_server_that_keeps_no_old_blocks_is_no_liar(reader: Reader) -> None:
    trust_block_2(reader)
    reader.server = PrunedChain(LONG)
    done = reader.run(*ACCOUNT, trust=None)
    assert done.exit_code == 0, done.stderr
    assert "does not keep block 2" in done.stderr
    assert reader.run("header", "9", trust=None).exit_code == CommandExit.REFUSED


def test_a_block_that_every_node_keeps_has_to_be_proved(reader: Reader) -> None:
    trust_block_2(reader)
    reader.server = PrunedChain(CHAIN)
    done = reader.run(*ACCOUNT, trust=None)
    assert done.exit_code == CommandExit.NOT_PROVEN
    assert "no honest node drops" in done.stderr
    assert "another node with --rpc" in done.stderr
    assert reader.trusted_height == 2, "nothing of it is believed"


def test_where_the_network_is_named_so_has_the_last_block_of_an_epoch(
    reader: Reader, tmp_path: Path
) -> None:
    document = tmp_path / "genesis.toml"
    document.write_text(render_document(make_document(epoch_blocks=EPOCH_BLOCKS)))
    reader.server = PrunedChain(LONG)
    named = ("--network", str(document), "--allow-old-trust", *ACCOUNT)
    assert reader.run(*named, trust=4).exit_code == CommandExit.NOT_PROVEN
    assert reader.run(*named, trust=6).exit_code == CommandExit.NOT_PROVEN
    done = reader.run(*named, trust=5)
    assert done.exit_code == 0, done.stderr
