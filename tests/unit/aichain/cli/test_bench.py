"""`aichain bench` measures what it says, on this machine."""

import json
from pathlib import Path

from click.testing import CliRunner

from aichain.cli import main
from aichain.upkeep.speed import figures


def test_each_figure_is_of_something_that_was_done(tmp_path: Path) -> None:
    rows = list(figures(tmp_path, repeats=1))
    names = [row["what"] for row in rows]
    assert len(names) == len(set(names)) == 9
    assert any("verify" in str(name) for name in names)
    assert any("fsync" in str(name) for name in names)
    for row in rows:
        took, worst, rate = row["microseconds"], row["worst"], row["per second"]
        assert isinstance(took, float)
        assert isinstance(worst, float)
        assert 0 < took <= worst
        assert isinstance(rate, int)
    assert list(tmp_path.iterdir()) == [], "nothing is left there"


def test_the_answer_names_the_machine(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["bench", "--disk", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["machine"]["cores"] > 0
    assert len(found["figures"]) == 9
