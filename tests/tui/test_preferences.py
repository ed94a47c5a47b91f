from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.filtering.saved import SavedView
from llmmon_tui.preferences import (
    FILTERS_KEPT,
    Preferences,
    merge,
    option_defaults,
    read_preferences,
    remember_filter,
)

THEMES = ("dark", "light")
SLOW = SavedView("slow", "took>3s", screen="requests")
DEAR = SavedView("dear", "cost>1", by="route", window_s=3600)
PREFERENCES = st.builds(
    Preferences,
    theme=st.sampled_from([None, *THEMES]),
    window_s=st.sampled_from([None, 60, 300]),
    by=st.sampled_from([None, "model", "route"]),
    utc=st.sampled_from([None, True, False]),
    compare=st.sampled_from([None, True, False]),
    bell=st.sampled_from([None, True, False]),
    filters=st.lists(st.sampled_from("abcd"), unique=True).map(tuple),
    views=st.lists(st.sampled_from([SLOW, DEAR]), unique=True).map(tuple),
)


def read(document):
    return read_preferences(document, THEMES)


def test_an_empty_object():
    assert read({}) == (Preferences(), ())


@given(PREFERENCES)
def test_what_is_written_is_read(preferences):
    document = merge({}, Preferences(), preferences)
    assert read(document) == (preferences, ())


@given(PREFERENCES, PREFERENCES)
def test_nothing_changed_writes_nothing(stored, mine):
    document = merge({}, Preferences(), stored)
    assert merge(document, mine, mine) == document


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        ({"theme": "pink"}, ("theme",), "theme: expected one of dark, light, not 'pink'"),
        ({"theme": ["dark"]}, ("theme",), "theme: expected one of"),
        ({"window_s": True}, ("window_s",), "window_s: expected whole seconds above 0, not True"),
        ({"window_s": 0}, ("window_s",), "window_s: expected whole seconds"),
        ({"by": "colour"}, ("by",), "by: expected one of model, operation"),
        ({"bell": "yes"}, ("bell",), "bell: expected true or false, not 'yes'"),
        ({"filters": [1]}, ("filters",), "filters: expected a list of texts"),
        ({"views": {}}, ("views",), "views: expected a list of views, not {}"),
        ({"views": [{"name": "a"}, {"name": "b", "by": "x"}]}, ("views", 1), "views[1].by: 'x'"),
        ({"views": [{"name": "a"}, {"name": "A"}]}, ("views", 1), "views[1].name: 'A' is there"),
        ({"views": [{"name": "a"}, 7]}, ("views", 1), "views[1]: expected"),
    ],
)
def test_a_wrong_member_counts_as_not_chosen(document, path, reason):
    preferences, (fault,) = read({"utc": True, **document})
    assert fault.path == path
    assert fault.reason.startswith(reason)
    assert preferences.utc is True
    assert [view.name for view in preferences.views] == (["a"] if path[-1] == 1 else [])


def test_only_the_change_is_merged():
    before = Preferences(theme="dark", by="model")
    stored = {"theme": "light", "by": "route", "future": {"x": 1}, "window_s": "broken"}
    merged = merge(stored, before, replace(before, by="service", utc=False))
    assert merged == {**stored, "by": "service", "utc": False}


def test_a_choice_taken_back_leaves():
    assert merge({"theme": "dark"}, Preferences(theme="dark"), Preferences()) == {}


def test_views_of_two_screens():
    mine_before = Preferences(views=(SLOW,))
    stored = merge({}, Preferences(), Preferences(views=(SLOW, DEAR)))
    faster = replace(SLOW, filter="took>5s")
    own = SavedView("own")
    merged = merge(stored, mine_before, Preferences(views=(faster, own)))
    assert read(merged)[0].views == (faster, DEAR, own)
    assert read(merge(merged, Preferences(views=(faster, own)), Preferences(views=(own,))))[
        0
    ].views == (DEAR, own)


def test_views_that_cannot_be_used_stay():
    stored = {"views": [{"name": "later", "colour": "red"}, 7]}
    merged = merge(stored, Preferences(), Preferences(views=(SLOW,)))
    assert merged["views"][:2] == stored["views"]
    assert merged["views"][2]["name"] == "slow"


def test_filters_of_two_screens():
    merged = merge({"filters": ["b", "a"]}, Preferences(), Preferences(filters=("c", "a")))
    assert merged["filters"] == ["c", "a", "b"]


def test_forgotten_filters_are_gone():
    assert merge({"filters": ["a"]}, Preferences(filters=("a",)), Preferences())["filters"] == []


def test_the_newest_filters_are_kept():
    preferences = Preferences()
    for number in range(FILTERS_KEPT + 5):
        preferences = remember_filter(preferences, f" {number} ")
    preferences = remember_filter(preferences, "30")
    assert len(preferences.filters) == FILTERS_KEPT
    assert preferences.filters[:2] == ("30", str(FILTERS_KEPT + 4))
    assert remember_filter(preferences, "  ") == preferences


def test_defaults_of_the_command_line():
    assert option_defaults(Preferences()) == {}
    told = option_defaults(Preferences(theme="light", window_s=3600, utc=True, bell=False))
    assert told == {"theme": "light", "window_s": "3600s", "bell": False}
