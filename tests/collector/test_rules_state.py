from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.state import (
    NO_DATA_LIMIT_S,
    Instance,
    Observation,
    State,
    Transition,
    clear,
    step,
)


def rule(**keys: Any) -> RuleSpec:
    keys = {"name": "r", "value": "latency_p95", **keys}
    return RuleSpec.model_validate({"critical": {"above": 10}, **keys})


def run(spec: RuleSpec, values: list[float | None], every_s: float = 10) -> list[str]:
    """The states and transitions that ``values``, ``every_s`` apart, lead to."""
    instance, seen = Instance(), []
    for number, value in enumerate(values):
        instance, transition = step(spec, instance, Observation(value, 1), number * every_s)
        seen.append(f"{instance.state}" + (f"!{transition}" if transition else ""))
    return seen


def test_a_breach_fires_at_once_and_resolves_at_once_without_for() -> None:
    assert run(rule(), [1, 11, 12, 10]) == [
        "inactive",
        "firing!firing",
        "firing",
        "resolved!resolved",
    ]


def test_for_counts_from_the_first_breach_and_a_clear_value_resets_it() -> None:
    spec = rule(**{"for": "20s"})
    assert run(spec, [11, 11, 1, 11, 11, 11]) == [
        "pending",
        "pending",
        "inactive",
        "pending",
        "pending",
        "firing!firing",
    ]


def test_keep_firing_for_counts_from_the_first_clear_value() -> None:
    spec = rule(keep_firing_for="20s")
    assert run(spec, [11, 1, 11, 1, 1, 1]) == [
        "firing!firing",
        "firing",
        "firing",
        "firing",
        "firing",
        "resolved!resolved",
    ]


def test_hysteresis_holds_a_firing_alert_but_not_a_pending_one() -> None:
    spec = rule(critical={"above": 10, "clear_below": 5}, **{"for": "10s"})
    assert run(spec, [11, 7, 11, 11, 7, 5, 4]) == [
        "pending",
        "inactive",
        "pending",
        "firing!firing",
        "firing",
        "firing",
        "resolved!resolved",
    ]


def test_two_severities_are_one_alert_that_escalates_and_deescalates() -> None:
    spec = rule(warning={"above": 5}, critical={"above": 10})
    assert run(spec, [6, 11, 12, 6, 1]) == [
        "firing!firing",
        "firing!escalated",
        "firing",
        "firing!deescalated",
        "resolved!resolved",
    ]


def test_a_severity_must_last_for_itself() -> None:
    spec = rule(warning={"above": 5}, critical={"above": 10}, **{"for": "10s"})
    assert run(spec, [6, 6, 11, 6, 11, 11]) == [
        "pending",
        "firing!firing",
        "firing",
        "firing",
        "firing",
        "firing!escalated",
    ]


@pytest.mark.parametrize(
    ("no_data", "expected"),
    [
        ("keep", ["inactive", "firing!firing", "firing", "firing", "resolved!resolved"]),
        ("ok", ["inactive", "firing!firing", "resolved!resolved", "resolved", "resolved"]),
        ("alert", ["firing!firing", "firing", "firing", "firing", "resolved!resolved"]),
    ],
)
def test_no_data_keeps_clears_or_alerts(no_data: str, expected: list[str]) -> None:
    assert run(rule(no_data=no_data), [None, 11, None, None, 1]) == expected


def test_no_data_alerts_at_the_mildest_severity() -> None:
    spec = rule(warning={"above": 5}, critical={"above": 10}, no_data="alert")
    instance, _ = step(spec, Instance(), Observation(None), 0)
    assert instance.severity == "warning"


def test_a_kept_alert_whose_data_is_gone_for_a_day_resolves() -> None:
    spec = rule()
    instance, _ = step(spec, Instance(), Observation(11, 1), 0)
    instance, _ = step(spec, instance, Observation(None), 10)
    instance, transition = step(spec, instance, Observation(None), 9 + NO_DATA_LIMIT_S)
    assert (instance.state, transition) == (State.FIRING, None)
    instance, transition = step(spec, instance, Observation(None), 10 + NO_DATA_LIMIT_S)
    assert (instance.state, transition) == (State.RESOLVED, Transition.RESOLVED)


def test_too_few_requests_are_no_data() -> None:
    spec = rule(min_requests=20)
    few, _ = step(spec, Instance(), Observation(99, 19), 0)
    enough, _ = step(spec, Instance(), Observation(99, 20), 0)
    assert (few.state, enough.state) == (State.INACTIVE, State.FIRING)
    assert few.no_data_since_s == 0


@pytest.mark.parametrize(
    ("limit", "worst"), [({"above": 10}, 30), ({"below": 50, "clear_above": 60}, 11)]
)
def test_the_peak_is_the_worst_value_of_the_episode(limit: dict[str, float], worst: float) -> None:
    spec, instance = rule(critical=limit), Instance()
    for now, value in enumerate([20, 30, 11]):
        instance, _ = step(spec, instance, Observation(value, 1), now)
    assert instance.peak == worst


def test_clear_brings_a_firing_alert_to_rest() -> None:
    firing, _ = step(rule(), Instance(), Observation(11, 1), 0)
    assert clear(firing, 5)[1] is Transition.RESOLVED
    pending, _ = step(rule(**{"for": "1m"}), Instance(), Observation(11, 1), 0)
    instance, transition = clear(pending, 5)
    assert (instance.state, transition) == (State.INACTIVE, None)


def test_a_changed_rule_that_leaves_only_a_pending_level_resolves_first() -> None:
    firing, _ = step(rule(), Instance(), Observation(11, 1), 0)
    milder = rule(critical=None, warning={"above": 5}, **{"for": "1m"})
    instance, transition = step(milder, firing, Observation(11, 1), 1)
    assert (instance.state, transition) == (State.RESOLVED, Transition.RESOLVED)
    instance, transition = step(milder, instance, Observation(11, 1), 2)
    assert (instance.state, transition) == (State.PENDING, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_neither_fires_nor_resolves(value: float) -> None:
    spec = rule()
    assert step(spec, Instance(), Observation(value, 1), 0)[0].state is State.INACTIVE
    firing, _ = step(spec, Instance(), Observation(11, 1), 0)
    instance, transition = step(spec, firing, Observation(value, 1), 1)
    assert (instance.state, transition, instance.value) == (State.FIRING, None, 11)


def test_few_requests_do_not_matter_to_what_has_none() -> None:
    spec = rule(value="check_failing", critical={"above": 0.5}, min_requests=20)
    assert step(spec, Instance(), Observation(1, 0), 0)[0].state is State.FIRING


def test_severities_with_values_of_their_own_go_their_own_ways() -> None:
    spec = rule(warning={"above": 5}, critical={"value": "error_rate", "above": 10})
    instance = Instance()
    seen = []
    for now, (mild, severe) in enumerate([(6, 1), (1, 11), (None, 12), (1, None), (1, 1)]):
        instance, transition = step(spec, instance, Observation(mild, 1, severe), now)
        seen.append((instance.severity, transition, instance.no_data_since_s))
    assert seen == [
        ("warning", Transition.FIRING, None),
        ("critical", Transition.ESCALATED, None),
        ("critical", None, 2),
        ("critical", None, 2),
        (None, Transition.RESOLVED, None),
    ]
    assert (instance.value, instance.critical_value) == (1, 1)
    assert (instance.peak, instance.critical_peak) == (6, 12)


@given(
    st.lists(
        st.tuples(st.sampled_from([None, 1, 7, 20]), st.sampled_from([None, 1, 7, 20])),
        max_size=30,
    ),
    st.sampled_from(["keep", "ok", "alert"]),
    st.sampled_from([0, 15]),
    st.sampled_from([0, 15]),
    st.booleans(),
)
def test_every_firing_is_told_once_and_ends_once(
    observed: list[tuple[float | None, float | None]],
    no_data: str,
    for_s: int,
    keep_s: int,
    split: bool,
) -> None:
    critical = {"value": "error_rate" if split else None, "above": 10}
    keys = {"no_data": no_data, "keep_firing_for": keep_s, "for": for_s}
    spec = rule(warning={"above": 5}, critical=critical, **keys)
    instance, open_ = Instance(), False
    for number, (value, severe) in enumerate(observed):
        before = instance
        instance, transition = step(spec, instance, Observation(value, 1, severe), number * 10)
        if transition is Transition.FIRING:
            assert not open_
        elif transition is not None:
            assert open_
        open_ = open_ if transition is None else transition is not Transition.RESOLVED
        assert open_ == (instance.state is State.FIRING)
        nothing_known = value is None and (severe is None or not split)
        if no_data == "keep" and nothing_known:
            assert (instance.warning, instance.critical) == (before.warning, before.critical)


@dataclass
class PlainLevel:
    """The same, told from the whole history at each step instead of from a few times."""

    limit: float
    clear: float
    for_s: float
    keep_s: float
    firing: bool = False

    def after(self, history: list[tuple[float, float]]) -> bool:
        now_s = history[-1][0]
        if not self.firing:
            run = []
            for at_s, value in reversed(history):
                if value <= self.limit:
                    break
                run.append(at_s)
            self.firing = bool(run) and now_s - run[-1] >= self.for_s
            return self.firing
        run = []
        for at_s, value in reversed(history):
            if value > self.limit or value >= self.clear:
                break
            run.append(at_s)
        self.firing = not run or now_s - run[-1] < self.keep_s
        return self.firing


@given(
    st.lists(st.tuples(st.sampled_from([1, 5, 20]), st.integers(0, 20)), min_size=1, max_size=40),
    st.sampled_from([0, 5, 30]),
    st.sampled_from([0, 5, 30]),
    st.sampled_from([None, 3]),
    st.sampled_from([None, 8]),
)
def test_the_machine_agrees_with_a_plain_model(
    observed: list[tuple[int, int]],
    for_s: int,
    keep_s: int,
    clear_warning: int | None,
    clear_critical: int | None,
) -> None:
    spec = rule(
        warning={"above": 5, "clear_below": clear_warning},
        critical={"above": 10, "clear_below": clear_critical},
        keep_firing_for=keep_s,
        **{"for": for_s},
    )
    never = 1e9
    warning = PlainLevel(5, clear_warning or never, for_s, keep_s)
    critical = PlainLevel(10, clear_critical or never, for_s, keep_s)
    instance, history, now_s = Instance(), [], 0.0
    for wait_s, value in observed:
        now_s += wait_s
        history.append((now_s, float(value)))
        before = instance.severity
        instance, transition = step(spec, instance, Observation(value, 1), now_s)
        fires = warning.after(history), critical.after(history)
        expected = "critical" if fires[1] else "warning" if fires[0] else None
        assert instance.severity == expected
        assert (transition is None) == (before == expected)
