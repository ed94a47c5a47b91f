"""What ``good`` means: the same to columns in memory and to the store's SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.batches import START_NS, body, committed, series
from support.objectives import requests

from llmmon_collector.journal import Cursor
from llmmon_collector.objectives.good import FIELDS, parse_good
from llmmon_collector.objectives.sql import good_sql, where_sql
from llmmon_collector.objectives.verdict import compile_good
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.requests import RequestDecoder
from llmmon_collector.rules.filter import compile_where
from llmmon_collector.rules.grammar import ExpressionError
from llmmon_collector.series import SeriesKey, SeriesTable
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.schema import select

GOOD, BAD, NONE = "good", "bad", "no event"


def judged(text: str, **fields: Any) -> str:
    verdict = compile_good(parse_good(text))(requests([fields], SeriesTable(10)))
    assert not (verdict.good & verdict.bad).any()
    return GOOD if verdict.good[0] else BAD if verdict.bad[0] else NONE


@pytest.mark.parametrize(
    ("text", "fields", "outcome"),
    [
        ("error is None", {}, GOOD),
        ("error is None", {"error": True}, BAD),
        ("error is not None", {"error": True}, GOOD),
        ("latency_ms < 3000", {"latency_ms": 2999}, GOOD),
        ("latency_ms < 3000", {"latency_ms": 3000}, BAD),
        ("latency_ms <= 3000", {"latency_ms": 3000}, GOOD),
        ("quality_score >= 0.7", {"quality": 0.7}, GOOD),
        ("quality_score > 0.7", {"quality": 0.7}, BAD),
        ("refusal == 0", {"refusal": 0}, GOOD),
        ("refusal != 0", {"refusal": 0}, BAD),
        ("output_tokens <= 100.5", {"output_tokens": 101}, BAD),
        ("cost_usd < 0.05", {"cost_pico": 49_999_999_999}, GOOD),
        ("cost_usd < 0.05", {"cost_pico": 50_000_000_000}, BAD),
        ("not cost_usd < 0.05", {"cost_pico": 50_000_000_000}, GOOD),
        ("latency_ms<1 or (ttft_ms<1 and error is None)", {"latency_ms": 2, "ttft_ms": 0}, GOOD),
    ],
)
def test_a_condition_judges_a_request(text: str, fields: dict[str, Any], outcome: str) -> None:
    assert judged(text, **fields) == outcome


@pytest.mark.parametrize(
    ("text", "fields", "outcome"),
    [
        ("quality_score >= 0.7", {}, NONE),
        ("quality_score >= 0.7", {"error": True}, NONE),
        ("not quality_score >= 0.7", {}, NONE),
        ("refusal != 1", {}, NONE),
        ("refusal is None or refusal <= 0.5", {}, GOOD),
        ("output_tokens >= 0", {}, NONE),
        ("cost_usd < 1", {}, NONE),
        ("quality_score >= 0.7 or error is None", {}, GOOD),
        ("quality_score >= 0.7 and error is None", {}, NONE),
        ("quality_score >= 0.7 and error is None", {"error": True}, BAD),
        ("ttft_ms <= 800", {}, NONE),
    ],
)
def test_a_missing_value_is_unknown_and_an_unknown_request_is_no_event(
    text: str, fields: dict[str, Any], outcome: str
) -> None:
    assert judged(text, **fields) == outcome


@pytest.mark.parametrize(
    ("text", "fields", "outcome"),
    [
        ("latency_ms < 3000", {}, BAD),
        ("latency_ms < 3000", {"latency_ms": 5}, BAD),
        ("not latency_ms > 3000", {"latency_ms": 5}, BAD),
        ("ttft_ms <= 800", {}, BAD),
        ("ttft_ms <= 800 or quality_score > 0", {"quality": 1}, BAD),
        ("error is None and latency_ms < 3000", {"latency_ms": 5}, BAD),
        ("error is not None or latency_ms < 3000", {}, GOOD),
    ],
)
def test_a_quick_failure_is_bad_unless_the_condition_itself_speaks_of_errors(
    text: str, fields: dict[str, Any], outcome: str
) -> None:
    assert judged(text, error=True, **fields) == outcome


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latancy_ms < 3", 'column 1: there is no field "latancy_ms"; did you mean "latency_ms"?'),
        ("error is None and", "column 18: ends too early; expected (, a field, not"),
        ("latency_ms < 3 )", 'column 16: unexpected ")"; expected the end'),
        ("latency_ms", "column 11: ends too early; expected a comparison such as <, is"),
        ("error == 3", "column 1: error is not a number: write error is None"),
        ("error is 3", 'column 10: unexpected "3"; expected None, not'),
        ("latency_ms < $3", 'column 14: "$" has no meaning here'),
        ("latency_ms < 3\n and ttft < 1", 'column 21: there is no field "ttft"'),
        ("cost_usd < 1e12", "column 12: cost_usd is never over 1,000,000"),
        ("latency_ms < 1e30", "column 14: latency_ms is never over 1,000,000,000,000,000"),
        ("__import__ is None", "column 1: there is no field"),
        ("(" * 45 + "error is None" + ")" * 45, None),
        ("not " * 45 + "error is None", "column 1: nested deeper than 40 levels"),
        ("error is None or " * 40 + "error is None", "at most 500"),
        ("", "column 1: ends too early"),
    ],
)
def test_an_error_points_at_its_column_and_names_what_there_is(
    text: str, message: str | None
) -> None:
    if message is None:
        parse_good(text)
        return
    with pytest.raises(ExpressionError) as caught:
        parse_good(text)
    assert message in str(caught.value)
    assert caught.value.text == text


def test_what_only_errors_decide_is_known_from_counts_of_errors() -> None:
    good = parse_good("not (error is not None)")
    assert good.only_errors
    assert (good.accepts(error=False), good.accepts(error=True)) == (True, False)
    assert not parse_good("error is None and cost_usd < 1").only_errors


NUMBERS = {
    "float": ["0", "0.5", "0.7", "1", "100", "100.1", "3000"],
    "integer": ["0", "10", "10.5", "1e3", "-1"],
    "money": ["0", "0.00002", "0.01", "1"],
}


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth and draw(st.booleans()):
        joint = draw(st.sampled_from(["and", "or"]))
        left, right = draw(conditions(depth - 1)), draw(conditions(depth - 1))
        negated = draw(st.sampled_from(["", "not "]))
        return f"{negated}({left} {joint} {right})"
    field = draw(st.sampled_from(sorted(FIELDS)))
    if FIELDS[field] == "error" or draw(st.integers(0, 5)) == 0:
        return f"{field} is {draw(st.sampled_from(['None', 'not None']))}"
    operator = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
    return f"{field} {operator} {draw(st.sampled_from(NUMBERS[FIELDS[field]]))}"


_SCORES = st.sampled_from([None, 0.0, 0.3, 0.5, 0.7, 1.0])
_TIMES = st.sampled_from([None, 0.0, 0.5, 100.0, 100.1, 3000.0, 1e5])
_TOKENS = st.sampled_from([None, 0, 10, 11, 1000])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "error": st.sampled_from([None, "timeout"]),
            "latency_ms": _TIMES,
            "ttft_ms": _TIMES,
            "max_gap_ms": _TIMES,
            "input_tokens": _TOKENS,
            "output_tokens": _TOKENS,
            "cached_tokens": _TOKENS,
            "cost_pico_usd": st.sampled_from([None, 0, 20_000_000, 10**10, 10**12]),
            **dict.fromkeys(
                ["relevance", "coherence", "safety", "format", "factuality", "refusal"], _SCORES
            ),
        }
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    directory: Path = tmp_path_factory.mktemp("store")
    opened = DuckStore(directory / "store.duckdb", PriceBook([]))
    yield Stored(opened)
    opened.close()


class Stored:
    """A store that tells one fold from another by its batch's number."""

    def __init__(self, store: DuckStore) -> None:
        self.store = store
        self._seq = self._events = 0

    def fold(self, rows: list[dict[str, Any]], keys: list[bytes]) -> SeriesTable:
        """Store ``rows``; they and the series are kept to compare with."""
        self._seq += 1
        record = body(rows, seq=self._seq, first_event=self._events, keys=keys)
        self._events += len(rows)
        self.store.fold([committed(record)], Cursor(1, self._seq))
        known = SeriesTable(100)
        batch = committed(record).batch
        assert batch is not None
        self.decoded = RequestDecoder(known, PriceBook([])).decode([batch])
        return known

    def told(self, expression: str) -> list[Any]:
        """``expression`` of each request of the last fold, in order."""
        sql = select([expression], f"FROM requests WHERE seq = {self._seq} ORDER BY rowid")
        return [row[0] for row in self.store.query(sql).rows]


@settings(max_examples=150, deadline=None)
@given(text=conditions(), rows=ROWS)
def test_the_store_judges_as_memory_does(
    store: Stored, text: str, rows: list[dict[str, Any]]
) -> None:
    sent = [{**row, "series": 0, "counter": i, "start_ns": START_NS} for i, row in enumerate(rows)]
    store.fold(sent, [series()])
    good = parse_good(text)
    verdict = compile_good(good)(store.decoded)
    expected = np.where(verdict.good, True, np.where(verdict.bad, False, None)).tolist()
    assert store.told(good_sql(good)) == expected


_WORDS = ["", "a", "b", "it's", "x' OR 1=1 --", '"']


@st.composite
def filters(draw: st.DrawFn, depth: int = 2) -> str:
    if depth and draw(st.booleans()):
        joint = draw(st.sampled_from(["and", "or"]))
        left, right = draw(filters(depth - 1)), draw(filters(depth - 1))
        return f"{draw(st.sampled_from(['', 'not ']))}({left} {joint} {right})"
    name = draw(st.sampled_from(["service", "model", "route"]))
    words = [f"'{w}'" if "'" not in w else f'"{w}"' for w in _WORDS]
    some = draw(st.lists(st.sampled_from(words), min_size=1, max_size=3))
    if draw(st.booleans()):
        return f"{name} {draw(st.sampled_from(['==', '!=']))} {some[0]}"
    return f"{name} {draw(st.sampled_from(['in', 'not in']))} [{', '.join(some)}]"


@settings(max_examples=80, deadline=None)
@given(
    text=filters(),
    named=st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(["service", "model", "route"], st.sampled_from(_WORDS))
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_the_store_filters_as_memory_does(
    store: Stored, text: str, named: list[dict[str, str]]
) -> None:
    rows = [{"series": i, "counter": i, "start_ns": START_NS} for i in range(len(named))]
    known = store.fold(rows, [series(**each) for each in named])
    keys: list[SeriesKey] = [known.keys[number] for number in store.decoded.series.tolist()]
    assert store.told(where_sql(text)) == [compile_where(text)(key) for key in keys]
