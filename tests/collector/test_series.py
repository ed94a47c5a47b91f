from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.protocol.names import DIMENSIONS, OVERFLOW
from llmmon_collector.series import FILTERED, SeriesKey, SeriesTable


def key(model: str = "m", provider: str = "p", route: str = "/") -> SeriesKey:
    return SeriesKey("bot", "production", "chat", provider, model, route)


keys = st.builds(key, *(st.sampled_from(["a", "b", "c", ""]) for _ in range(3)))


def is_model(model: str, key: SeriesKey) -> bool:
    return key.model == model


def test_code_0_is_the_overflow_series() -> None:
    table = SeriesTable(3)
    assert len(table) == 1
    assert set(table.keys[0]) == {OVERFLOW}
    assert table.code(table.keys[0]) == 0


def test_a_series_keeps_its_number() -> None:
    table = SeriesTable(3)
    codes = [table.code(key(model)) for model in "abab"]
    assert codes == [1, 2, 1, 2]
    assert table.keys[1:] == [key("a"), key("b")]


def test_newcomers_to_a_full_table_share_the_overflow_series_and_evict_nobody() -> None:
    table = SeriesTable(2)
    assert [table.code(key(model)) for model in "abcdca"] == [1, 2, 0, 0, 0, 1]
    assert len(table) == 3
    assert table.overflowed == 2


def test_a_flood_of_keys_takes_bounded_memory() -> None:
    table = SeriesTable(5)
    for i in range(1000):
        table.code(key(str(i)))
    assert len(table) == 6
    assert table.overflowed == 50


def test_one_agent_leaves_room_for_others() -> None:
    table = SeriesTable(100)
    flood = [table.code(key(f"flood-{i}"), b"loud") for i in range(1000)]
    assert sum(code > 0 for code in flood) == 51
    quiet = [table.code(key(f"quiet-{i}"), b"quiet") for i in range(20)]
    assert 0 not in quiet
    assert [table.code(key(f"quiet-{i}"), b"quiet") for i in range(20)] == quiet
    assert table.overflowed == 949


def test_agents_that_flood_one_after_the_other_never_fill_the_table() -> None:
    table = SeriesTable(100)
    for agent in range(5):
        for i in range(200):
            table.code(key(f"{agent}-{i}"), bytes([agent]))
    assert len(table) < 100
    assert table.code(key("late"), b"late") > 0


def test_an_agent_brings_at_most_its_share() -> None:
    table = SeriesTable(1000, max_an_agent=3)
    codes = [table.code(key(model), b"one") for model in "abcde"]
    assert codes == [1, 2, 3, 0, 0]
    assert table.code(key("a"), b"two") == 1
    assert table.code(key("d"), b"two") == 4
    assert table.code(key("d"), b"one") == 4
    assert table.overflowed == 1


def test_at_start_up_nobody_in_particular_brings_series() -> None:
    table = SeriesTable(10, max_an_agent=1)
    assert 0 not in [table.code(key(model)) for model in "abcdefghij"]
    assert table.code(key("k")) == 0


def test_by_nothing_all_are_one_group() -> None:
    table = SeriesTable(2)
    table.code(key("a"))
    grouping = table.group(())
    assert grouping.codes.tolist() == [0, 0]
    assert grouping.labels == ({},)


def test_by_nothing_and_none_left_there_is_still_the_whole() -> None:
    grouping = SeriesTable(2).group((), lambda key: False)
    assert grouping.codes.tolist() == [FILTERED]
    assert grouping.labels == ({},)


def test_a_filter_leaves_series_out() -> None:
    table = SeriesTable(3)
    for model in "abc":
        table.code(key(model))
    grouping = table.group(("model",), lambda key: key.model in {"a", "c"})
    assert grouping.codes.tolist() == [-1, 0, -1, 1]
    assert grouping.labels == ({"model": "a"}, {"model": "c"})


@given(st.lists(keys, max_size=20), st.lists(st.sampled_from(DIMENSIONS), unique=True))
def test_series_are_in_one_group_when_they_agree_in_its_dimensions(
    given_keys: list[SeriesKey], by: list[str]
) -> None:
    table = SeriesTable(50)
    for one in given_keys:
        table.code(one)
    grouping = table.group(tuple(by))
    assert len(grouping.codes) == len(table)
    for code, series in zip(grouping.codes.tolist(), table.keys, strict=True):
        assert grouping.labels[code] == {name: getattr(series, name) for name in by}
    assert len({tuple(label.items()) for label in grouping.labels}) == len(grouping.labels)


def test_a_grouping_takes_in_series_that_came_since() -> None:
    table = SeriesTable(3)
    first = table.group(("model",))
    assert table.group(("model",)) is first
    table.code(key("a"))
    assert table.group(("model",)).codes.tolist() == [0, 1]


def test_groupings_are_forgotten_on_request_and_when_there_are_too_many() -> None:
    table = SeriesTable(3)
    first = table.group(())
    for wanted in map(str, range(3000)):
        table.group((), partial(is_model, wanted))
    again = table.group(())
    assert again is not first
    table.forget_groupings()
    assert table.group(()) is not again


def test_what_is_no_dimension_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'colour' is no dimension: expected service, "):
        SeriesTable(1).group(("colour",))
