"""Rows that are made when they are looked at."""

from llmmon_tui.drawing.rowlist import LazyRows, place_of
from llmmon_tui.drawing.table import Row

KEYS = [f"row-{number}" for number in range(1000)]


def rows(made):
    def build(place):
        made.append(place)
        return Row(KEYS[place], (str(place),))

    return LazyRows(KEYS, build)


def test_only_what_is_looked_at_is_made_and_only_once():
    made = []
    lazy = rows(made)
    assert len(lazy) == 1000
    assert [row.key for row in lazy[10:13]] == KEYS[10:13]
    assert lazy[10] is lazy[10]
    assert lazy[-1].key == "row-999"
    assert made == [10, 11, 12, 999]
    assert lazy.built == 4


def test_a_row_is_found_by_its_key_without_making_any():
    made = []
    assert place_of(rows(made), "row-700") == 700
    assert place_of(rows(made), "gone") is None
    assert made == []
    assert place_of([Row("a", ()), Row("b", ())], "b") == 1
    assert place_of([], "b") is None


def test_all_can_be_gone_through():
    lazy = rows([])
    assert [row.key for row in lazy] == KEYS
