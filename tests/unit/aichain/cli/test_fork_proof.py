"""Files of a fork may come from anybody: whose validators they name is compared, not believed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from aichain.cli.exit_codes import CommandExit
from consensus.fork_files import encode_disclosure
from consensus.fork_proof import Disclosure, Epoch
from consensus.votes import VotePhase
from genesis.document import render_document
from tests.builders_light import FOUR, LightChain, sign
from tests.builders_vm import make_document


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sides of a fork that a set of nobody's choosing signed, in the name of a network."""
    monkeypatch.chdir(tmp_path)
    Path("network.toml").write_text(render_document(make_document()))
    for salt, voters in ((1, (0, 1, 2)), (2, (1, 2, 3))):
        chain = LightChain.of(2)
        chain.salt = salt
        chain.extend(3)
        headers = chain.headers
        epoch = Epoch(headers[0].genesis_hash, 0, headers[0].id, FOUR)
        held = tuple(
            sign(headers[3], FOUR, epoch.start_id, voters=voters, phase=phase)
            for phase in (VotePhase.PREFER, VotePhase.COMMIT)
        )
        Path(f"side{salt}").write_bytes(
            encode_disclosure(Disclosure(epoch, tuple(headers[1:]), held))
        )
    return tmp_path


def find(*more: str) -> Result:
    return CliRunner().invoke(main, ("fork-proof", "find", "side1", "side2", *more))


@pytest.mark.usefixtures("place")
def test_a_set_that_the_network_does_not_know_convicts_nobody() -> None:
    done = find("--network", "network.toml", "--out", "proof")
    assert done.exit_code == CommandExit.FORK_UNPROVEN
    assert "not those of the genesis document" in done.stderr
    assert done.stdout == ""
    assert not Path("proof").exists()


@pytest.mark.usefixtures("place")
def test_a_set_whose_hash_the_caller_has_checked_is_believed() -> None:
    known = ("--network", "network.toml", "--validators-hash", "0x" + FOUR.hash.hex())
    done = find(*known, "--json")
    assert done.exit_code == 0, done.stderr
    assert [each["validator"] for each in json.loads(done.stdout)["convicted"]] == [1, 2]


@pytest.mark.usefixtures("place")
def test_files_alone_need_the_network_that_they_are_of() -> None:
    done = find()
    assert done.exit_code == CommandExit.USAGE
    assert "--network" in done.stderr
