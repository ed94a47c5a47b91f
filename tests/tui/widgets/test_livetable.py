import pytest
from textual.app import App

from llmmon_tui.widgets.livetable import Cell, Column, LiveTable, Row

COLUMNS = [
    Column("model", "model", 12, flex=True),
    Column("req", "req/s", 6, "right"),
    Column("err", "err%", 6, "right", min_width=60),
]


def rows(*keys, **changed):
    return [Row(key, (key, changed.get(key, "1.0"), "0.4")) for key in keys]


def many(count):
    return rows(*(f"r{index:03d}" for index in range(count)))


class Host(App):
    def __init__(self):
        super().__init__()
        self.heard = []

    def compose(self):
        yield LiveTable(COLUMNS, empty="no requests yet")

    @property
    def table(self):
        return self.query_one(LiveTable)

    def on_live_table_row_selected(self, event):
        self.heard.append(("selected", event.key))

    def on_live_table_row_highlighted(self, event):
        self.heard.append(("at", event.key))

    def on_live_table_header_selected(self, event):
        self.heard.append(("header", event.column))


@pytest.fixture
async def pilot():
    async with Host().run_test(size=(50, 11)) as pilot:
        yield pilot


def screen_text(pilot):
    table = pilot.app.table
    return [table.render_line(y).text for y in range(table.size.height)]


async def test_empty_state(pilot):
    assert "no requests yet" in screen_text(pilot)[1]
    assert pilot.app.table.cursor_key is None
    await pilot.press("down", "enter", "G")
    assert pilot.app.heard == []


async def test_cursor_stays_with_its_row_when_rows_move(pilot):
    table = pilot.app.table
    table.set_rows(rows("a", "b", "c", "d"))
    await pilot.press("down", "down")
    assert table.cursor_key == "c"
    table.set_rows(rows("d", "c", "b", "a"))
    await pilot.pause()
    assert table.cursor_key == "c"
    assert screen_text(pilot)[2].startswith("▸")
    assert "c" in screen_text(pilot)[2]
    await pilot.press("enter")
    assert pilot.app.heard[-1] == ("selected", "c")


async def test_an_untouched_cursor_can_rest_on_the_first_row():
    class Resting(Host):
        def compose(self):
            yield LiveTable(COLUMNS, rests=True)

    async with Resting().run_test(size=(50, 11)) as pilot:
        table = pilot.app.table
        table.set_rows(rows("a", "b"))
        table.set_rows(rows("b", "a"))
        assert table.cursor_key == "b"
        await pilot.press("j")
        table.set_rows(rows("a", "b"))
        assert table.cursor_key == "a"


async def test_a_removed_row_hands_the_cursor_to_the_nearest(pilot):
    table = pilot.app.table
    table.set_rows(rows("a", "b", "c", "d"))
    await pilot.press("j", "j")
    table.set_rows(rows("a", "b", "d"))
    assert table.cursor_key == "d"
    table.set_rows(rows("a"))
    assert table.cursor_key == "a"
    table.set_rows([])
    assert table.cursor_key is None
    await pilot.pause()
    assert pilot.app.heard[-3:] == [("at", "d"), ("at", "a"), ("at", None)]


async def test_keys_move_the_cursor_and_the_view(pilot):
    table = pilot.app.table
    table.set_rows(many(100))
    await pilot.press("G")
    assert table.cursor_key == "r099"
    assert "r099" in screen_text(pilot)[-1]
    await pilot.press("k", "up")
    assert table.cursor_key == "r097"
    await pilot.press("pageup")
    assert table.cursor_key == "r088"
    await pilot.press("home")
    assert table.cursor_key == "r000"
    assert "r000" in screen_text(pilot)[1]
    await pilot.press("pagedown", "j", "down", "up")
    assert table.cursor_key == "r010"


async def test_the_view_follows_a_moved_cursor_but_not_an_untouched_one(pilot):
    table = pilot.app.table
    table.set_rows(many(100))
    sunk = [*many(100)[1:], many(100)[0]]
    table.set_rows(sunk)
    await pilot.pause()
    assert table.cursor_key == "r000"
    assert table.scroll_offset.y == 0
    table.set_rows(many(100))
    await pilot.press("j", "k")
    table.set_rows(sunk)
    await pilot.pause()
    assert "r000" in screen_text(pilot)[-1]


async def test_mouse(pilot):
    table = pilot.app.table
    table.set_rows(rows("a", "b", "c"))
    await pilot.pause()
    await pilot.click(LiveTable, offset=(10, 2))
    assert table.cursor_key == "b"
    await pilot.click(LiveTable, offset=(10, 3), times=2)
    assert pilot.app.heard[-1] == ("selected", "c")
    await pilot.click(LiveTable, offset=(47, 0))
    assert pilot.app.heard[-1] == ("header", "req")
    before = list(pilot.app.heard)
    await pilot.click(LiveTable, offset=(10, 8))
    assert pilot.app.heard == before


async def test_only_changed_lines_are_drawn(pilot):
    table = pilot.app.table
    table.set_rows(many(100))
    await pilot.pause()
    drawn = table.lines_drawn
    table.set_rows(many(100))
    await pilot.pause()
    assert table.lines_drawn == drawn
    changed = many(100)
    changed[3] = Row("r003", ("r003", "9.9", "0.4"))
    changed[50] = Row("r050", ("r050", "9.9", "0.4"))
    table.set_rows(changed)
    await pilot.pause()
    assert table.lines_drawn == drawn + 1


async def test_moving_the_cursor_draws_two_lines(pilot):
    table = pilot.app.table
    table.set_rows(many(100))
    await pilot.pause()
    drawn = table.lines_drawn
    await pilot.press("down")
    await pilot.pause()
    assert table.lines_drawn == drawn + 2


async def test_sort_mark_and_jump(pilot):
    table = pilot.app.table
    table.set_rows(many(100))
    table.set_sort("req", descending=False)
    assert "req/s↑" in screen_text(pilot)[0]
    assert table.move_cursor_to("r077")
    assert not table.move_cursor_to("gone")
    assert table.cursor_key == "r077"
    assert any("r077" in line for line in screen_text(pilot))


async def test_columns_leave_when_the_screen_is_narrow(pilot):
    table = pilot.app.table
    table.set_rows(rows("a"))
    assert "err%" not in screen_text(pilot)[0]
    await pilot.resize_terminal(80, 11)
    await pilot.pause()
    assert "err%" in screen_text(pilot)[0]
    table.set_columns(COLUMNS[:1])
    assert "req/s" not in screen_text(pilot)[0]


async def test_foreign_text_cannot_reach_the_terminal(pilot):
    pilot.app.table.set_rows([Row("a", ("\x1b[31mred[bold]\x07", Cell("模\u202e型"), ""))])
    await pilot.pause()
    line = screen_text(pilot)[1]
    assert "red[bold]" in line
    assert line.isprintable()
