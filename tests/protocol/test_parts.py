"""Parts: what is packed comes back, what is added up is the whole, and nonsense is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.errors import SchemaError, VersionError
from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.merging import NOTHING, derive, merge_groups, merge_parts, quality_buckets
from llmmon.protocol.names import METRICS
from llmmon.protocol.parts import (
    VERSION,
    PartsHead,
    decode_history,
    decode_parts,
    encode_history,
    encode_parts,
)
from llmmon.protocol.parttable import COUNTS, SKETCHES, Part, PartTable, read_rows
from llmmon.protocol.sketch import (
    BINS,
    RELATIVE_ERROR,
    SMALLEST_MS,
    Sketch,
    merge_sketches,
    sketch_quantiles,
)

BIN_COUNTS = st.dictionaries(st.integers(0, BINS - 1), st.integers(1, 2**40), max_size=8)
MOST = (0, 1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**60)
NUMBERS = st.sampled_from(MOST) | st.integers(0, 2**50)


def sketch(counts: dict[int, int]) -> Sketch:
    bins = sorted(counts)
    return Sketch(tuple(bins), tuple(counts[at] for at in bins))


SKETCHES_OF_ALL = st.builds(sketch, BIN_COUNTS)
PARTS = st.builds(
    Part,
    st.tuples(*[NUMBERS] * len(COUNTS)),
    st.tuples(*[SKETCHES_OF_ALL] * len(SKETCHES)),
)


def plain(part: Part) -> tuple[Any, ...]:
    """A part whatever sequences its sketches are."""
    return tuple(part.counts), tuple((*s.bins, *s.counts) for s in part.sketches)


def head(**changes: Any) -> PartsHead:
    fields: dict[str, Any] = {
        "seq": 7,
        "at_ns": 10**18,
        "started_ns": 10**17,
        "by": "model",
        "window_s": 300,
        "windows": ((60, False), (300, True)),
        "labels": {"provider": ["openai", ""], "model": ["gpt-4o", "m"]},
        "open_requests": 3,
        "stalled_requests": 1,
    }
    return PartsHead(**(fields | changes))


@given(st.lists(PARTS, max_size=6))
def test_rows_come_back_as_they_were(rows: list[Part]) -> None:
    table = PartTable.of(rows).plain()
    read = read_rows(unpack(pack(table)))
    assert [plain(row) for row in read] == [plain(row) for row in rows]


@given(st.lists(PARTS, min_size=5, max_size=5))
def test_parts_are_told_by_window_and_group(rows: list[Part]) -> None:
    parts = decode_parts(encode_parts(head(), PartTable.of(rows)))
    assert parts.head == head()
    (minute, none), (five, before) = parts.wholes().values()
    assert none is None
    assert before is not None
    assert [plain(part) for part in (minute, five, before)] == [plain(row) for row in rows[:3]]
    assert [labels for labels, _ in parts.groups()] == [
        {"provider": "openai", "model": "gpt-4o"},
        {"provider": "", "model": "m"},
    ]
    assert [plain(part) for _, part in parts.groups()] == [plain(row) for row in rows[3:]]


@given(PARTS, PARTS, PARTS)
def test_the_order_of_merging_does_not_matter(a: Part, b: Part, c: Part) -> None:
    together = plain(merge_parts([a, b, c]))
    assert plain(merge_parts([merge_parts([c, b]), a])) == together
    assert plain(merge_parts([a, merge_parts([NOTHING, b, c])])) == together
    assert plain(merge_parts([a])) == plain(a)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=60))
def test_sketches_of_a_split_stream_are_those_of_the_whole(stream: list[tuple[int, int]]) -> None:
    whole = sketch(Counter(at for at, _ in stream))
    shares = [sketch(Counter(at for at, of in stream if of == part)) for part in range(3)]
    merged = merge_sketches(shares)
    assert (tuple(merged.bins), tuple(merged.counts)) == whole
    qs = (0.0, 0.5, 0.95, 1.0)
    assert sketch_quantiles(merged, qs) == sketch_quantiles(whole, qs)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_stands_for_the_value_of_its_rank(bins: list[int], q: float) -> None:
    (told,) = sketch_quantiles(sketch(Counter(bins)), (q,))
    gamma = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
    at = sorted(bins)[floor(q * (len(bins) - 1))]
    assert told is not None
    assert SMALLEST_MS * gamma ** (at - 1) < told < SMALLEST_MS * gamma**at


def test_nothing_is_no_value_and_no_requests_are_none() -> None:
    told = derive(NOTHING, 60)
    assert told.keys() == METRICS.keys() - {"open_requests", "stalled_requests"}
    assert (told["requests"], told["cost_usd"], told["output_tokens"]) == (0, 0.0, 0)
    assert told["latency_p95"] is told["error_rate"] is told["quality_score_mean"] is None
    assert quality_buckets(NOTHING) == (0, 0, 0, 0, 0)


def test_what_no_request_told_is_missing_and_what_one_told_is_not() -> None:
    untold = NOTHING._replace(
        counts=tuple(2 if n in {"requests", "unpriced"} else 0 for n in COUNTS)
    )
    told = NOTHING._replace(
        counts=tuple({"requests": 1, "output_n": 1, "output": 30}.get(n, 0) for n in COUNTS)
    )
    assert derive(untold, 60)["output_tokens"] is derive(untold, 60)["cost_usd"] is None
    assert derive(merge_parts([untold, told]), 60)["output_tokens"] == 30
    assert derive(merge_parts([untold, told]), 60)["tokens_per_second"] == 0.5


def test_groups_of_the_same_labels_are_one() -> None:
    one, two = {"model": "a"}, {"model": "b"}
    part = NOTHING._replace(counts=(1, *NOTHING.counts[1:]))
    merged = merge_groups([(one, part), (two, part), (dict(one), part)])
    assert [(labels, part.counts[0]) for labels, part in merged] == [(one, 2), (two, 1)]


def test_a_history_comes_back_as_it_was() -> None:
    payload = encode_history(60, 5, [0.0, 2.5], PartTable.of([NOTHING, NOTHING]))
    told = decode_history(payload)
    assert (told.start_ns, told.step_ns, told.seconds, len(told.rows)) == (60, 5, (0.0, 2.5), 2)


@pytest.mark.parametrize("decode", [decode_parts, decode_history])
def test_another_version_is_said_so(decode: Callable[[bytes], Any]) -> None:
    with pytest.raises(VersionError):
        decode(pack([VERSION + 1, 1, 2]))


def broken(place: int, value: Any) -> bytes:
    fields = unpack(encode_parts(head(), PartTable.of([NOTHING] * 5)))
    fields[place] = value
    return pack(fields)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (1, "seq"),
        (6, [[60]]),
        (6, [[0, True]]),
        (6, [[60, False]] * 65),
        (6, [[60, True]] * 3),
        (7, {}),
        (7, {"model": ["a"]}),
        (7, {"model": [1, 2]}),
        (10, []),
        (10, [5, {"requests": b"123"}, {}]),
        (10, [5, {"requests": b"1" * 15}, {}]),
        (10, [5, {"requests": 5}, {}]),
        (10, [-1, {}, {}]),
        (10, [5, {}, {"latency": [b"", b"", b""]}]),
        (10, [5, {}, {"latency": [b"\2" + b"\0" * 9, b"\1\0\2\0", b""]}]),
        (10, [5, {}, {"latency": [b"\2" + b"\0" * 9, b"\2\0\2\0", b"\1\1"]}]),
        (10, [5, {}, {"latency": [b"\2" + b"\0" * 9, b"\2\0\0\4", b"\1\1"]}]),
        (10, [5, {}, {"latency": [b"\3" + b"\0" * 9, b"\2\0\3\0", b"\1\1"]}]),
    ],
)
def test_nonsense_is_refused(place: int, value: Any) -> None:
    with pytest.raises(SchemaError):
        decode_parts(broken(place, value))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(payload: bytes) -> None:
    for decode in (decode_parts, decode_history):
        with pytest.raises((SchemaError, VersionError)):
            decode(payload)
