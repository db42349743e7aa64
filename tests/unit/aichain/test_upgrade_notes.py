"""The notes on upgrades name the versions that the code has."""

from pathlib import Path

from aichain.store import keys
from aichain.upkeep.answer_file import MAGIC
from genesis.upgrades import LATEST
from p2p.wire.encoding import WIRE_VERSION

NOTES = Path(__file__).parents[3] / "aichain" / "upkeep" / "README.md"


def test_the_upgrade_notes_name_the_versions_that_there_are() -> None:
    notes = NOTES.read_text()
    for name, version in (
        ("genesis.upgrades.LATEST", int(LATEST)),
        ("p2p.wire.encoding.WIRE_VERSION", WIRE_VERSION),
        ("aichain.store.keys.SCHEMA_VERSION", keys.SCHEMA_VERSION),
    ):
        assert f"(`{name}`) | {version} |" in notes
    assert f"`db snapshot` | {MAGIC[-1]} |" in notes
