from __future__ import annotations

from typing import Any

import pytest

from llmmon.demo.columns import COLUMNS, find_column, is_missing


def value_of(name: str, cell: Any) -> Any:
    column = find_column(name)
    assert column is not None
    return column.convert(cell)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("end_to_end_latency_s", "latency_ms"),
        ("ttft_s", "ttft_ms"),
        ("cached_input_tokens_if_infinite_cache", "cached_tokens"),
        ("ContextTokens", "input_tokens"),
        ("Response tokens", "output_tokens"),
        ("  Model ", "model"),
        ("error_code", "error"),
        ("TIMESTAMP", "t"),
    ],
)
def test_spellings_of_known_traces_are_known(name: str, field: str) -> None:
    column = find_column(name)
    assert column is not None
    assert column.field == field


def test_nothing_is_known_of_other_columns() -> None:
    assert find_column("gpu_temp_c") is None
    assert find_column("") is None


def test_times_become_milliseconds() -> None:
    assert value_of("ttft_s", "0.25") == 250.0
    assert value_of("latency_ms", "0.25") == 0.25


@pytest.mark.parametrize("cell", ["-1", "nan", "inf", "1e400", "abc", True, [1], {}])
def test_impossible_latencies_are_refused(cell: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="expected"):
        value_of("latency_ms", cell)


@pytest.mark.parametrize("cell", ["1.5", "-3", "4294967296", "x"])
def test_impossible_counts_are_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        value_of("input_tokens", cell)


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("12.5", 12.5),
        (12.5, 12.5),
        ("2023-11-16 18:15:46.6805900", 1700158546.68059),
        ("2023-11-16T18:15:46Z", 1700158546.0),
        ("2023-11-16T20:15:46+02:00", 1700158546.0),
    ],
)
def test_moments_are_seconds_or_dates(cell: Any, seconds: float) -> None:
    assert value_of("timestamp", cell) == pytest.approx(seconds, abs=1e-5)


def test_a_wrong_moment_says_what_was_expected() -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        value_of("timestamp", "yesterday")


@pytest.mark.parametrize(
    ("cell", "error"), [("429", "429"), ("0", None), ("ok", None), (True, "error"), (False, None)]
)
def test_errors_are_names(cell: Any, error: str | None) -> None:
    assert value_of("error", cell) == error


@pytest.mark.parametrize("cell", [None, "", "  ", "NaN", "null", "None"])
def test_missing_cells(cell: Any) -> None:
    assert is_missing(cell)


@pytest.mark.parametrize("cell", [0, "0", False, "x"])
def test_zero_is_not_missing(cell: Any) -> None:
    assert not is_missing(cell)


def test_every_spelling_is_written_as_it_is_looked_up() -> None:
    assert all(find_column(name) is column for name, column in COLUMNS.items())
