"""Whatever a column is given, what comes out fits its field."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.packing.cleaning import clean_column, ready_column
from llmmon.protocol.decoding import decode_table
from llmmon.protocol.event import SCHEMA, Field, Kind, Type
from llmmon.protocol.table import SMALL, encode_table

FIELDS = [field for fields in SCHEMA.values() for field in fields]
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=300),
    st.just("\udfff"),
    st.binary(max_size=4),
    st.dictionaries(st.text(max_size=80), st.one_of(st.none(), st.text(max_size=300)), max_size=20),
)


@given(st.sampled_from(FIELDS), st.lists(ANYTHING, min_size=1, max_size=40))
def test_a_cleaned_column_can_always_be_encoded_and_read(field: Field, values: list[Any]) -> None:
    clean = clean_column(field, values)
    packed = encode_table([field], len(values), {field.name: clean})
    table = decode_table({field.number: field}, packed)
    told = table.values(field.name)
    assert [value is None for value in told] == [value is None for value in clean]


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1))
def test_fine_values_come_back_as_they_are(values: list[int]) -> None:
    field = field_named(Kind.REQUEST, "input_tokens")
    assert clean_column(field, values) is values


def field_named(kind: Kind, name: str) -> Field:
    return next(field for field in SCHEMA[kind] if field.name == name)


@pytest.mark.parametrize(
    ("name", "given_", "kept"),
    [
        ("input_tokens", 12.0, 12),
        ("input_tokens", 12.5, None),
        ("input_tokens", -1, None),
        ("input_tokens", 2**32, None),
        ("input_tokens", "12", None),
        ("input_tokens", True, 1),
        ("latency_ms", math.nan, None),
        ("latency_ms", math.inf, None),
        ("latency_ms", -0.1, None),
        ("latency_ms", 0, 0),
        ("latency_ms", "fast", None),
        ("relevance", 1.5, None),
        ("relevance", 0.5, 0.5),
        ("user_id", 42, "42"),
        ("user_id", "x" * 500, "x" * 128),
        ("user_id", "a\ud800b", "a?b"),
        ("user_id", "", None),
        ("tags", {"a": 1, "b": None, 3: "c"}, {"a": "1", "3": "c"}),
        ("tags", ["a"], None),
    ],
)
def test_single_values(name: str, given_: Any, kept: Any) -> None:
    assert list(clean_column(field_named(Kind.REQUEST, name), [given_])) == [kept]


def test_tags_are_bounded() -> None:
    field = field_named(Kind.REQUEST, "tags")
    (tags,) = clean_column(field, [{f"key {n}" + "k" * 99: "v" * 999 for n in range(40)}])
    assert len(tags) == 16
    assert {len(key) for key in tags} == {64}
    assert {len(value) for value in tags.values()} == {256}


def test_every_number_type_has_bounds() -> None:
    assert {field.type for field in FIELDS} <= set(Type)


def test_an_empty_text_is_missing_whatever_stands_beside_it() -> None:
    field = field_named(Kind.REQUEST, "error")
    assert clean_column(field, ["", "TimeoutError"]) == [None, "TimeoutError"]
    assert clean_column(field, ["", ""]) == [None, None]


@given(st.sampled_from(FIELDS), st.lists(ANYTHING, min_size=SMALL, max_size=40))
def test_a_ready_column_reads_as_a_cleaned_one(field: Field, values: list[Any]) -> None:
    check_ready(field, values)


@given(st.data(), st.sampled_from(FIELDS))
def test_a_ready_column_of_like_values_reads_as_a_cleaned_one(
    data: st.DataObject, field: Field
) -> None:
    likely = st.one_of(
        st.lists(st.integers(0, 9), min_size=SMALL, max_size=40),
        st.lists(st.integers(-(2**64), 2**64), min_size=SMALL, max_size=40),
        st.lists(st.floats(), min_size=SMALL, max_size=40),
        st.lists(st.floats(0, 1), min_size=SMALL, max_size=40),
        st.lists(st.text(max_size=130), min_size=SMALL, max_size=40),
        st.lists(st.sampled_from([1, 1.0, True]), min_size=SMALL, max_size=40),
    )
    check_ready(field, data.draw(likely))


def check_ready(field: Field, values: list[Any]) -> None:
    ready = ready_column(field, values)
    if ready is None:
        return
    slow = clean_column(field, values)
    ready_table, slow_table = (
        decode_table(
            {field.number: field}, encode_table([field], len(values), {field.name: column})
        )
        for column in (ready, slow)
    )
    assert ready_table.values(field.name) == slow_table.values(field.name)
