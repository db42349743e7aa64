"""What stops a node becomes an exit code, one line of cause and one of what to do."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.config import Endpoint, NodeConfig
from aichain.errors import ExitCode, WalLocked
from aichain.node import ballots
from aichain.node.assemble import open_log
from aichain.node.run import run_node
from aichain.store.paths import DataPaths
from consensus.errors import DoubleSign
from consensus.guard import SignedSlots
from consensus.records import ProposalCast, VoteCast
from genesis.networks import founder_key, local_document
from p2p.memory_network import MemoryHub


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """A node's process ends with it, so it keeps its handlers; this one gets its own back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def make_config(home: Path) -> NodeConfig:
    return NodeConfig(
        home=home,
        document=local_document("testnet", 1, onion_length=4_096),
        node_seed=bytes(32),
        validator_key=founder_key("testnet", 0),
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )


def run_once(config: NodeConfig, *, on_ready: Callable[[], None] = lambda: None) -> int:
    hub = MemoryHub()
    return run_node(config, lambda identity, _settings: hub.join(identity), on_ready=on_ready)


def test_a_refused_signature_ends_the_process_with_a_code_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_signed: SignedSlots, _record: VoteCast | ProposalCast) -> None:
        raise DoubleSign(epoch=0, view=1, reason="a second PREFER")

    monkeypatch.setattr(ballots, "may_cast", refuse)
    ready: list[bool] = []
    code = run_once(make_config(tmp_path), on_ready=lambda: ready.append(True))
    assert ready == [True], "it had begun"
    said = capsys.readouterr().err
    assert code == ExitCode.DOUBLE_SIGN
    assert "signing_refused" in said or "SigningRefused" in said
    assert "a second PREFER" in said
    assert "fix: keep the data directory" in said
    assert "Traceback" not in said


def test_a_start_that_is_refused_does_not_say_that_it_is_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(tmp_path)
    assert config.validator_key is not None
    other = open_log(config, config.validator_key.public_key)
    ready: list[bool] = []
    assert run_once(config, on_ready=lambda: ready.append(True)) == WalLocked.exit_code
    other.close()
    assert not ready
    assert "fix:" in capsys.readouterr().err


@pytest.mark.parametrize("from_end", [5, 44, 500])
def test_a_flipped_bit_in_the_database_is_told_from_a_disk_that_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], from_end: int
) -> None:
    config = make_config(tmp_path)
    Chain.create(config.data_dir, config.document)
    Chain.open(config.data_dir, config.document).close()  # turns LevelDB's log into a table
    [table] = DataPaths(config.data_dir).state.glob("*.ldb")
    data = bytearray(table.read_bytes())
    data[-from_end] ^= 0x40
    table.write_bytes(data)
    assert run_once(config) == ExitCode.STORE_CORRUPT
    said = capsys.readouterr().err
    assert str(table.parent) in said
    assert "fix: move the chain directory away" in said
