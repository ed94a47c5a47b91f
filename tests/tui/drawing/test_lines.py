from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.lines import fit_line, line_text, line_width, merge_cells

spans = st.lists(st.tuples(st.text(max_size=8), st.sampled_from(["plain", "muted"])), max_size=6)


@given(spans, st.integers(0, 40))
def test_fit_line_is_exact(line, width):
    assert line_width(fit_line(line, width)) == width


def test_fit_line_pads_and_cuts():
    assert line_text(fit_line([("ab", "plain"), ("cd", "muted")], 6)) == "abcd  "
    assert line_text(fit_line([("ab", "plain"), ("cdef", "muted")], 4)) == "abc…"


def test_blanks_take_the_ink_on_their_left():
    cells = [("a", "plain"), (" ", "muted"), ("b", "plain"), ("c", "ok")]
    assert merge_cells(cells) == (("a b", "plain"), ("c", "ok"))
    assert merge_cells([]) == ()


@given(st.lists(st.tuples(st.sampled_from("ab "), st.sampled_from(["plain", "ok"])), max_size=30))
def test_merging_keeps_the_text(cells):
    assert line_text(merge_cells(cells)) == "".join(char for char, _ in cells)
