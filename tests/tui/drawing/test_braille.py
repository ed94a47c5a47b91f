import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.braille import MARKERS, Canvas

markers = st.sampled_from(sorted(MARKERS))


def test_a_braille_line_joins_its_dots():
    canvas = Canvas(2, 1, "braille")
    canvas.line([3, 0, 3, 3], "series-1")
    assert canvas.text() == ["⡸⣆"]


def test_a_gap_is_not_bridged():
    canvas = Canvas(4, 1, "braille")
    canvas.line([3, 3, None, None, None, None, 3, 3], "series-1")
    assert canvas.text() == ["⣀  ⣀"]


def test_blocks_and_ascii():
    block = Canvas(2, 1, "block")
    block.line([1, 1, 0, 0], "series-1")
    assert block.text() == ["▄▀"]
    plain = Canvas(3, 1, "ascii")
    plain.line([1, None, 0], "series-1")
    assert plain.text() == [". '"]


def test_an_area_is_filled_to_the_bottom():
    canvas = Canvas(2, 2, "braille")
    canvas.area([4, 4, 0, None], "series-1")
    assert canvas.text() == [" ⡇", "⣿⡇"]


def test_the_last_ink_colours_the_cell():
    canvas = Canvas(1, 1, "braille")
    canvas.line([0, 0], "series-1")
    canvas.line([3, 3], "critical")
    assert canvas.cells(0) == [("⣉", "critical")]


@given(markers, st.integers(0, 20), st.integers(0, 6), st.data())
def test_any_heights_stay_inside_the_canvas(marker, width, height, data):
    canvas = Canvas(width, height, marker)
    heights = data.draw(st.lists(st.none() | st.integers(-50, 50), max_size=60))
    canvas.line(heights, "series-1")
    canvas.area(heights, "series-2")
    rows = canvas.text()
    assert len(rows) == height
    assert all(len(row) == width for row in rows)


@pytest.mark.parametrize("marker", sorted(MARKERS))
def test_every_mask_has_a_glyph(marker):
    one = MARKERS[marker]
    assert len(set(one.glyphs)) == 2 ** (one.dot_columns * one.dot_rows)
