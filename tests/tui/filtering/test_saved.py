import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import GROUPINGS
from llmmon_tui.filtering.saved import SavedView, add, find, from_plain, remove, rename, to_plain

SLOW = SavedView("slow", "took>2s", "route", 3600, "p95", "requests")
MINE = SavedView("mine")

line = st.text(st.characters(categories=["L", "N", "P"]), max_size=40)
view = st.builds(
    SavedView,
    name=line.filter(bool),
    filter=line,
    by=st.sampled_from(GROUPINGS),
    window_s=st.integers(1, 10**6),
    sort=st.none() | line,
    screen=line,
)


def test_add_find_rename_and_remove():
    views = add(add((), SLOW), MINE)
    assert find(views, "SLOW") is SLOW
    assert find(views, "other") is None
    renamed = rename(views, "slow", "Slow ones")
    assert [one.name for one in renamed] == ["Slow ones", "mine"]
    assert renamed[0].filter == "took>2s"
    assert [one.name for one in rename(views, "mine", "MINE")] == ["slow", "MINE"]
    assert remove(views, "slow") == (MINE,)


def test_a_namesake_is_only_overwritten_when_asked():
    views = (SLOW, MINE)
    newer = SavedView("Slow", "took>3s")
    with pytest.raises(SchemaError, match="already one named 'slow'"):
        add(views, newer)
    assert add(views, newer, overwrite=True) == (newer, MINE)
    with pytest.raises(SchemaError, match="already one named"):
        rename(views, "mine", "slow")


def test_one_that_is_not_there():
    with pytest.raises(SchemaError, match="none is named 'x'; there are: slow"):
        remove((SLOW,), "x")
    with pytest.raises(SchemaError, match="none is saved"):
        rename((), "x", "y")


@given(st.lists(view, max_size=5, unique_by=lambda one: one.name.casefold()))
def test_there_and_back(views):
    assert from_plain(to_plain(views)) == tuple(views)


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        ({}, "views: expected a list of views, not dict {}"),
        (["x"], r"views\[0\]: expected a table of name, filter, .*, not str 'x'"),
        ([{"filter": "x"}], r"views\[0\]\.name: missing"),
        ([{"name": "a", "colour": 1}], r"views\[0\]\.colour: unknown field; the fields are name"),
        ([{"name": " "}], r"views\[0\]\.name: expected a name"),
        ([{"name": 3}], r"views\[0\]\.name: expected a text, not int 3"),
        ([{"name": "a\nb"}], r"name: expected one line"),
        ([{"name": "a" * 41}], "name: 41 characters are too many; at most 40"),
        ([{"name": "a", "filter": None}], "filter: expected a text, not NoneType None"),
        ([{"name": "a", "by": "colour"}], "by: 'colour' is not one of model, operation"),
        ([{"name": "a", "by": []}], r"by: \[\] is not one of"),
        ([{"name": "a", "window_s": True}], "window_s: expected whole seconds above 0, not True"),
        ([{"name": "a", "window_s": 0}], "window_s: expected whole seconds"),
        ([{"name": "a", "sort": 1}], "sort: expected a text"),
        ([{"name": "a", "screen": 1}], "screen: expected a text"),
        ([{"name": "a"}, {"name": "A"}], r"views\[1\]\.name: 'A' is there twice"),
    ],
)
def test_what_is_wrong_is_named(plain, told):
    with pytest.raises(SchemaError, match=told):
        from_plain(plain)
