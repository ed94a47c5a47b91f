from dataclasses import replace

import pytest

from llmmon.protocol.snapshot import GROUPINGS
from llmmon_tui.view import View, nearest_window, next_grouping, next_sort, step_window

WINDOWS = (60, 300, 3600, 86400)


def test_windows_step_and_stay_at_the_ends():
    view = View(window_s=300)
    assert step_window(view, WINDOWS, 1).window_s == 3600
    assert step_window(view, WINDOWS, -1).window_s == 60
    assert step_window(View(window_s=60), WINDOWS, -1).window_s == 60
    assert step_window(View(window_s=86400), WINDOWS, 1).window_s == 86400


def test_windows_wrap_when_asked_to():
    assert step_window(View(window_s=86400), WINDOWS, 1, wrap=True).window_s == 60


@pytest.mark.parametrize(("wanted", "kept"), [(300, 300), (900, 300), (50_000, 86400)])
def test_a_window_that_is_not_kept_gives_the_nearest(wanted, kept):
    assert nearest_window(WINDOWS, wanted) == kept
    assert nearest_window((), wanted) == wanted


def test_groupings_go_around_and_end_a_narrowing():
    view = View(where={"model": "gpt-4o"})
    seen = []
    for _ in GROUPINGS:
        view = next_grouping(view)
        seen.append(view.by)
        assert view.where == {}
    assert sorted(seen) == sorted(GROUPINGS)
    assert seen[-1] == "model"


def test_sorting_goes_through_the_columns_and_back_to_automatic():
    view, seen = View(descending=False), []
    for _ in range(4):
        view = next_sort(view, ("a", "b", "c"), view.sort or "b")
        seen.append(view.sort)
        assert view.descending
    assert seen == ["a", "b", "c", None]
    assert next_sort(replace(view, sort="gone"), ("a", "b"), "b").sort is None
