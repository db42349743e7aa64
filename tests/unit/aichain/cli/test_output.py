"""What commands print: aligned, and nothing that the terminal takes for an order."""

import pytest

from aichain.cli.output import show, table

ORDER = "\x1b]0;title\x07\x1b[2J\r\u202e"


@pytest.mark.parametrize(
    "value",
    [
        {"agent": ORDER},
        {ORDER: 1},
        {"peer": {ORDER: {"agent": ORDER}}},
        [ORDER],
        [{"agent": ORDER}],
        [{ORDER: 1}],
        {"rows": [{"agent": [ORDER]}]},
        ORDER,
    ],
)
def test_what_a_peer_says_of_itself_moves_no_cursor(
    capsys: pytest.CaptureFixture[str], value: object
) -> None:
    for as_json in (False, True):
        show(value, as_json=as_json)
        assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


def test_columns_are_aligned() -> None:
    assert table([{"a": 1, "b": "x"}, {"a": 22, "b": None}]) == ["a   b", "1   x", "22  -"]


def test_what_is_empty_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    show({"unbonding": [], "rows": [{"events": []}], "of": {}}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "unbonding  (none)",
        "rows:",
        "  events",
        "  (none)",
        "of         (none)",
    ]
