"""The compact notation of series, as promtool's documentation has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.tools.notation import MAX_VALUES, expand


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("-2+4x3", (-2, 2, 6, 10)),
        ("1-2x4", (1, -1, -3, -5, -7)),
        ("1x4", (1, 1, 1, 1, 1)),
        ("1 _x3 5-5x2", (1, None, None, None, 5, 0, -5)),
        ("  7\n_ 8 ", (7, None, 8)),
        ("0.25+0.25x2", (0.25, 0.5, 0.75)),
        ("1e3 1e-1x1", (1000, 0.1, 0.1)),
        ("5x0", (5,)),
        ("_x0", ()),
        ("", ()),
    ],
)
def test_a_text_stands_for_values(text: str, values: tuple[float | None, ...]) -> None:
    assert expand(text) == values


@pytest.mark.parametrize("text", ["five", "1+2", "1x", "x3", "1 +2x3", "__", "1,2", "nan", "--1"])
def test_what_is_not_in_the_notation_is_told_with_the_notation(text: str) -> None:
    with pytest.raises(ValueError, match="write 5, 5x3"):
        expand(text)


def test_no_text_makes_more_values_than_a_test_can_want() -> None:
    assert len(expand(f"1x{MAX_VALUES - 1}")) == MAX_VALUES
    for text in (f"1x{MAX_VALUES}", "_x999999999999", f"1 1x{MAX_VALUES - 1}"):
        with pytest.raises(ValueError, match="more than 100,000 values"):
            expand(text)


@given(st.lists(st.none() | st.integers(-1000, 1000), max_size=50))
def test_values_one_by_one_are_themselves(values: list[int | None]) -> None:
    text = " ".join("_" if value is None else str(value) for value in values)
    assert expand(text) == tuple(values)
