"""Groups arrive as they were told, however they are packed; wrong ones are refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.errors import SchemaError
from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.groups import MAX_GROUPS, Group, Groups

METRICS = st.fixed_dictionaries(
    {
        "requests": st.integers(0, 2**53),
        "latency_p95": st.none() | st.floats(0, 1e9),
        "input_tokens": st.none() | st.integers(0, 2**53),
        "cost_usd": st.none() | st.floats(0, 1e9, width=32),
        "ttft_p95": st.none(),
    }
)
LABELS = st.fixed_dictionaries({"provider": st.text(max_size=9), "model": st.text(max_size=9)})
GROUP = st.builds(Group, LABELS, METRICS)


def travelled(groups: Groups) -> Groups:
    return Groups.from_plain(unpack(pack(groups.plain())))


@given(groups=st.lists(GROUP, max_size=9))
def test_groups_arrive_as_they_were_told(groups: list[Group]) -> None:
    told = Groups.of(groups)
    assert Groups.of(told) is told
    arrived = travelled(told)
    assert list(arrived) == groups
    assert arrived == groups
    assert arrived == told
    assert len(arrived) == len(groups)
    for i, group in enumerate(groups):
        assert arrived[i] == group
        types = {name: type(value) for name, value in group.metrics.items()}
        assert {name: type(value) for name, value in arrived[i].metrics.items()} == types
    assert arrived[1:] == tuple(groups[1:])


def test_columns_of_either_width_and_of_nothing_are_read() -> None:
    packed = {
        "requests": struct.pack("<2f", 1, 2),
        "error_rate": struct.pack("<2d", 0.1, float("nan")),
        "ttft_p95": b"",
    }
    first, second = travelled(Groups(2, {"model": ["a", "b"]}, packed))
    assert first == Group({"model": "a"}, {"requests": 1, "error_rate": 0.1, "ttft_p95": None})
    assert second == Group({"model": "b"}, {"requests": 2, "error_rate": None, "ttft_p95": None})


def test_groups_without_labels_or_metrics_are_still_so_many() -> None:
    assert list(Groups(2, {}, {"requests": struct.pack("<2f", 3, 4)})) == [
        Group({}, {"requests": 3}),
        Group({}, {"requests": 4}),
    ]
    assert list(Groups(1, {"model": ["a"]}, {})) == [Group({"model": "a"}, {})]
    assert Groups(1, {"model": ["a"]}, {}) != [Group({"model": "b"}, {})]
    assert Groups(0, {}, {}) != 0


def test_an_integer_that_is_none_is_no_value() -> None:
    [group] = Groups(1, {}, {"requests": struct.pack("<d", float("inf"))})
    assert group.metrics == {"requests": None}


@pytest.mark.parametrize(
    "plain",
    [
        None,
        [],
        [1, {}],
        [-1, {}, {}],
        [MAX_GROUPS + 1, {}, {}],
        [1, {"model": ["a", "b"]}, {}],
        [1, {"model": [1]}, {}],
        [1, {"model": "a"}, {}],
        [1, {1: ["a"]}, {}],
        [1, {}, {"requests": b"123"}],
        [2, {}, {"requests": b"1234"}],
        [1, {}, {"requests": [1.0]}],
        [1, {}, {7: b""}],
        [0, {f"l{i}": [] for i in range(300)}, {}],
        [0, {}, {f"m{i}": b"" for i in range(300)}],
    ],
)
def test_any_other_shape_is_refused(plain: Any) -> None:
    with pytest.raises(SchemaError, match="groups: "):
        Groups.from_plain(plain)
