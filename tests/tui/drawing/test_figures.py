"""Figures in columns."""

import pytest

from llmmon_tui.drawing.figures import Figure, draw_figures
from llmmon_tui.drawing.lines import line_text, line_width

TEN = [Figure(f"title {n}", f"${n}.00", "from 00:00") for n in range(10)]


@pytest.mark.parametrize(
    ("width", "rows", "shown"), [(200, 2, 10), (160, 2, 10), (100, 4, 10), (80, 4, 8), (40, 6, 6)]
)
def test_the_first_figures_stay_where_there_is_little_room(width, rows, shown):
    lines = draw_figures(TEN, width)
    assert len(lines) == rows
    assert {line_width(line) for line in lines} == {width}
    text = "\n".join(map(line_text, lines))
    assert [n for n in range(10) if f"title {n}" in text] == list(range(shown))


def test_values_end_in_one_column():
    lines = [line_text(line) for line in draw_figures([*TEN[:1], Figure("b", "$1")], 30)]
    assert lines[0][:19].endswith("$0.00")
    assert lines[1][:19].endswith("$1")


def test_no_figures():
    assert draw_figures([], 80) == []
