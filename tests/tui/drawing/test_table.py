from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.drawing.table import Cell, Column, Row, header_line, lay_out, row_line, row_text
from llmmon_tui.severity import Severity

COLUMNS = [
    Column("model", "model", 10, flex=True),
    Column("err", "err%", 5, "right"),
    Column("trend", "trend", 8, min_width=100),
]


def test_columns_follow_the_width_and_the_flexible_one_grows():
    narrow = [(column.key, column.width) for _, column in lay_out(COLUMNS, 40).columns]
    wide = [column.key for _, column in lay_out(COLUMNS, 100).columns]
    assert narrow == [("model", 31), ("err", 5)]
    assert wide == ["model", "err", "trend"]


def test_columns_without_room_leave_from_the_right():
    assert [column.key for _, column in lay_out(COLUMNS, 20).columns] == ["model", "err"]
    assert [column.key for _, column in lay_out(COLUMNS, 5).columns] == ["model"]


def test_header_marks_the_sorted_column():
    layout = lay_out(COLUMNS, 30)
    assert line_text(header_line(layout, "err", True)) == "   model                 err%↓"
    assert line_text(header_line(layout, "err", False)).endswith("err%↑")
    assert "↓" not in line_text(header_line(layout, None, True))


def test_rows_mark_cursor_severity_and_breaching_cells():
    row = Row("a", ("gpt-4", Cell("7.2", Severity.CRITICAL)), Severity.CRITICAL)
    line = row_line(row, lay_out(COLUMNS, 24), is_cursor=True)
    assert line_text(line) == "▸✖ gpt-4            ✖7.2"
    assert (" ✖7.2", "critical") in line
    calm = row_line(Row("a", ("gpt-4", Cell("7.2"))), lay_out(COLUMNS, 24), is_cursor=False)
    assert line_text(calm) == "   gpt-4             7.2"


def test_muted_cells_and_missing_cells():
    layout = lay_out(COLUMNS, 24)
    assert ("  7.2", "muted") in row_line(Row("a", ("x", Cell("7.2", ink="muted"))), layout, False)
    assert line_text(row_line(Row("a", ()), layout, False)).strip() == ""


def test_a_name_and_what_stands_beside_it_share_a_cell():
    cell = Cell("meta-llama/Llama-2-7b-chat-hf", beside="together")
    line = row_line(Row("a", (cell,)), lay_out(COLUMNS, 40), is_cursor=False)
    assert line_text(line).strip() == "Llama-2-7b-chat-hf  together"
    assert row_text(Row("a", (cell, "7.2"))) == "meta-llama/Llama-2-7b-chat-hf  together  7.2"


def test_a_cell_can_take_the_whole_row():
    row = Row("a", (Cell("as long as it likes to be", ink="muted", spans=True), "7.2"))
    line = line_text(row_line(row, lay_out(COLUMNS, 40), is_cursor=False))
    assert line == "     as long as it likes to be".ljust(40)
    assert line_text(row_line(row, lay_out(COLUMNS, 20), is_cursor=False)) == "     as long as it …"


def test_column_under_the_mouse():
    layout = lay_out(COLUMNS, 24)
    assert layout.column_at(0) is None
    assert layout.column_at(3).key == "model"
    assert layout.column_at(20).key == "err"


@given(st.text(max_size=30), st.sampled_from(list(Severity)), st.integers(0, 60), st.booleans())
def test_lines_are_exact_for_any_text(text, severity, width, is_cursor):
    layout = lay_out(COLUMNS, width)
    row = Row("a", (text, Cell(text, severity), text), severity)
    assert line_width(row_line(row, layout, is_cursor)) == width
    assert line_width(header_line(layout, "err", is_cursor)) == width
