"""Our six import names are ours alone, and nothing else of the repository is installed."""

import importlib
import importlib.metadata
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("aichain", "consensus", "vm", "p2p", "genesis", "native")
NOT_INSTALLED = ("tests", "benchmarks", "localnet")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FIND = PROJECT["tool"]["setuptools"]["packages"]["find"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_imported_from_this_repository(room: str) -> None:
    module = importlib.import_module(room)
    assert module.__file__ is not None
    assert Path(module.__file__).parent == ROOT / room


@pytest.mark.parametrize("room", ROOMS)
def test_no_other_distribution_owns_our_import_name(room: str) -> None:
    owners = importlib.metadata.packages_distributions().get(room, [])
    assert set(owners) <= {PROJECT["project"]["name"]}


def test_the_distribution_takes_the_six_rooms_and_nothing_else() -> None:
    assert FIND["include"] == [f"{room}*" for room in ROOMS]
    assert FIND["namespaces"] is False


def test_no_folder_beside_the_rooms_is_mistaken_for_one() -> None:
    """The patterns end in a star; a package called `vmtools` would slip in with `vm*`."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {name for name in packages if name.startswith(ROOMS)} == set(ROOMS)


@pytest.mark.parametrize("folder", NOT_INSTALLED)
def test_a_folder_that_is_not_installed_is_no_package(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize("folder", NOT_INSTALLED)
def test_our_distribution_installs_no_generic_name(folder: str) -> None:
    """Others' wheels may ship a `tests`; ours must not add to it."""
    owners = importlib.metadata.packages_distributions().get(folder, [])
    assert PROJECT["project"]["name"] not in owners
