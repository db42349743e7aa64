"""The home of a stopped node: checked, damaged and checked again, moved by files, made smaller."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aichain.chain import Chain
from aichain.cli import db, main
from aichain.cli.exit_codes import CommandExit
from aichain.errors import ExitCode
from aichain.store.paths import DataPaths
from aichain.upkeep.answer_file import AnswerWriter, read_answers
from aichain.upkeep.snapshot_file import write_snapshot
from genesis.document import GenesisDocument, render_document
from genesis.networks import account_key
from genesis.upgrades import LATEST, Upgrade
from tests.integration.block_file_lies import LIES, rewritten
from tests.integration.home_damage import (
    change_receipts,
    damage_body,
    damage_certificate,
    damage_header_range,
    damage_receipts,
    damage_state,
)
from tests.integration.lane_nodes import lane_cluster
from tests.integration.nodes import cluster, transfer, until
from tests.integration.snapshot_peers import EPOCH_BLOCKS, make_small
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

FAR = 30


@dataclass(frozen=True)
class Home:
    """A folder that a node ran in, and the document of its chain beside it."""

    path: Path
    network: Path
    document: GenesisDocument

    @property
    def root(self) -> Path:
        return self.path / "data"

    def copied(self, to: Path) -> "Home":
        shutil.copytree(self.path, to)
        return replace(self, path=to)

    def empty(self, at: Path) -> "Home":
        return replace(self, path=at)

    def run(self, command: str, *arguments: str) -> Result:
        place = "--home", str(self.path), "--network", str(self.network)
        return CliRunner().invoke(main, ["db", command, *arguments, *place])

    def read(self, command: str, *arguments: str) -> Any:
        done = self.run(command, *arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def refusal(self, command: str, *arguments: str) -> tuple[str, int]:
        done = self.run(command, *arguments)
        return done.stderr, done.exit_code


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        yield


async def _one_lane(root: Path) -> GenesisDocument:
    async with cluster(root, 1, epoch_blocks=EPOCH_BLOCKS, machine=virtual_machine()) as net:
        node = await net.start(0)
        payer, payee = account_key("testnet", 0), account_key("testnet", 1)
        await node.rpc.backend.submit(transfer(net, payer, nonce=0, to=payee).raw)
        await until(lambda: node.height >= FAR and _offers(node), 120)
        await node.stop()
        return net.document


async def _two_lanes(root: Path) -> GenesisDocument:
    machine = virtual_machine()
    async with lane_cluster(root, 4, epoch_blocks=EPOCH_BLOCKS, machine=machine) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: nodes[0].height >= FAR and _offers(nodes[0]), 120)
        for node in nodes:
            await node.stop()
        return net.document


def _offers(node: Any) -> bool:
    shelf = DataPaths(node.node.config.data_dir).snapshots
    return shelf.is_dir() and any(path.name.isdigit() for path in shelf.iterdir())


@pytest.fixture(scope="module", params=[_one_lane, _two_lanes], ids=["one lane", "two lanes"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("chain")
    document = run_virtual(lambda: request.param(root), seed=7)
    network = root / "genesis.toml"
    network.write_text(render_document(document))
    return Home(root / "node0", network, document)


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    return made.copied(tmp_path / "home")


def contents(home: Home) -> dict[str, bytes]:
    return {
        str(path.relative_to(home.root)): path.read_bytes()
        for path in sorted(home.root.rglob("*"))
        if path.is_file() and path.name != "LOCK"
    }


def test_a_whole_chain_is_found_whole_and_nothing_is_changed(home: Home) -> None:
    before = contents(home)
    found = home.read("check")
    assert found["damaged"] == 0
    assert found["blocks"] == found["height"] + 1 > FAR
    assert found["certificates"] > FAR // EPOCH_BLOCKS
    assert contents(home) == before


def test_figures_count_what_is_there(home: Home) -> None:
    found = home.read("stats")
    assert found["entries"]["blocks"]["count"] == found["height"] + 1
    assert found["entries"]["stateRecords"]["bytes"] > 0
    assert found["diskBytes"]["blocks"] > 0
    assert found["diskBytes"]["snapshots"] > 0


@pytest.mark.parametrize("command", ["stats", "check", "compact", "prune --keep 2000"])
def test_while_a_node_runs_its_home_is_left_alone(home: Home, command: str) -> None:
    chain = Chain.open(home.root, home.document)
    try:
        told, code = home.refusal(*command.split())
    finally:
        chain.close()
    assert code == ExitCode.HOME_LOCKED
    assert "stop the other node" in told


@pytest.mark.parametrize("command", ["stats", "check", "compact", "snapshot x"])
def test_a_home_without_a_chain_says_so(home: Home, tmp_path: Path, command: str) -> None:
    told, code = home.empty(tmp_path / "none").refusal(*command.split())
    assert code == ExitCode.HOME_MISSING
    assert "there is no chain" in told


DAMAGES = [damage_body, damage_state, damage_certificate, damage_header_range]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_with_what_to_do_and_left_as_it_is(home: Home, damage: Any) -> None:
    where = damage(home)
    before = contents(home)
    done = home.run("check", "--json")
    assert done.exit_code == CommandExit.DAMAGED, done.output
    found = json.loads(done.stdout)
    assert found["damaged"] >= 1
    assert found["damages"][0]["where"].startswith(where)
    assert "--sync-again" in found["damages"][0]["fix"]
    assert contents(home) == before


@pytest.mark.parametrize("damage", [damage_receipts, change_receipts])
def test_a_receipt_that_is_lost_or_changed_is_found(home: Home, damage: Any) -> None:
    if home.document.has_lanes:
        pytest.skip("no transaction was sent on that chain")
    where = damage(home)
    done = home.run("check")
    assert done.exit_code == CommandExit.DAMAGED
    assert where in done.stderr


def test_blocks_go_through_a_file_into_another_home(home: Home, tmp_path: Path) -> None:
    file, there = tmp_path / "blocks", home.empty(tmp_path / "there")
    wrote = home.read("export", str(file))
    assert wrote["from"] == 1
    took = there.read("import", str(file))
    assert took == wrote | {"file": str(file)}
    assert there.read("check")["damaged"] == 0
    ours, theirs = home.read("stats"), there.read("stats")
    assert ours["height"] == theirs["height"] == wrote["to"]
    assert ours["entries"]["stateRecords"] == theirs["entries"]["stateRecords"]
    assert there.read("import", str(file))["blocks"] == 0, "it is all here"


def test_an_export_goes_on_where_it_was_interrupted(home: Home, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    home.read("export", str(whole))
    home.read("export", str(parts), "--to", "10")
    first = parts.stat().st_size
    with parts.open("ab") as file:
        file.write(whole.read_bytes()[first : first + 100])  # it was killed here
    there = home.empty(tmp_path / "there")
    told, code = there.refusal("import", str(parts))
    assert code == CommandExit.FILE_REFUSED
    assert "ends within a record" in told
    assert there.read("stats")["height"] >= 10, "what was whole is taken"
    home.read("export", str(parts))
    assert parts.read_bytes() == whole.read_bytes()
    there.read("import", str(parts))
    assert there.read("stats")["height"] == home.read("stats")["height"]


@pytest.mark.parametrize("lie", LIES)
def test_nothing_in_a_file_is_believed(home: Home, tmp_path: Path, lie: Any) -> None:
    file, there = tmp_path / "blocks", home.empty(tmp_path / "there")
    home.read("export", str(file))
    told, code = there.refusal("import", str(rewritten(home.document, file, lie)))
    assert code == CommandExit.FILE_REFUSED, told
    assert LIES[lie] in told
    assert there.read("stats")["height"] == 0


def test_a_damaged_file_and_one_of_another_kind_are_refused(home: Home, tmp_path: Path) -> None:
    file, there = tmp_path / "blocks", home.empty(tmp_path / "there")
    home.read("export", str(file))
    told, code = there.refusal("restore", str(file))
    assert code == CommandExit.FILE_REFUSED
    assert "a file of blocks, not of snapshot" in told
    raw = bytearray(file.read_bytes())
    raw[200] ^= 1
    file.write_bytes(raw)
    told, code = there.refusal("import", str(file))
    assert (code, "a record is damaged" in told) == (CommandExit.FILE_REFUSED, True)


def test_a_pipe_is_no_file(home: Home, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for command in ("export", "import", "restore"):
        told, code = home.refusal(command, str(pipe))
        assert (code, "this is not a regular file" in told) == (CommandExit.FAILED, True)


def test_a_snapshot_goes_through_a_file_and_blocks_follow(home: Home, tmp_path: Path) -> None:
    state, blocks, there = tmp_path / "state", tmp_path / "blocks", home.empty(tmp_path / "there")
    wrote = home.read("snapshot", str(state))
    assert wrote["height"] % EPOCH_BLOCKS == 0
    took = there.read("restore", str(state))
    assert took["height"] == wrote["height"]
    assert there.read("check")["damaged"] == 0
    home.read("export", str(blocks), "--from", str(wrote["height"] + 1))
    there.read("import", str(blocks))
    ours, theirs = home.read("stats"), there.read("stats")
    assert theirs["height"] == ours["height"]
    assert theirs["entries"]["stateRecords"] == ours["entries"]["stateRecords"]
    told, code = there.refusal("restore", str(state))
    assert (code, "is not above this chain's last block" in told) == (
        CommandExit.FILE_REFUSED,
        True,
    )
    assert "nothing has to be restored" in told


def test_a_snapshot_that_is_interrupted_leaves_no_file_that_looks_whole(
    home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    state = folder / "state"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    chain = Chain.open(home.root, home.document)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_snapshot(chain, DataPaths(home.root), state, interrupt)
    finally:
        chain.close()
    assert not any(folder.iterdir())
    (folder / "state.part").write_bytes(b"killed here")
    height = home.read("snapshot", str(state))["height"]
    assert [path.name for path in folder.iterdir()] == ["state"]
    assert home.empty(tmp_path / "there").read("restore", str(state))["height"] == height


def test_a_snapshot_is_proved_from_the_block_that_somebody_vouches_for(
    home: Home, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    trust = home.read("snapshot", str(state))["trust"]
    there = home.empty(tmp_path / "there")
    other = trust.split(":")[0] + ":0x" + "00" * 32
    told, code = there.refusal("restore", str(state), "--trust", other)
    assert code == CommandExit.FILE_REFUSED
    assert "does not hold" in told
    assert there.read("restore", str(state), "--trust", trust)["height"] > 0


def test_a_part_that_was_changed_is_refused(home: Home, tmp_path: Path) -> None:
    state, there = tmp_path / "state", home.empty(tmp_path / "there")
    home.read("snapshot", str(state))
    answers = list(read_answers(state, "snapshot", home.document.hash))
    changed = tmp_path / "changed"
    with AnswerWriter.create(changed, "snapshot", home.document.hash) as writer:
        for each in answers[:-1]:
            writer.write(each.request, each.response)
        last: Any = answers[-1]
        raw = bytearray(last.response.raw)
        raw[-1] ^= 1
        writer.write(last.request, replace(last.response, raw=bytes(raw)))
    told, code = there.refusal("restore", str(changed))
    assert (code, "part" in told) == (CommandExit.FILE_REFUSED, True)
    assert there.read("restore", str(state))["height"] > 0, "the parts that were true are kept"


@pytest.mark.parametrize("schedule", [(), (Upgrade(LATEST, 5),)], ids=["none", "later"])
def test_who_has_another_schedule_of_upgrades_is_told_so(
    home: Home, tmp_path: Path, schedule: tuple[Upgrade, ...]
) -> None:
    blocks, state, there = tmp_path / "blocks", tmp_path / "state", tmp_path / "there"
    home.read("export", str(blocks))
    home.read("snapshot", str(state))
    network = tmp_path / "genesis.toml"
    network.write_text(render_document(replace(home.document, upgrades=schedule)))
    ours, other = replace(home, network=network), Home(there, network, home.document)
    refusals = [ours.refusal("check"), other.refusal("import", str(blocks))]
    if not schedule:  # else the block of the snapshot is of the rules that are expected
        refusals.append(other.refusal("restore", str(state)))
    for told, code in refusals:
        assert code == ExitCode.UPGRADE_MISSED, told
        assert "[[upgrades]]" in told
    assert other.read("stats")["height"] == 0
    home.read("check")


def test_old_blocks_are_dropped_and_the_rest_is_whole(home: Home) -> None:
    height = home.read("stats")["height"]
    done = home.run("prune", "--keep", "10")
    assert done.exit_code == CommandExit.USAGE, "a window stays"
    with pytest.MonkeyPatch.context() as patch:
        option: Any = next(each for each in db.prune.params if each.name == "keep")
        patch.setattr(option.type, "min", 8)
        found = home.read("prune", "--keep", "8")
    assert found["firstBlock"] == height - 8
    report = home.read("check")
    assert report["damaged"] == 0
    assert report["firstBlock"] == height - 8
    after = home.read("compact")
    assert after["bytesAfter"] <= after["bytesBefore"]
    assert home.read("check")["damaged"] == 0
