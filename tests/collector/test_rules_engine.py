from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from llmmon.protocol.snapshot import Limit
from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.rules.alert import Alert, AlertChange
from llmmon_collector.rules.builtin import BUILTIN_RULES, effective_rules
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.runner import RESOLVED_KEPT_S
from llmmon_collector.rules.state import State
from llmmon_collector.rules.view import alert_view, worst_first
from llmmon_collector.series import SeriesKey, Where

WALL_NS = 1_700_000_000 * 10**9
Tables = Callable[..., MetricTable]


def rule(name: str = "r", **keys: Any) -> RuleSpec:
    return RuleSpec.model_validate(
        {"name": name, "value": "latency_p95", "warning": {"above": 10}, **keys}
    )


class Bench:
    """An engine with a table that tests set, and a clock that they move."""

    def __init__(self, *rules: RuleSpec) -> None:
        self.engine = RuleEngine(rules)
        self.now_s = 0.0
        self.asked: list[tuple[int, tuple[str, ...], Where | None]] = []

    def tick(self, table: MetricTable, after_s: float = 1, **others: Any) -> list[AlertChange]:
        self.now_s += after_s

        def source(window_s: int, by: tuple[str, ...], where: Where | None) -> MetricTable:
            self.asked.append((window_s, by, where))
            return table

        return self.engine.evaluate(Sources(source, **others), self.now_s, self.wall_ns)

    @property
    def wall_ns(self) -> int:
        return WALL_NS + round(self.now_s * 1e9)

    def replace(self, *rules: RuleSpec) -> list[AlertChange]:
        return self.engine.replace(rules, self.now_s, self.wall_ns)


def told(changes: list[AlertChange]) -> list[tuple[str, str, dict[str, str]]]:
    return [(c.alert.rule.name, str(c.transition), dict(c.alert.labels)) for c in changes]


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("high_latency", {"latency_p95": 5000.1}, {"latency_p95": 5000}),
        ("critical_latency", {"latency_p99": 10000.1}, {"latency_p99": 10000}),
        ("high_error_rate", {"error_rate": 0.051}, {"error_rate": 0.05}),
        ("low_quality", {"quality_score_mean": 0.69}, {"quality_score_mean": 0.7}),
        ("cost_spike", {"hourly_cost": 100.01}, {"hourly_cost": 100}),
    ],
)
def test_each_built_in_rule_fires_within_a_tick_and_resolves_after_half_a_minute(
    whole: Tables, name: str, bad: dict[str, float], good: dict[str, float]
) -> None:
    bench = Bench(*effective_rules([]))
    assert bench.tick(whole(**good)) == []
    assert told(bench.tick(whole(**bad))) == [(name, "firing", {})]
    assert bench.tick(whole(**bad)) == []
    assert bench.tick(whole(**good)) == []
    assert told(bench.tick(whole(**good), after_s=30)) == [(name, "resolved", {})]


def test_each_group_is_an_instance_of_its_own(grouped: Tables) -> None:
    bench = Bench(rule(by=["service", "model"]))
    labels = [{"service": "a", "model": m} for m in ("x", "y", "z")]

    def table(*values: float | None) -> MetricTable:
        return grouped([(g, {"latency_p95": v}) for g, v in zip(labels, values, strict=True)])

    assert told(bench.tick(table(11, 5, 12))) == [
        ("r", "firing", labels[2]),
        ("r", "firing", labels[0]),
    ]
    assert told(bench.tick(table(11, 15, 2))) == [
        ("r", "resolved", labels[2]),
        ("r", "firing", labels[1]),
    ]


def test_a_group_that_disappears_has_no_data(grouped: Tables) -> None:
    kept, ok = rule("kept", by=["model"]), rule("ok", by=["model"], no_data="ok")
    bench = Bench(kept, ok)
    bench.tick(grouped([({"model": "x"}, {"latency_p95": 11})]))
    assert told(bench.tick(grouped([]))) == [("ok", "resolved", {"model": "x"})]
    views = {view.rule: view for view in map(view_of, bench.engine.alerts())}
    assert (views["kept"].state, views["kept"].no_data, views["kept"].value) == ("firing", True, 11)


def test_a_group_without_data_can_alert(grouped: Tables) -> None:
    bench = Bench(rule(by=["model"], no_data="alert"))
    table = grouped([({"model": "x"}, {"latency_p95": 1}), ({"model": "y"}, {})])
    assert told(bench.tick(table)) == [("r", "firing", {"model": "y"})]
    view = view_of(bench.engine.alerts()[0])
    assert (view.value, view.summary) == (None, "no data for latency_p95 over 5m")


def test_rules_of_one_window_grouping_and_filter_share_a_table(whole: Tables) -> None:
    where = 'environment == "production"'
    bench = Bench(
        rule("a"),
        rule("b", value="error_rate"),
        rule("c", window="1h"),
        rule("d", where=where),
        rule("e", where=where),
    )
    bench.tick(whole())
    asked = bench.asked
    assert [(window_s, by) for window_s, by, _ in asked] == [(300, ()), (3600, ()), (300, ())]
    assert asked[0][2] is None
    picks = asked[2][2]
    assert picks is not None
    assert picks(SeriesKey("", "production", "", "", "", ""))
    assert not picks(SeriesKey("", "staging", "", "", "", ""))
    bench.tick(whole())
    assert bench.asked[5][2] is picks


def test_the_worst_groups_get_the_room_there_is(grouped: Tables) -> None:
    bench = Bench(rule(by=["model"], limit=2))
    rows = [({"model": str(n)}, {"latency_p95": 20 + n}) for n in range(5)]
    assert [c.alert.labels[0][1] for c in bench.tick(grouped(rows))] == ["4", "3"]
    assert bench.engine.health()[0].refused == 3
    rows[4][1]["latency_p95"] = 1
    assert told(bench.tick(grouped(rows))) == [
        ("r", "resolved", {"model": "4"}),
        ("r", "firing", {"model": "2"}),
    ]


def test_a_failing_source_changes_no_alert_and_no_other_rule(whole: Tables) -> None:
    bench = Bench(rule("five"), rule("hour", window="1h"))
    bench.tick(whole(latency_p95=11))

    def source(window_s: int, by: tuple[str, ...], where: Where | None) -> MetricTable:
        if window_s == 300:
            raise KeyError(window_s)
        return whole(latency_p95=1)

    changes = bench.engine.evaluate(Sources(source), 2, WALL_NS)
    assert told(changes) == [("hour", "resolved", {})]
    five, hour = bench.engine.health()
    assert (five.error, hour.error) == ("KeyError: 300", "")
    assert five.evaluated_ns == WALL_NS + 10**9
    bench.tick(whole(latency_p95=11))
    assert bench.engine.health()[0].error == ""


def test_wall_times_tell_the_story_of_an_episode(whole: Tables) -> None:
    bench = Bench(rule(**{"for": "10s"}))
    bench.tick(whole(latency_p95=11))
    pending = bench.engine.alerts()[0]
    assert (pending.state, pending.since_ns, pending.fired_ns) == (
        State.PENDING,
        WALL_NS + 10**9,
        None,
    )
    bench.tick(whole(latency_p95=13), after_s=10)
    bench.tick(whole(latency_p95=12))
    view = view_of(bench.engine.alerts()[0])
    assert (view.state, view.fired_ns, view.value, view.peak) == (
        "firing",
        WALL_NS + 11 * 10**9,
        12,
        13,
    )
    bench.tick(whole(latency_p95=1))
    view = view_of(bench.engine.alerts()[0])
    assert (view.state, view.resolved_ns, view.severity) == (
        "resolved",
        WALL_NS + 13 * 10**9,
        "warning",
    )


def test_resolved_alerts_stay_in_sight_for_a_quarter_of_an_hour(whole: Tables) -> None:
    bench = Bench(rule())
    bench.tick(whole(latency_p95=11))
    bench.tick(whole(latency_p95=1))
    bench.tick(whole(latency_p95=1), after_s=RESOLVED_KEPT_S - 1)
    assert len(bench.engine.alerts()) == 1
    bench.tick(whole(latency_p95=1))
    assert bench.engine.alerts() == ()


def test_a_pending_alert_that_clears_vanishes(whole: Tables) -> None:
    bench = Bench(rule(**{"for": "1m"}))
    bench.tick(whole(latency_p95=11))
    assert bench.tick(whole(latency_p95=1)) == []
    assert bench.engine.alerts() == ()


def test_reloading_keeps_alerts_of_the_same_name_and_labels(grouped: Tables) -> None:
    table = grouped([({"model": "x", "service": "a"}, {"latency_p95": 11})])
    bench = Bench(rule(by=["model", "service"]), rule("gone", by=["model", "service"]))
    bench.tick(table)
    changes = bench.replace(rule(by=["service", "model"], warning={"above": 9}))
    assert [(c.alert.rule.name, c.reason) for c in changes] == [("gone", "rule_removed")]
    assert bench.tick(table) == []
    kept = next(alert for alert in bench.engine.alerts() if alert.rule.name == "r")
    assert (kept.state, kept.rule.threshold("warning").limit) == (State.FIRING, 9)
    assert len(bench.engine.alerts()) == 2


def test_reloading_with_another_grouping_resolves_the_old_alerts(whole: Tables) -> None:
    bench = Bench(rule())
    bench.tick(whole(latency_p95=11))
    changes = bench.replace(rule(by=["model"]))
    assert [(str(c.transition), c.reason) for c in changes] == [("resolved", "rule_changed")]


def test_a_rule_that_comes_back_takes_its_resolved_alert_over(whole: Tables) -> None:
    bench = Bench(rule())
    bench.tick(whole(latency_p95=11))
    bench.replace()
    bench.replace(rule())
    assert told(bench.tick(whole(latency_p95=11))) == [("r", "firing", {})]
    assert len(bench.engine.alerts()) == 1


def test_restored_alerts_do_not_get_better_before_the_windows_are_warm(whole: Tables) -> None:
    before = Bench(rule(critical={"above": 20}))
    before.tick(whole(latency_p95=25))
    after = Bench(rule(critical={"above": 20}))
    alerts = before.engine.alerts()
    assert after.engine.restore(alerts, 10, after.now_s, after.wall_ns) == []
    assert after.tick(whole(requests=0)) == []
    assert after.tick(whole(latency_p95=1)) == []
    assert after.tick(whole(latency_p95=15)) == []
    assert after.engine.alerts()[0].severity == "critical"
    assert told(after.tick(whole(latency_p95=1), after_s=10)) == [("r", "resolved", {})]


def test_new_alerts_may_resolve_while_windows_are_still_filling(whole: Tables) -> None:
    bench = Bench(rule())
    bench.engine.restore([], 100, 0, WALL_NS)
    bench.tick(whole(latency_p95=11))
    assert told(bench.tick(whole(latency_p95=1))) == [("r", "resolved", {})]


def test_limits_are_those_on_plain_metrics_of_the_whole() -> None:
    engine = RuleEngine(
        [
            *BUILTIN_RULES[:1],
            rule("grouped", by=["model"]),
            rule("filtered", where='model == "x"'),
            rule("computed", value="errors / requests"),
            rule("both", critical={"above": 20}, window="1h"),
        ]
    )
    assert engine.limits() == (
        Limit("high_latency", "latency_p95", 300, "above", 5000, None),
        Limit("both", "latency_p95", 3600, "above", 10, 20),
    )


def test_the_summary_speaks_in_units_or_as_the_rule_says(whole: Tables) -> None:
    bench = Bench(rule(), rule("own", summary="{rule} {value:.1f}>{threshold:g} in {window}"))
    bench.tick(whole(latency_p95=11))
    plain, own = (view_of(alert).summary for alert in bench.engine.alerts())
    assert plain == "latency_p95 11 ms over 5m, limit above 10 ms"
    assert own == "own 11.0>10 in 5m"


def test_views_come_worst_first(whole: Tables) -> None:
    bench = Bench(
        rule("over", warning={"above": 15}),
        rule("pending", **{"for": "1h"}),
        rule("warning"),
        rule("critical", warning=None, critical={"above": 10}),
    )
    bench.tick(whole(latency_p95=16))
    bench.tick(whole(latency_p95=11))
    views = worst_first(map(view_of, bench.engine.alerts()))
    assert [view.rule for view in views] == ["critical", "warning", "pending", "over"]


def test_what_max_series_left_no_room_for_is_no_group_until_it_has_requests(
    grouped: Tables,
) -> None:
    bench = Bench(
        rule("quiet", value="request_rate", warning={"below": 1}, by=["model", "route"]),
        rule("silent", by=["model", "route"], no_data="alert"),
    )
    other = {"model": "__other__", "route": "__other__"}
    empty = grouped([(other, {"request_rate": 0})], requests=0)
    assert bench.tick(empty) == []
    some = grouped([(other, {"request_rate": 0.5})])
    assert told(bench.tick(some)) == [("quiet", "firing", other), ("silent", "firing", other)]
    bench.tick(empty)
    assert all(alert.instance.no_data_since_s is not None for alert in bench.engine.alerts())


def test_no_requests_at_all_are_below_a_limit(whole: Tables, grouped: Tables) -> None:
    quiet = rule(value="request_rate", warning={"below": 0.01})
    silence = {"request_rate": 0.0}
    assert told(Bench(quiet).tick(whole(requests=0, **silence))) == [("r", "firing", {})]
    by = quiet.model_copy(update={"by": ("model",)})
    table = grouped([({"model": "x"}, silence)], requests=0)
    assert told(Bench(by).tick(table)) == [("r", "firing", {"model": "x"})]
    assert Bench(rule(**{**quiet.model_dump(by_alias=True), "min_requests": 1})).tick(table) == []


def checks(**failing: tuple[float, float]) -> dict[str, Any]:
    """Sources of a table of health checks: by name, whether it fails and is critical."""
    table = MetricTable(
        tuple({"check": name, "type": "tcp"} for name in failing),
        {
            "check_failing": np.array([value for value, _ in failing.values()]),
            "check_critical": np.array([value for _, value in failing.values()]),
        },
        np.zeros(len(failing), np.int64),
    )
    return {"families": {"checks": lambda: table}}


def test_each_row_of_another_family_is_an_alert(whole: Tables) -> None:
    failing = next(spec for spec in BUILTIN_RULES if spec.name == "check_failing")
    bench = Bench(failing)
    redis, pg = ({"check": name, "type": "tcp"} for name in ("redis", "pg"))
    changes = bench.tick(whole(), **checks(redis=(1, 0), pg=(1, 1), web=(0, 0)))
    assert told(changes) == [(failing.name, "firing", pg), (failing.name, "firing", redis)]
    views = {view.labels["check"]: view for view in map(view_of, bench.engine.alerts())}
    assert (views["pg"].severity, views["redis"].severity) == ("critical", "warning")
    assert (views["pg"].metric, views["redis"].metric) == ("check_critical", "check_failing")
    assert views["pg"].summary == "health check pg (tcp) is failing"
    assert views["pg"].window_s == 0
    assert bench.asked == []


def test_a_rule_of_a_family_that_is_not_there_does_nothing(whole: Tables) -> None:
    bench = Bench(rule(value="check_value"))
    assert bench.tick(whole()) == []
    (health,) = bench.engine.health()
    assert (health.error, health.evaluated_ns) == ("", None)


def test_a_check_that_is_taken_out_ends_its_alert(whole: Tables) -> None:
    bench = Bench(rule(value="check_failing", warning={"above": 0}))
    bench.tick(whole(), **checks(redis=(1, 0), web=(1, 0)))
    (change,) = bench.tick(whole(), **checks(web=(1, 0)))
    assert (str(change.transition), change.reason) == ("resolved", "check_removed")
    assert dict(change.alert.labels)["check"] == "redis"
    assert bench.tick(whole(), **checks(web=(math.nan, 0))) == []


def slos(*rows: dict[str, str]) -> dict[str, Any]:
    """The source of objectives that all burn."""
    table = MetricTable(rows, {"slo_page": np.full(len(rows), 2.0)}, np.zeros(len(rows), np.int64))
    return {"families": {"slos": lambda: table}}


WHOLE, BY_MODEL = {"slo": "chat"}, {"slo": "chat", "model": "a"}


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        (WHOLE, [BY_MODEL], True),
        (BY_MODEL, [WHOLE], True),
        (BY_MODEL, [{"slo": "chat", "service": "a"}], True),
        (WHOLE, [{"slo": "other"}], True),
        (BY_MODEL, [{"slo": "chat", "model": "b"}], False),
        (BY_MODEL, [{"slo": "other", "service": "a"}], False),
        (BY_MODEL, [], False),
    ],
)
def test_an_objective_that_is_grouped_otherwise_or_gone_ends_its_alert(
    whole: Tables, before: dict[str, str], after: list[dict[str, str]], ends: bool
) -> None:
    bench = Bench(rule(value="slo_page", warning={"above": 1}))
    bench.tick(whole(), **slos(before))
    changes = bench.tick(whole(), **slos(*after))
    ended = [change for change in changes if str(change.transition) == "resolved"]
    assert [dict(change.alert.labels) for change in ended] == [before] * ends
    assert all(change.reason == "rule_changed" for change in ended)


def test_a_filter_chooses_rows_of_a_family(whole: Tables) -> None:
    bench = Bench(rule(value="check_failing", warning={"above": 0}, where='check != "web"'))
    sources = checks(web=(1, 0), redis=(1, 0))
    for _ in range(2):
        bench.tick(whole(), **sources)
    assert [dict(alert.labels)["check"] for alert in bench.engine.alerts()] == ["redis"]


def test_the_table_of_a_family_is_made_once_a_tick_for_all_its_rules(whole: Tables) -> None:
    made: list[MetricTable] = []

    def family() -> MetricTable:
        made.append(checks(web=(1, 0), redis=(1, 0))["families"]["checks"]())
        return made[-1]

    wheres = ("", 'check == "web"', 'check == "redis"')
    keys = {"value": "check_failing", "warning": {"above": 0}}
    bench = Bench(*(rule(f"r{i}", where=where, **keys) for i, where in enumerate(wheres)))
    assert len(bench.tick(whole(), families={"checks": family})) == 4
    bench.tick(whole(), families={"checks": family})
    assert len(made) == 2


def test_a_rule_keeps_its_alerts_of_a_family_over_a_reload(whole: Tables) -> None:
    def failing(**keys: Any) -> RuleSpec:
        return rule(value="check_failing", warning={"above": 0}, **keys)

    bench, sources = Bench(failing()), checks(redis=(1, 0))
    bench.tick(whole(), **sources)
    assert bench.replace(failing(cooldown="1h")) == []
    assert bench.tick(whole(), **sources) == []
    assert [str(c.reason) for c in bench.replace(rule(value="slo_page"))] == ["rule_changed"]


def test_a_failing_family_or_measurement_changes_no_alert(whole: Tables) -> None:
    def fails(*of: str) -> Any:
        raise OSError("gone")

    bench = Bench(
        rule("checks", value="check_failing", warning={"above": 0}),
        rule("measured", value='check("redis")'),
    )
    bench.tick(whole(), measure=lambda *of: 11.0, **checks(redis=(1, 0)))
    assert bench.tick(whole(), measure=fails, families={"checks": fails}) == []
    assert [health.error for health in bench.engine.health()] == ["OSError: gone"] * 2
    assert [alert.state for alert in bench.engine.alerts()] == [State.FIRING] * 2


def test_each_severity_judges_its_own_value(whole: Tables) -> None:
    bench = Bench(rule(critical={"value": "error_rate", "below": 0.5}))
    assert told(bench.tick(whole(latency_p95=11, error_rate=0.6))) == [("r", "firing", {})]
    view = view_of(bench.engine.alerts()[0])
    assert (view.metric, view.value, view.threshold, view.peak) == ("latency_p95", 11, 10, 11)
    assert told(bench.tick(whole(latency_p95=1, error_rate=0.4))) == [("r", "escalated", {})]
    bench.tick(whole(latency_p95=1, error_rate=0.45))
    view = view_of(bench.engine.alerts()[0])
    assert (view.metric, view.value, view.threshold, view.peak) == ("error_rate", 0.45, 0.5, 0.4)
    assert view.summary == "error_rate 45.0% over 5m, limit below 50.0%"
    bench.tick(whole(latency_p95=12))
    view = view_of(bench.engine.alerts()[0])
    assert (view.severity, view.no_data) == ("critical", True)
    assert told(bench.tick(whole(latency_p95=1, error_rate=0.6))) == [("r", "resolved", {})]


def test_critical_groups_get_the_room_first_whatever_they_judge(grouped: Tables) -> None:
    bench = Bench(rule(by=["model"], critical={"value": "error_rate", "above": 0.1}, limit=2))
    rows = [
        ({"model": "slow"}, {"latency_p95": 90, "error_rate": 0}),
        ({"model": "slower"}, {"latency_p95": 99, "error_rate": 0}),
        ({"model": "broken"}, {"latency_p95": 1, "error_rate": 0.2}),
        ({"model": "both"}, {"latency_p95": 20, "error_rate": 0.9}),
    ]
    fired = [c.alert.labels[0][1] for c in bench.tick(grouped(rows))]
    assert fired == ["both", "broken"]
    assert bench.engine.health()[0].refused == 2


def test_missing_data_makes_no_alert_while_windows_are_filling(whole: Tables) -> None:
    bench = Bench(rule(no_data="alert"))
    bench.engine.restore([], 10, 0, WALL_NS)
    assert bench.tick(whole()) == []
    assert told(bench.tick(whole(), after_s=10)) == [("r", "firing", {})]


def test_an_alert_goes_on_firing_when_a_reload_raises_for(whole: Tables) -> None:
    bench = Bench(rule())
    bench.tick(whole(latency_p95=11))
    assert bench.replace(rule(**{"for": "1h"})) == []
    assert bench.tick(whole(latency_p95=11)) == []
    assert bench.engine.alerts()[0].state is State.FIRING
    assert told(bench.tick(whole(latency_p95=1))) == [("r", "resolved", {})]
    assert bench.tick(whole(latency_p95=11)) == []
    assert bench.engine.alerts()[0].state is State.PENDING


def test_a_split_rule_draws_a_limit_on_each_of_its_metrics() -> None:
    engine = RuleEngine([rule(critical={"value": "latency_p99", "above": 20})])
    assert engine.limits() == (
        Limit("r", "latency_p95", 300, "above", 10, None),
        Limit("r", "latency_p99", 300, "above", None, 20),
    )


def test_groups_may_change_their_order_from_tick_to_tick(grouped: Tables) -> None:
    bench = Bench(rule(by=["model"]))
    rows = [({"model": name}, {"latency_p95": value}) for name, value in (("x", 11), ("y", 1))]
    bench.tick(grouped(rows))
    assert bench.tick(grouped(rows[::-1])) == []
    assert view_of(bench.engine.alerts()[0]).value == 11


def view_of(alert: Alert) -> Any:
    return alert_view(alert, "id")
