"""Windows against a plain model that keeps every request and counts again at each look."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmon.protocol.names import METRICS, SCORES
from llmmon_collector.metrics import MetricTable
from llmmon_collector.requests import Requests
from llmmon_collector.series import Grouping, SeriesKey, SeriesTable
from llmmon_collector.sketch import SMALLEST_MS
from llmmon_collector.windows import Windows

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND + 123_456_789
WINDOWS = (10, 60, 400, 3600)
SLOTS = {10: 1, 60: 1, 400: 5, 3600: 20}
LATENESS = 100
DAY_S = 500
SERIES = 6

Row = dict[str, Any]


def day_start(now_ns: int) -> int:
    return now_ns - now_ns % (DAY_S * SECOND)


def as_requests(rows: list[Row]) -> Requests:
    def column(name: str, dtype: str, missing: float) -> Any:
        values = [missing if row.get(name) is None else row[name] for row in rows]
        return np.array(values, dtype)

    floats = ("latency_ms", "ttft_ms", "max_gap_ms", *SCORES, "refusal", "quality")
    tokens = [f.name for f in fields(Requests) if f.name.endswith("_tokens")]
    return Requests(
        series=column("series", "i4", 0),
        start_ns=column("end_ns", "i8", 0),
        end_ns=column("end_ns", "i8", 0),
        cost_pico=column("cost_pico", "i8", -1),
        cost_source=column("cost_source", "u1", 0),
        error=column("error", "?", False),
        **{name: column(name, "f4", math.nan) for name in floats},
        **{name: column(name, "i8", -1) for name in tokens},
    )


@dataclass
class Model:
    """The same rules, one request at a time."""

    rows: list[Row] = field(default_factory=list)
    late_rows: list[Row] = field(default_factory=list)
    skewed: int = 0

    def add(self, rows: list[Row], now_ns: int, warm: bool = False) -> int:
        late = 0
        reach_s = WINDOWS[-1] if warm else LATENESS
        for given_row in rows:
            row = dict(given_row)
            if row["end_ns"] > now_ns + 5 * SECOND:
                if warm:
                    continue
                row["end_ns"] = now_ns
                self.skewed += 1
            if row["end_ns"] < now_ns - reach_s * SECOND:
                late += 1
                self.late_rows.append(row)
            else:
                self.rows.append(row)
        return late

    def window(self, window_s: int, now_ns: int) -> list[Row]:
        slot_ns = SLOTS[window_s] * SECOND
        last = now_ns // slot_ns
        first = last - window_s // SLOTS[window_s]
        settled = [row for row in self.rows if row["end_ns"] // SECOND <= now_ns // SECOND]
        return [row for row in settled if first < row["end_ns"] // slot_ns <= last]

    def today(self, now_ns: int) -> list[Row]:
        known = [r for r in self.rows + self.late_rows if r["end_ns"] >= day_start(now_ns)]
        return [row for row in known if row["end_ns"] // SECOND <= now_ns // SECOND]


def total(rows: list[Row], name: str) -> float:
    told = [row[name] for row in rows if row.get(name) is not None]
    return math.nan if rows and not told else float(sum(told))


def mean(rows: list[Row], name: str) -> float:
    told = [row[name] for row in rows if row.get(name) is not None]
    return sum(told) / len(told) if told else math.nan


def cost(rows: list[Row]) -> float:
    priced = [row["cost_pico"] for row in rows if row["cost_pico"] is not None]
    return sum(priced) / 1e12 if priced or not any(map(unpriced, rows)) else math.nan


def unpriced(row: Row) -> bool:
    told = row["input_tokens"] is not None or row["output_tokens"] is not None
    return row["cost_pico"] is None and (told or not row["error"])


def quantile(values: list[float], q: float) -> float:
    return float(np.quantile(values, q, method="lower")) if values else math.nan


def tpot(rows: list[Row]) -> list[float]:
    return [
        (row["latency_ms"] - row["ttft_ms"]) / (row["output_tokens"] - 1)
        for row in rows
        if None not in (row["latency_ms"], row["ttft_ms"], row["output_tokens"])
        and row["output_tokens"] > 1
        and row["latency_ms"] >= row["ttft_ms"]
    ]


def expected(rows: list[Row], window_s: int) -> dict[str, float]:
    judged = [row["refusal"] > 0.5 for row in rows if row["refusal"] is not None]
    cached = [row for row in rows if row["cached_tokens"] is not None]
    of = sum(max(row["input_tokens"] or 0, row["cached_tokens"]) for row in cached)
    output = total(rows, "output_tokens")
    return {
        "requests": len(rows),
        "request_rate": len(rows) / window_s,
        "errors": sum(row["error"] for row in rows),
        "error_rate": mean(rows, "error"),
        "latency_mean": mean(rows, "latency_ms"),
        "input_tokens": total(rows, "input_tokens"),
        "output_tokens": output,
        "cached_tokens": total(rows, "cached_tokens"),
        "tokens_per_second": output / window_s,
        "cached_token_ratio": total(cached, "cached_tokens") / of if of else math.nan,
        "cost_usd": cost(rows),
        "unpriced_requests": sum(map(unpriced, rows)),
        "scored_requests": sum(row["quality"] is not None for row in rows),
        "quality_score_mean": mean(rows, "quality"),
        "refusal_rate": sum(judged) / len(judged) if judged else math.nan,
        **{f"{score}_mean": mean(rows, score) for score in SCORES},
    }


def expected_quantiles(rows: list[Row]) -> dict[str, float]:
    def told(name: str) -> list[float]:
        return [row[name] for row in rows if row[name] is not None]

    latency, ttft, gaps, per_token = (
        told("latency_ms"),
        told("ttft_ms"),
        told("max_gap_ms"),
        tpot(rows),
    )
    return {
        "latency_p50": quantile(latency, 0.5),
        "latency_p90": quantile(latency, 0.9),
        "latency_p95": quantile(latency, 0.95),
        "latency_p99": quantile(latency, 0.99),
        "latency_max": quantile(latency, 1.0),
        "ttft_p50": quantile(ttft, 0.5),
        "ttft_p95": quantile(ttft, 0.95),
        "ttft_p99": quantile(ttft, 0.99),
        "max_gap_p95": quantile(gaps, 0.95),
        "tpot_p50": quantile(per_token, 0.5),
        "tpot_p95": quantile(per_token, 0.95),
    }


def same(actual: float, wanted: float, relative: float, absolute: float = 0.0) -> bool:
    if math.isnan(wanted) or math.isnan(actual):
        return math.isnan(wanted) and math.isnan(actual)
    return math.isclose(actual, wanted, rel_tol=relative, abs_tol=absolute)


def check_row(table: MetricTable, i: int, rows: list[Row], window_s: int) -> None:
    assert table.requests[i] == len(rows)
    for name, value in expected(rows, window_s).items():
        rounded = 0.00051 if name == "latency_mean" else 1e-6
        assert same(float(table.values[name][i]), value, 1e-6, rounded), name
    for name, value in expected_quantiles(rows).items():
        assert same(float(table.values[name][i]), value, 0.01, SMALLEST_MS), name


def buckets(rows: list[Row]) -> tuple[int, ...]:
    counts = [0] * 5
    for row in rows:
        if row["quality"] is not None:
            counts[min(round(row["quality"] * 1e6) // 200_000, 4)] += 1
    return tuple(counts)


def check(windows: Windows, model: Model, grouping: Grouping, now_ns: int) -> None:
    assert windows.skewed == model.skewed
    today, hour = model.today(now_ns), model.window(3600, now_ns)
    for window_s in WINDOWS:
        table = windows.table(window_s, grouping)
        rows = model.window(window_s, now_ns)
        included = [row for row in rows if grouping.codes[row["series"]] >= 0]
        for i in range(len(table)):
            members = {s for s in range(SERIES + 1) if grouping.codes[s] == i}
            check_row(table, i, [r for r in included if r["series"] in members], window_s)
            for name, source in (("daily_cost", today), ("hourly_cost", hour)):
                value = cost([r for r in source if r["series"] in members])
                assert same(float(table.values[name][i]), value, 1e-9), name
        assert windows.quality_buckets(window_s) == buckets(rows)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


milliseconds = st.floats(0.0625, 1e6, width=32)
unit = st.floats(0, 1, width=32)
row_strategy = st.fixed_dictionaries(
    {
        "series": st.integers(0, SERIES),
        "age_ms": st.integers(-8_000, 150_000) | st.integers(0, 4_000_000) | st.just(0),
        "latency_ms": maybe(milliseconds),
        "ttft_ms": maybe(milliseconds),
        "max_gap_ms": maybe(milliseconds),
        "input_tokens": maybe(st.integers(0, 2**32 - 1)),
        "output_tokens": maybe(st.integers(0, 5000)),
        "cached_tokens": maybe(st.integers(0, 5000)),
        "cost_pico": maybe(st.integers(0, 10**17)),
        "error": st.booleans(),
        "refusal": maybe(unit),
        "quality": maybe(unit),
        **{name: maybe(unit) for name in SCORES},
    }
)
step_strategy = st.tuples(
    st.floats(0, 3) | st.floats(0, 200) | st.floats(0, 10_000),
    st.lists(row_strategy, max_size=12),
    st.booleans(),
)


def grouped(by: tuple[str, ...], only_even: bool = False) -> Grouping:
    table = SeriesTable(SERIES)
    for i in range(SERIES):
        table.code(SeriesKey("s", "e", "chat", f"p{i % 2}", f"m{i % 3}", f"/{i}"))
    return table.group(by, (lambda key: key.provider == "p0") if only_even else None)


def placed(rows: list[Row], now_ns: int) -> list[Row]:
    return [{**row, "end_ns": now_ns - row["age_ms"] * 1_000_000} for row in rows]


def new_windows() -> Windows:
    return Windows(WINDOWS, LATENESS, day_start)


@settings(max_examples=60, deadline=None)
@given(st.lists(step_strategy, min_size=1, max_size=8), st.booleans())
def test_every_metric_agrees_with_counting_again(
    steps: list[tuple[float, list[Row], bool]], filtered: bool
) -> None:
    windows, model, now_ns = new_windows(), Model(), START
    grouping = grouped(("model",), filtered)
    for seconds, rows, warm in steps:
        now_ns += round(seconds * SECOND)
        batch = placed(rows, now_ns)
        late = windows.add(as_requests(batch), now_ns, warm=warm)
        assert late == model.add(batch, now_ns, warm)
        windows.advance(now_ns)
        check(windows, model, grouping, now_ns)


@settings(max_examples=30, deadline=None)
@given(st.lists(row_strategy, min_size=1, max_size=40), st.data())
def test_neither_batching_nor_order_shows(rows: list[Row], data: st.DataObject) -> None:
    batch = placed(rows, START)
    together = new_windows()
    together.add(as_requests(batch), START)
    together.advance(START)
    shuffled = data.draw(st.permutations(batch))
    apart = new_windows()
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        apart.add(as_requests(shuffled[:size]), START)
        shuffled = shuffled[size:]
        if data.draw(st.booleans()):
            apart.advance(START)
    apart.advance(START)
    for window_s in WINDOWS:
        for by in ((), ("model",), ("route",)):
            one, other = (w.table(window_s, grouped(by)) for w in (together, apart))
            for name in one.values:
                np.testing.assert_array_equal(one.values[name], other.values[name], name)
        assert together.quality_buckets(window_s) == apart.quality_buckets(window_s)


@settings(max_examples=30, deadline=None)
@given(st.lists(step_strategy, min_size=1, max_size=6))
def test_what_expires_leaves_nothing_behind(steps: list[tuple[float, list[Row], bool]]) -> None:
    windows, now_ns = new_windows(), START
    for seconds, rows, warm in steps:
        now_ns += round(seconds * SECOND)
        windows.add(as_requests(placed(rows, now_ns)), now_ns, warm=warm)
        windows.advance(now_ns)
    windows.advance(now_ns + 3700 * SECOND)
    for window_s in WINDOWS:
        table = windows.table(window_s, grouped(("route",)))
        assert not table.requests.any()
        for name, values in table.values.items():
            counted = METRICS[name].unit in {"count", "tokens", "usd", "1/s"}
            np.testing.assert_array_equal(values, 0 if counted else math.nan, name)
        assert windows.quality_buckets(window_s) == (0, 0, 0, 0, 0)
