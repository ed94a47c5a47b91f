"""The benchmarks' table: what is printed, what counts as reached, what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.peers.install import INSTALLERS
from bench.peers.place import VARIABLE, Missing, directory_of, find
from bench.result import show, show_missing, show_share
from bench.table import Group, Row, is_reached, render, tally


def printed(capsys: pytest.CaptureFixture[str]) -> Row:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"value": 3.0, "at_most": 3.0}, True),
        ({"value": 3.1, "at_most": 3.0}, False),
        ({"value": 0, "at_most": 0}, True),
        ({"value": 3.0, "at_least": 3.0}, True),
        ({"value": 2.9, "at_least": 3.0}, False),
        ({"value": 3.0}, None),
        ({"at_most": 3.0}, None),
        ({"measured": "not installed: x", "figure": "1/3", "at_most": 1.0}, None),
    ],
)
def test_reached_is_told_from_the_numbers_alone(row: Row, expected: bool | None) -> None:
    assert is_reached(row) is expected


def test_a_share_of_a_peers_cost(capsys: pytest.CaptureFixture[str]) -> None:
    show_share("a call", "40 ns", 40.0, "peer: 1,000 ns", 1000.0, 20)
    row = printed(capsys)
    assert (row["figure"], row["ratio"]) == ("1/20", "1/25.0")
    assert is_reached(row) is True


def test_a_dearer_call_than_the_share_allows_is_not_reached(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_share("a call", "60 ns", 60.0, "peer: 1,000 ns", 1000.0, 20)
    assert is_reached(printed(capsys)) is False


def test_without_a_figure_there_is_nothing_to_reach(capsys: pytest.CaptureFixture[str]) -> None:
    show_share("a call", "60 ns", 60.0, "peer: 1,000 ns", 1000.0, 0)
    row = printed(capsys)
    assert "figure" not in row
    assert is_reached(row) is None


def test_zero_is_a_value_and_not_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    show("modules loaded", "none", "none", value=0, at_most=0)
    assert is_reached(printed(capsys)) is True


def test_a_missing_peer_keeps_its_row_and_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_missing("times a peer", "3 x", "python -m bench.peers.install rotel", "rotel")
    row = printed(capsys)
    assert row["measured"] == "not installed: python -m bench.peers.install rotel"
    assert is_reached(row) is None


def test_the_document_has_a_table_a_group_in_order() -> None:
    rows: list[Row] = [
        {"name": "a | b", "measured": "2 s", "figure": "1 s", "value": 2, "at_most": 1}
    ]
    text = render("On a machine.", [Group("First", rows), Group("Second", [{"name": "c"}])])
    assert text.index("## First") < text.index("## Second")
    assert "| a \\| b | 2 s | 1 s |  |  | no |" in text
    assert "| c |  |  |  |  |  |" in text


def test_the_tally_names_what_is_not_reached() -> None:
    rows: list[Row] = [
        {"name": "good", "measured": "1 s", "figure": "2 s", "value": 1, "at_most": 2},
        {"name": "slow", "measured": "3 s", "figure": "2 s", "value": 3, "at_most": 2},
        {"name": "absent", "measured": "not installed: x", "figure": "2 s"},
        {"name": "for the record", "measured": "9 s"},
    ]
    told = tally([Group("All", rows)])
    assert told.startswith("1 figures reached, 1 not, 1 without a number.")
    assert told.endswith("- slow: 3 s (2 s)")


def test_a_peer_is_looked_for_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(Missing) as missing:
        find("statsd", "stats.js")
    assert missing.value.command == "python -m bench.peers.install statsd"
    directory_of("statsd").mkdir()
    (tmp_path / "statsd" / "stats.js").touch()
    assert find("statsd", "stats.js") == tmp_path / "statsd" / "stats.js"


def test_every_peer_that_can_be_missing_can_be_installed() -> None:
    assert set(INSTALLERS) == {"libraries", "phoenix", "rotel", "statsd", "victoriametrics"}
