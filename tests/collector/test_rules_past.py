"""Functions of the past, through the engine, against plain lists."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.past import PastQuestion

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
START_NS = 1_700_000_040 * 10**9  # a whole minute
SPANS_S = {"1m": 60, "5m": 300, "150s": 150}
Group = dict[str, float | None]
"""Values by model."""

FUNCTIONS = {
    "ago": 'ago(latency_p95, "{}")',
    "delta": 'delta(latency_p95, "{}")',
    "rate": 'rate(latency_p95, "{}")',
    "avg_over": 'avg_over(latency_p95, "{}")',
    "min_over": 'min_over(latency_p95, "{}")',
    "max_over": 'max_over(latency_p95, "{}")',
    "predict": 'predict(latency_p95, "{}", "10m")',
}


def rule(name: str = "r", **keys: Any) -> RuleSpec:
    keys = {"name": name, "warning": {"above": 1e12}, "by": ["model"], **keys}
    return RuleSpec.model_validate(keys)


def table_of(values: Group) -> MetricTable:
    column = np.array([math.nan if v is None else v for v in values.values()], np.float64)
    labels = tuple({"model": model} for model in values)
    return MetricTable(labels, {"latency_p95": column}, np.ones(len(labels), np.int64))


class Recorder:
    """An engine with rules on one table, on a clock that tests set."""

    def __init__(self, *values: str, **keys: Any) -> None:
        self.engine = RuleEngine([rule(f"r{i}", value=v) for i, v in enumerate(values)], **keys)
        self.values = values
        self.mono_s = 0.0
        self.now_ns = START_NS

    def tick(self, values: Group | float | None, after_s: float = 0) -> list[float | None]:
        """What each rule's value is of model ``x``."""
        self.mono_s += abs(after_s)
        self.now_ns += round(after_s * 1e9)
        groups = values if isinstance(values, dict) else {"x": values}
        sources = Sources(lambda *_: table_of(groups))
        self.engine.evaluate(sources, self.mono_s, self.now_ns)
        return [self.told(number, sources) for number in range(len(self.values))]

    def told(self, number: int, sources: Sources) -> float | None:
        explained = self.engine.explain(f"r{number}", sources)
        parts = {group.labels["model"]: dict(group.parts) for group in explained.groups}
        value = parts.get("x", {}).get(self.values[number])
        assert value is None or isinstance(value, float)
        return value

    def problem(self) -> str:
        return self.engine.health()[0].error


class Plain:
    """One group's points in a dictionary, as many as are kept for a duration."""

    def __init__(self, span_s: int) -> None:
        self.kept = -(-span_s // 60) + 2
        self.points: dict[int, float | None] = {}
        self.last: int | None = None

    def note(self, now_ns: int, present: float | None) -> None:
        slot = now_ns // MINUTE_NS
        for lost in [at for at in self.points if not slot - self.kept < at <= slot]:
            del self.points[lost]
        if self.last is None or slot > self.last:
            self.points[slot] = present
        self.last = slot

    def value(self, function: str, span_s: int, now_ns: int, present: float | None) -> Any:
        if function in ("ago", "delta", "rate"):
            return self.compared(function, span_s, now_ns, present)
        slot, slots = now_ns // MINUTE_NS, -(-span_s // 60)
        points = [(Fraction(at), self.points.get(at)) for at in range(slot - slots + 1, slot + 1)]
        points.append((Fraction(now_ns, MINUTE_NS), present))
        known = [(at, Fraction(value)) for at, value in points if value is not None]
        if not known or 2 * len(known) < slots:
            return None
        values = [value for _, value in known]
        match function:
            case "avg_over":
                return float(sum(values) / len(values))
            case "min_over":
                return float(min(values))
            case "max_over":
                return float(max(values))
        return line_at(known, Fraction(now_ns, MINUTE_NS) + 10)

    def compared(self, function: str, span_s: int, now_ns: int, present: float | None) -> Any:
        target = (now_ns - span_s * 10**9) // MINUTE_NS
        at = target if self.points.get(target) is not None else target - 1
        past = self.points.get(at)
        if function == "ago" or past is None or present is None:
            return past if function == "ago" else None
        age_s = (now_ns - at * MINUTE_NS) / 1e9
        return (present - past) / (age_s if function == "rate" else 1)


def line_at(points: list[tuple[Fraction, Fraction]], when: Fraction) -> float | None:
    """The least squares line through ``points`` at ``when``, by its definition."""
    mean_t = sum((t for t, _ in points), Fraction()) / len(points)
    mean_y = sum((y for _, y in points), Fraction()) / len(points)
    spread = sum(((t - mean_t) ** 2 for t, _ in points), Fraction())
    if len(points) < 3 or not spread:
        return None
    slope = sum(((t - mean_t) * (y - mean_y) for t, y in points), Fraction()) / spread
    return float(mean_y + slope * (when - mean_t))


waits_s = st.sampled_from([1, 20, 60, 60, 60, 65, 130, 400, -10, -70, -4000])


@pytest.mark.parametrize("function", FUNCTIONS)
@given(
    st.sampled_from(sorted(SPANS_S)),
    st.lists(st.tuples(waits_s, st.sampled_from([None, 0, 1, 2, 10])), min_size=1, max_size=25),
)
def test_functions_of_the_past_agree_with_plain_lists(
    function: str, span: str, observed: list[tuple[int, float | None]]
) -> None:
    recorder, plain = Recorder(FUNCTIONS[function].format(span)), Plain(SPANS_S[span])
    for wait_s, present in observed:
        (got,) = recorder.tick(present, wait_s)
        plain.note(recorder.now_ns, present)
        expected = plain.value(function, SPANS_S[span], recorder.now_ns, present)
        assert got == (None if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-6))


def minutes(recorder: Recorder, *values: Group | float | None) -> list[float | None]:
    for value in values:
        told = recorder.tick(value, 60)
    return told


def test_groups_that_come_and_go_keep_their_own_past() -> None:
    recorder = Recorder('avg_over(latency_p95, "3m")')
    minutes(recorder, {"x": 1}, {"y": 50, "x": 2})
    assert minutes(recorder, {"y": 50}, {"a": 7, "x": 4, "y": 50}) == [
        pytest.approx((2 + 4 + 4) / 3)
    ]


def test_comparison_with_the_past_is_no_data_until_there_is_a_past() -> None:
    recorder = Recorder('latency_p95 / ago(latency_p95, "2m")')
    assert minutes(recorder, 100) == [None]
    assert minutes(recorder, 100) == [None]
    assert minutes(recorder, 300) == [3]
    assert minutes(recorder, None) == [None]


def test_the_share_of_time_that_something_was_so_can_be_asked() -> None:
    recorder = Recorder('avg_over(latency_p95 > 5, "4m")')
    assert minutes(recorder, 1, 9, 9, 1) == [pytest.approx(2 / 5)]


def test_long_durations_are_kept_in_few_points() -> None:
    recorder = Recorder('ago(latency_p95, "1d")')
    (question,) = asked(recorder)
    assert question.step_ns == 6 * MINUTE_NS
    assert (question.until_ns - question.since_ns) // question.step_ns <= 242


def asked(recorder: Recorder, value: float | None = None) -> tuple[PastQuestion, ...]:
    recorder.tick(value)
    return recorder.engine.wanted_past()


def answer(question: PastQuestion, values: dict[int, Group]) -> Iterator[tuple[int, MetricTable]]:
    for at_ns in range(question.since_ns, question.until_ns, question.step_ns):
        if at_ns in values:
            yield at_ns, table_of(values[at_ns])


def test_what_came_before_the_start_is_asked_for_once_and_filled_in() -> None:
    recorder = Recorder('avg_over(latency_p95, "3m")')
    assert recorder.engine.wanted_past() == ()
    (question,) = asked(recorder, 6)
    assert question == PastQuestion(
        300, ("model",), "", "latency_p95", START_NS - 4 * MINUTE_NS, START_NS, MINUTE_NS
    )
    past: dict[int, Group] = {START_NS - MINUTE_NS: {"x": 9}, START_NS - 2 * MINUTE_NS: {"x": 3}}
    recorder.engine.fill_past(question, answer(question, past))
    assert recorder.engine.wanted_past() == ()
    assert recorder.tick(6) == [pytest.approx((3 + 9 + 6 + 6) / 4)]


def test_what_was_recorded_stays_when_an_answer_comes_late() -> None:
    recorder = Recorder('max_over(latency_p95, "5m")')
    (question,) = asked(recorder, 1)
    minutes(recorder, 2, 3)
    far: dict[int, Group] = {
        at_ns: {"x": 50, "y": 1} for at_ns in range(START_NS, START_NS + HOUR_NS, MINUTE_NS)
    }
    recorder.engine.fill_past(question, ((at_ns, table_of(row)) for at_ns, row in far.items()))
    assert recorder.tick(3) == [3]


def test_an_answer_that_nobody_needs_any_more_is_dropped() -> None:
    recorder = Recorder('max_over(latency_p95, "5m")')
    (question,) = asked(recorder, 1)
    recorder.engine.replace([], recorder.mono_s, recorder.now_ns)
    recorder.engine.fill_past(question, [(START_NS, table_of({"x": 1}))])
    assert recorder.engine.wanted_past() == ()


def test_reloading_keeps_the_past_and_asks_only_for_what_is_new() -> None:
    recorder = Recorder('max_over(latency_p95, "5m")')
    for question in asked(recorder, 70):
        recorder.engine.fill_past(question, [])
    recorder.tick(1, 60)
    text = 'max_over(latency_p95, "10m")'
    recorder.values = (text,)
    recorder.engine.replace([rule("r0", value=text)], recorder.mono_s, recorder.now_ns)
    (question,) = recorder.engine.wanted_past()
    assert question.since_ns == START_NS - 10 * MINUTE_NS
    assert question.until_ns == START_NS
    minutes(recorder, 1, 1, 1)
    assert recorder.tick(1) == [70]


def test_an_answer_from_before_a_reload_that_looks_back_further_is_not_the_whole() -> None:
    recorder = Recorder('max_over(latency_p95, "5m")')
    (question,) = asked(recorder, 1)
    longer = rule("r0", value='max_over(latency_p95, "10m")')
    recorder.engine.replace([longer], recorder.mono_s, recorder.now_ns)
    recorder.engine.fill_past(question, [(START_NS - MINUTE_NS, table_of({"x": 9}))])
    (rest,) = recorder.engine.wanted_past()
    assert rest.since_ns < question.since_ns
    recorder.engine.fill_past(rest, [])
    assert recorder.engine.wanted_past() == ()


@pytest.mark.parametrize(
    "value", ['ago(check_value, "1h")', 'ago(latency_p95 * check("redis"), "1h")']
)
def test_the_store_is_not_asked_for_what_it_does_not_have(value: str) -> None:
    engine = RuleEngine([rule(value=value, by=[])])
    engine.replace(engine.rules, 0, START_NS)
    assert engine.wanted_past() == ()


@pytest.mark.parametrize("moved_s", [3600, -3600, 20, -86_400 * 30])
def test_points_keep_their_age_when_the_clock_is_set(moved_s: int) -> None:
    recorder = Recorder('ago(latency_p95, "3m")')
    minutes(recorder, 1, 2, 3, 4)
    recorder.now_ns += moved_s * 10**9
    recorder.engine.set_clock(moved_s * 10**9)
    assert minutes(recorder, 5) == [2]
    assert minutes(recorder, 6, 7, 8) == [5]


def test_small_steps_of_the_clock_add_up() -> None:
    recorder = Recorder('ago(latency_p95, "3m")')
    minutes(recorder, 1, 2, 3, 4)
    for _ in range(9):
        recorder.now_ns += 20 * 10**9
        recorder.engine.set_clock(20 * 10**9)
    assert minutes(recorder, 5) == [2]


def test_a_clock_that_jumps_back_unannounced_loses_only_what_is_then_to_come() -> None:
    recorder = Recorder('ago(latency_p95, "2m")')
    minutes(recorder, 1, 2, 3, 4, 5)
    assert recorder.tick(6, -60) == [2]
    assert minutes(recorder, 7) == [3]
    assert minutes(recorder, 8) == [4]
    assert minutes(recorder, 9) == [7]


def test_memory_is_bounded_and_a_rule_that_finds_no_room_says_so() -> None:
    recorder = Recorder('avg_over(latency_p95, "5m")', max_points=7 * 4)
    groups: Group = {"x": 1, "a": 1, "b": 1}
    minutes(recorder, groups)
    assert recorder.problem() == ""
    minutes(recorder, {**groups, "c": 1, "d": 1})
    assert recorder.problem().startswith("no room for the past of 2 groups: group by less")
    assert minutes(recorder, groups, groups) == [1]
    assert recorder.problem() == ""


def test_groups_that_are_long_gone_make_room() -> None:
    recorder = Recorder('avg_over(latency_p95, "2m")', max_points=5 * 3)
    for number in range(20):
        minutes(recorder, {"x": 1, f"m{number}": 1})
        minutes(recorder, 1, 1, 1, 1, 1)
    assert recorder.problem() == ""


def test_nothing_is_recorded_while_windows_are_filling() -> None:
    recorder = Recorder('max_over(latency_p95, "5m")')
    recorder.engine.restore([], 90, 0, START_NS)
    assert minutes(recorder, 50) == [None]
    assert minutes(recorder, 1, 1, 1) == [1]
