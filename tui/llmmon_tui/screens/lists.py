"""Tables of what comes in: the cursor on top follows the newest, any other stays with its row."""

from __future__ import annotations

from collections.abc import Sequence

from llmmon_tui.drawing.rowlist import LazyRows
from llmmon_tui.drawing.table import Row
from llmmon_tui.widgets.livetable import LiveTable


def show_rows(table: LiveTable, rows: Sequence[Row]) -> None:
    """Show rows; a cursor on the first row stays on the first, so that what comes is seen."""
    before = table.rows
    is_at_top = not before or table.cursor_key == before[0].key
    table.set_rows(rows)
    if is_at_top and rows and table.cursor_key != rows[0].key:
        table.action_first()


def keys_of(table: LiveTable) -> list[str]:
    """The keys of all rows, none of which this makes."""
    rows = table.rows
    return list(rows.keys) if isinstance(rows, LazyRows) else [row.key for row in rows]


def begin_anew(table: LiveTable) -> None:
    """It is to be another list: the cursor waits for it at the top."""
    table.set_rows(())
