"""Networks of real processes under seeded perturbations, judged by what their RPC says."""

from pathlib import Path

import pytest

from tests.e2e.manifests.manifest import Kind, generate, parse
from tests.e2e.manifests.previous import NoUpgrade
from tests.e2e.manifests.run import run_manifest

FOLDER = Path(__file__).parent / "manifests"
GATE_SEED = 1550
"""Two nodes paused, a clock behind, two killed, one cut off: nine seconds of it, under load."""


def test_a_short_manifest_holds(tmp_path: Path) -> None:
    manifest = generate(GATE_SEED, rounds=4)
    report = run_manifest(manifest, tmp_path, print)
    assert report.height > manifest.recovery_heights
    assert len(report.recoveries_s) == 4


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1, 5))
def test_a_long_manifest_holds(tmp_path: Path, seed: int) -> None:
    run_manifest(generate(seed, rounds=8), tmp_path, print)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_kind_of_perturbation_in_a_row(tmp_path: Path) -> None:
    manifest = parse((FOLDER / "everything.toml").read_text())
    done = {each.kind for each in manifest.perturbations}
    assert done == set(Kind) - {Kind.UPGRADE}
    assert run_manifest(manifest, tmp_path, print).transactions > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_lanes_hold(tmp_path: Path) -> None:
    manifest = parse((FOLDER / "lanes.toml").read_text())
    assert run_manifest(manifest, tmp_path, print).transactions > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_previous_commits_data_is_taken_up(tmp_path: Path) -> None:
    """Skipped without git, or where the commit says that it changes the chain; else that fails."""
    manifest = parse((FOLDER / "upgrade.toml").read_text())
    assert manifest.upgraded == frozenset(range(manifest.validators))
    try:
        run_manifest(manifest, tmp_path, print)
    except NoUpgrade as reason:
        pytest.skip(str(reason))
