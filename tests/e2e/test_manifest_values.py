"""Manifests as values, and that the watch sees what must not be: without any network."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from aichain.cli.localnet_nodes import BLOCK_TIME_MS, CHECKOUT, document_of, make_network, spawn
from aichain.cli.localnet_state import LocalnetState, ProcessId
from tests.e2e.manifests import previous
from tests.e2e.manifests.manifest import Kind, Manifest, Perturbation, generate, parse, render
from tests.e2e.manifests.previous import (
    GenesisChanged,
    NoUpgrade,
    require_same_genesis,
    unpack_previous,
)
from tests.e2e.manifests.run import network_of
from tests.e2e.manifests.site import Site
from tests.e2e.manifests.watch import Watch
from tests.e2e.networks import wait_until

FOLDER = Path(__file__).parent / "manifests"


def test_a_seed_is_a_manifest_and_its_text_is_the_same_one() -> None:
    for seed in range(50):
        manifest = generate(seed, rounds=8)
        assert manifest == generate(seed, rounds=8)
        assert parse(render(manifest)) == manifest
    assert generate(1) != generate(2)


def test_seeds_reach_every_kind_and_lose_at_most_one_vote_log() -> None:
    drawn = [[each.kind for each in generate(seed, rounds=8).perturbations] for seed in range(50)]
    assert {kind for kinds in drawn for kind in kinds} == set(Kind) - {Kind.UPGRADE}
    assert all(kinds.count(Kind.LOST_VOTE_LOG) <= 1 for kinds in drawn)


@pytest.mark.parametrize("name", ["everything.toml", "lanes.toml", "upgrade.toml"])
def test_the_manifests_in_the_folder_can_be_read(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert parse(render(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "seed = 1",
        "[[perturbation]]\nkind = 'kill'",
        "[[perturbation]]\nkind = 'kill'\nnodes = [4]",
        "[[perturbation]]\nkind = 'regions'\nnodes = [1]",
        "[[perturbation]]\nkind = 'sing'\nnodes = [1]",
        "[[perturbation]]\nkind = 'kill'\nnodes = [1]\nfor = 3",
        "speed = 1\n[[perturbation]]\nkind = 'kill'\nnodes = [1]",
    ],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises((AssertionError, TypeError, ValueError)):
        parse(text)


def test_nodes_that_are_upgraded_begin_with_other_code() -> None:
    steps = (Perturbation(Kind.UPGRADE, (1, 2)), Perturbation(Kind.KILL, (3,)))
    assert Manifest(steps).upgraded == {1, 2}


# --- what the watch sees


@pytest.fixture
def state(tmp_path: Path) -> LocalnetState:
    return make_network(tmp_path / "net", "testnet", 4, base_port=20_000)


def status(height: int, *, block_hash: str = "0xaa", state_root: str = "0xbb") -> dict[str, object]:
    return {"height": height, "blockHash": block_hash, "stateRoot": state_root}


def test_equal_blocks_at_equal_heights_are_fine(state: LocalnetState) -> None:
    watch = Watch(Site(state))
    for index in range(4):
        watch.hear(index, status(7))
    watch.require()
    assert watch.top == 7


@pytest.mark.parametrize("wrong", [{"block_hash": "0xcc"}, {"state_root": "0xcc"}])
def test_another_block_or_state_at_a_height_is_seen(
    state: LocalnetState, wrong: dict[str, str]
) -> None:
    watch = Watch(Site(state))
    watch.hear(0, status(7))
    watch.hear(1, status(8))
    watch.hear(2, status(7, **wrong))
    with pytest.raises(AssertionError, match=r"node 2 has .*0xcc.* at height 7"):
        watch.require()


def test_a_height_that_goes_back_is_seen(state: LocalnetState) -> None:
    watch = Watch(Site(state))
    watch.hear(0, status(7))
    watch.hear(0, status(6))
    with pytest.raises(AssertionError, match="node 0 was final at 7 and is at 6"):
        watch.require()


def test_a_node_that_ends_by_itself_is_seen_with_its_code(state: LocalnetState) -> None:
    site = Site(state)
    node = state.node(1)
    node.home.mkdir(exist_ok=True)
    child = ProcessId.of(spawn(["/bin/sh", "-c", "echo broken; exit 13"], node.log))
    wait_until(lambda: not child.is_alive, "it ends")
    site.state = state.with_node(replace(node, process=child))
    site.down.add(1)
    assert site.ended() == []
    site.down.clear()
    assert site.ended() == ["node 1 ended by itself with code 13: broken"]


def test_a_node_that_does_not_end_well_when_told_to_is_seen(state: LocalnetState) -> None:
    site = Site(state)
    node = state.node(2)
    node.home.mkdir(exist_ok=True)
    script = "trap 'exit 11' TERM; echo ready; while :; do sleep 0.05; done"
    child = ProcessId.of(spawn(["/bin/sh", "-c", script], node.log))
    site.state = state.with_node(replace(node, process=child))
    wait_until(lambda: "ready" in node.log.read_text(), "it runs")
    with pytest.raises(AssertionError, match="node 2 ended with code 11"):
        site.stop(2)


# --- the previous commit


def test_without_git_there_is_nothing_to_upgrade_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoUpgrade, match="git does not run here"):
        unpack_previous(tmp_path / "code")


def test_without_an_earlier_commit_there_is_nothing_to_upgrade_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previous, "CHECKOUT", tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with pytest.raises(NoUpgrade, match="git has no HEAD~1 here"):
        unpack_previous(tmp_path / "code")


def test_another_genesis_fails_unless_this_very_commit_says_so(
    state: LocalnetState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previous, "_subject", lambda: "This commit")
    require_same_genesis(CHECKOUT, state, "")
    changed = replace(state, genesis_hash="0x00")
    for declared in ("", "The subject of an earlier commit"):
        with pytest.raises(AssertionError, match="genesis_changed_by = "):
            require_same_genesis(CHECKOUT, changed, declared)
    with pytest.raises(GenesisChanged, match="reads this genesis document as 0x"):
        require_same_genesis(CHECKOUT, changed, "This commit")


# --- the network of a manifest


def test_a_manifest_says_how_long_blocks_take_and_whether_there_are_two_lanes(
    tmp_path: Path,
) -> None:
    manifest = parse((FOLDER / "lanes.toml").read_text())
    document = document_of(network_of(manifest, tmp_path / "lanes"))
    assert document.has_lanes
    assert len(document.validators) > document.consensus.full_set_limit
    assert document.consensus.block_time_ms == manifest.block_time_ms > BLOCK_TIME_MS
    plain = replace(manifest, block_time_ms=BLOCK_TIME_MS, full_set_limit=0)
    usual = document_of(network_of(plain, tmp_path / "plain"))
    assert not usual.has_lanes
    assert usual.consensus.block_time_ms == BLOCK_TIME_MS
