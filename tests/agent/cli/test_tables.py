from __future__ import annotations

import json
import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.cli.tables import age_text, csv_text, json_text, metric_text, plain, table
from llmmon.protocol.names import METRICS


@given(st.text())
def test_plain_text_is_one_line_without_controls(text: str) -> None:
    assert not any(unicodedata.category(char) == "Cc" for char in plain(text))
    assert len(plain(text).splitlines()) <= 1


def test_none_is_a_dash_and_zero_is_zero() -> None:
    assert plain(None) == "—"
    assert plain(0) == "0"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("latency_p95", 812.4, "812 ms"),
        ("latency_p95", 12_400.0, "12.40 s"),
        ("error_rate", 0.042, "4.2%"),
        ("cost_usd", 0.0123, "$0.0123"),
        ("hourly_cost", 1234.5, "$1,234.50"),
        ("requests", 12345, "12,345"),
        ("request_rate", 0.0, "0.0/s"),
        ("quality_score_mean", 0.834, "0.83"),
        ("latency_p99", None, "—"),
        ("latency_p99", math.nan, "—"),
    ],
)
def test_metrics_carry_their_unit(name: str, value: float | None, text: str) -> None:
    assert metric_text(name, value) == text


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_has_a_text(name: str) -> None:
    assert metric_text(name, 1.0)


def test_numbers_are_flush_right_and_text_flush_left() -> None:
    lines = table(["model", "n"], [["a", 1], ["long", 100], ["b", None]]).splitlines()
    assert lines == ["model    n", "a        1", "long   100", "b        —"]


def test_text_that_begins_with_a_digit_is_text() -> None:
    assert table(["message"], [["2 cores"], ["answered"]]).splitlines()[1] == "2 cores"
    assert table(["p95"], [["1.20 s"], ["812 ms"]]).splitlines()[2] == "812 ms"
    assert table(["x"], [["2 cores"], ["longer than 2"]]).splitlines()[1] == "2 cores"


def test_wide_characters_take_two_columns() -> None:
    assert table(["a", "b"], [["漢字", "x"], ["ab", "y"]]).splitlines() == [
        *("a     b", "漢字  x", "ab    y")
    ]


def test_a_table_without_rows_is_its_headers() -> None:
    assert table(["a", "b"], []) == "a  b"


def test_json_is_strict() -> None:
    text = json_text({"a": math.nan, "b": [math.inf, 1], "c": b"\x01"})
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [None, 1], "c": "01"}


def test_csv_leaves_missing_values_empty() -> None:
    assert csv_text(["a", "b"], [[None, "x,y"]]) == 'a,b\n,"x,y"'


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (300, "5m"), (90000, "1d")]
)
def test_ages(seconds: float, text: str) -> None:
    assert age_text(seconds) == text
