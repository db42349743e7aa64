"""What stops a node becomes an exit code, one line of cause and one of what to do."""

import io
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.config import Endpoint, NodeConfig
from aichain.errors import ExitCode, StoreCorrupt, WalLocked
from aichain.node import ballots, engine, halting
from aichain.node.fork_report import ForkReport
from aichain.node.home import open_log
from aichain.node.progress import Progress
from aichain.node.progress_watch import ProgressScreen
from aichain.node.run import run_node
from aichain.store.blocks import BlockStore
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.paths import DataPaths
from consensus.certificates import QuorumCertificate
from consensus.core.effects import Effect, Halt
from consensus.core.events import Event
from consensus.core.state import State
from consensus.core.step import step
from consensus.errors import DoubleSign
from consensus.guard import SignedSlots
from consensus.records import ProposalCast, VoteCast
from consensus.votes import VotePhase
from genesis.networks import founder_key, local_document
from native.hashing import ZERO_HASH
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


def run_once(
    config: NodeConfig,
    *,
    on_ready: Callable[[], None] = lambda: None,
    screen: ProgressScreen | None = None,
) -> int:
    hub = MemoryHub()
    network_of = lambda identity, _settings: hub.join(identity)  # noqa: E731
    return run_node(config, network_of, on_ready=on_ready, screen=screen)


class Screen:
    """A terminal that remembers."""

    def __init__(self) -> None:
        self.log_stream = io.StringIO()
        self.shown: list[Sequence[Progress]] = []

    def show(self, tasks: Sequence[Progress]) -> None:
        self.shown.append(tasks)


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


def test_what_a_screen_shows_is_taken_away_before_the_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_signed: SignedSlots, _record: VoteCast | ProposalCast) -> None:
        raise DoubleSign(epoch=0, view=1, reason="a second PREFER")

    monkeypatch.setattr(ballots, "may_cast", refuse)
    screen = Screen()
    assert run_once(make_config(tmp_path), screen=screen) == ExitCode.DOUBLE_SIGN
    assert "running at height 0" in screen.log_stream.getvalue()
    assert "fix: keep the data directory" in screen.log_stream.getvalue()
    assert "running at height 0" not in capsys.readouterr().err
    assert screen.shown, "somebody watches from the start on"
    assert set(map(tuple, screen.shown)) == {()}, "a lone validator is behind nobody"


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


FINAL = QuorumCertificate(ZERO_HASH, 0, VotePhase.COMMIT, 1, 1, ZERO_HASH, b"", ())


def halt_soon(monkeypatch: pytest.MonkeyPatch, served_s: float) -> None:
    """What the core is told after its second block shows it a fork."""

    def step_and_halt(state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:
        if state.final.height < 2:
            return step(state, event)
        return state, (Halt("conflicting finality", FINAL),)

    monkeypatch.setattr(engine, "step", step_and_halt)
    monkeypatch.setattr(halting, "SERVED_AFTER_HALT_S", served_s)


def test_a_file_of_the_home_that_cannot_be_opened_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(tmp_path)
    lock = config.data_dir / "LOCK"
    lock.mkdir(parents=True)  # of a file of somebody else's root would read all the same
    assert run_once(config) == ExitCode.STORE_FAILED
    assert f"StoreFailed: path={lock} reason=Is a directory" in capsys.readouterr().err


def test_who_is_told_to_stop_while_it_halts_says_that_it_halted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell = ForkReport.tell

    async def tell_and_be_stopped(report: ForkReport, certificate: QuorumCertificate) -> None:
        await tell(report, certificate)
        os.kill(os.getpid(), signal.SIGTERM)

    halt_soon(monkeypatch, 3_600)
    monkeypatch.setattr(ForkReport, "tell", tell_and_be_stopped)
    assert run_once(make_config(tmp_path)) == ExitCode.CONSENSUS_HALTED
    assert "fix: keep the data directory" in capsys.readouterr().err


def spoil_archive(data: DataPaths, _patch: pytest.MonkeyPatch) -> None:
    CertificateArchive(data.certificates).add([b"no record"])
    (data.certificates / "0000000001.certs").mkdir()


def spoil_log(data: DataPaths, _patch: pytest.MonkeyPatch) -> None:
    """A link that leads nowhere, as a disk that went away leaves it."""
    (data.signer / "other.wal").symlink_to("nowhere")


def spoil_database(_data: DataPaths, patch: pytest.MonkeyPatch) -> None:
    def refuse(_store: BlockStore, _height: int) -> None:
        raise StoreCorrupt(path="the state", reason="a bit is flipped")

    patch.setattr(BlockStore, "certificate_at", refuse)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (spoil_archive, "0000000001.certs"),
        (spoil_log, "other.wal"),
        (spoil_database, "a bit is flipped"),
    ],
)
def test_a_halt_with_damaged_files_is_a_halt_that_names_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[DataPaths, pytest.MonkeyPatch], None],
    word: str,
) -> None:
    config, tell = make_config(tmp_path), ForkReport.tell

    async def spoil_and_tell(report: ForkReport, certificate: QuorumCertificate) -> None:
        spoil(DataPaths(config.data_dir), monkeypatch)
        await tell(report, certificate)

    halt_soon(monkeypatch, 0)
    monkeypatch.setattr(ForkReport, "tell", spoil_and_tell)
    assert run_once(config) == ExitCode.CONSENSUS_HALTED
    said = capsys.readouterr().err
    assert word in said
    assert "fork-proof export" in said
    assert "Traceback" not in said
