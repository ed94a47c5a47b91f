"""Hypothesis strategies for events, columns and batches."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st

from llmmon.protocol.event import SCHEMA, SERIES_FIELDS, Field, Kind, Type
from llmmon.protocol.wire import encode_series


def text(max_size: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size)


_NUMBERS = {
    Type.F32: st.floats(width=32, allow_nan=False),
    Type.F64: st.floats(allow_nan=False),
    Type.U8: st.integers(0, 2**8 - 1),
    Type.U32: st.integers(0, 2**32 - 1),
    Type.U64: st.integers(0, 2**64 - 1),
    Type.I64: st.integers(-(2**63), 2**63 - 1),
}


def value(field: Field) -> st.SearchStrategy[Any]:
    if field.type is Type.STR:
        return text(min(field.max_chars, 12))
    if field.type is Type.TAGS:
        return st.dictionaries(text(8), text(8), max_size=3)
    return _NUMBERS[field.type]


@st.composite
def column(draw: st.DrawFn, field: Field, events: int) -> list[Any]:
    """Every density of values: none, few, some, all, all the same; numbers far apart and near."""
    shape = draw(st.sampled_from(["few", "some", "all", "same", "near"]))
    if shape == "near" and field.type in (Type.U32, Type.U64, Type.I64):
        base, span = draw(st.integers(0, 2**31)), draw(st.sampled_from([1, 255, 256, 2**16]))
        ends = [base, base + span]
        return [ends[i % 2] for i in range(events)]
    if shape == "same":
        return [draw(value(field))] * events
    values = [draw(value(field)) for _ in range(min(events, 5))]
    pick = draw(st.randoms(use_true_random=False))
    share = {"few": 0.05, "some": 0.5}.get(shape, 1.0)
    return [pick.choice(values) if pick.random() < share else None for _ in range(events)]


@st.composite
def columns(draw: st.DrawFn, kind: Kind, events: int) -> dict[str, list[Any]]:
    chosen = draw(st.lists(st.sampled_from(SCHEMA[kind]), unique=True, max_size=6))
    return {field.name: draw(column(field, events)) for field in chosen}


@st.composite
def tables(draw: st.DrawFn) -> dict[Kind, tuple[int, dict[str, list[Any]]]]:
    kinds = draw(st.lists(st.sampled_from(Kind), unique=True, max_size=3))
    made = {}
    for kind in kinds:
        events = draw(st.sampled_from([1, 2, 31, 32, 33, 70]))
        made[kind] = (events, draw(columns(kind, events)))
    return made


series_keys = st.lists(
    st.tuples(*[st.none() | text(10) for _ in SERIES_FIELDS]).map(encode_series), max_size=4
)
losses = st.dictionaries(text(10), st.integers(0, 2**48), max_size=3)


def as_f32(number: float) -> float:
    return struct.unpack("<f", struct.pack("<f", number))[0]
