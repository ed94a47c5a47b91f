from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.explain import MOST_GROUPS, GroupExplanation, RuleExplanation
from llmmon_collector.rules.model import RuleSpec

WALL_NS = 1_700_000_000 * 10**9
Tables = Callable[..., MetricTable]


class Bench:
    """One rule, evaluated on tables and explained."""

    def __init__(self, **keys: Any) -> None:
        keys = {"name": "r", "value": "latency_p95", "warning": {"above": 10}, **keys}
        self.engine = RuleEngine([RuleSpec.model_validate(keys)])
        self.now_s = 0.0

    def explain(self, table: MetricTable, after_s: float = 10) -> RuleExplanation:
        self.now_s += after_s
        sources = Sources(lambda *_: table)
        self.engine.evaluate(sources, self.now_s, WALL_NS + round(self.now_s * 1e9))
        return self.engine.explain("r", sources)

    def why(self, table: MetricTable, after_s: float = 10) -> str:
        return self.explain(table, after_s).groups[0].why


def test_every_part_is_told_with_its_value(whole: Tables) -> None:
    bench = Bench(value="errors / requests > 0.1 and latency_p95 > 5", warning={"above": 0.5})
    (group,) = bench.explain(whole(errors=20, latency_p95=4)).groups
    assert group.parts == (
        ("errors / requests > 0.1 and latency_p95 > 5", 0),
        ("errors / requests > 0.1", 1),
        ("errors / requests", 0.2),
        ("errors", 20),
        ("requests", 100),
        ("latency_p95 > 5", 0),
        ("latency_p95", 4),
    )
    assert (group.state, group.requests, group.missing) == ("inactive", 100, ())


def test_what_has_no_value_is_named(whole: Tables) -> None:
    bench = Bench(value='latency_p95 / ago(latency_p95, "1d") + cost_usd / errors')
    (group,) = bench.explain(whole(latency_p95=4, cost_usd=1, errors=0)).groups
    assert group.missing == ('ago(latency_p95, "1d")', "cost_usd / errors")
    assert group.why == 'no data: ago(latency_p95, "1d"), cost_usd / errors without value'


def test_each_reason_has_a_line(whole: Tables) -> None:
    bench = Bench(
        warning={"above": 10, "clear_below": 8},
        min_requests=5,
        keep_firing_for="30s",
        **{"for": "20s"},
    )
    assert bench.why(whole(latency_p95=9)) == (
        "does not fire: latency_p95 = 9 ms is not above 10 ms"
    )
    breach = "latency_p95 = 12 ms is above 10 ms"
    assert bench.why(whole(latency_p95=12)) == f"pending: {breach}, for 0s of 20s"
    assert bench.why(whole(latency_p95=12)) == f"pending: {breach}, for 10s of 20s"
    assert bench.why(whole(latency_p95=12)) == f"fires: {breach}"
    calm = "fires: latency_p95 = 9 ms is not above 10 ms"
    assert bench.why(whole(latency_p95=9)) == f"{calm}; held until it is below 8"
    few = bench.why(whole(requests=3, latency_p95=9))
    assert few.endswith('no data: 3 requests, at least 5 are needed; no_data = "keep"')
    bench.why(whole(latency_p95=7))
    assert bench.why(whole(latency_p95=7)).endswith("; clear for 10s of 30s")


def test_limits_tell_how_far_they_are(whole: Tables) -> None:
    bench = Bench(critical={"value": "error_rate", "above": 0.5}, **{"for": "1m"})
    bench.explain(whole(latency_p95=12, error_rate=0.1))
    (group,) = bench.explain(whole(latency_p95=12)).groups
    warning, critical = group.limits
    assert (warning.metric, warning.value, warning.state, warning.breached) == (
        "latency_p95",
        12,
        "pending",
        True,
    )
    assert (warning.breached_s, warning.for_s) == (10, 60)
    assert (critical.metric, critical.value, critical.state, critical.breached) == (
        "error_rate",
        None,
        "inactive",
        None,
    )


def test_the_worst_groups_are_explained(grouped: Tables) -> None:
    bench = Bench(by=["model"], limit=1)
    rows: list[Any] = [({"model": str(n)}, {"latency_p95": n or None}) for n in range(30)]
    explained = bench.explain(grouped(rows))
    assert explained.total == 30
    assert [group.labels["model"] for group in explained.groups][:3] == ["29", "28", "27"]
    assert len(explained.groups) == MOST_GROUPS
    assert explained.groups[1].why.endswith("; worse groups take up the rule's limit of 1 alerts")


def test_an_alert_whose_group_is_gone_is_explained_too(grouped: Tables) -> None:
    bench = Bench(by=["model"])
    bench.explain(grouped([({"model": "x"}, {"latency_p95": 11})]))
    (group,) = bench.explain(grouped([])).groups
    assert isinstance(group, GroupExplanation)
    assert (group.labels, group.state) == ({"model": "x"}, "firing")
    assert group.missing == ("the group itself",)
    assert group.why == (
        'fires: latency_p95 has no value; no data: its group is gone; no_data = "keep"'
    )


def test_what_was_not_evaluated_says_so(whole: Tables) -> None:
    bench = Bench()
    early = bench.engine.explain("r", Sources(lambda *_: whole(latency_p95=1)))
    assert early.error == "not evaluated: there is nothing of its kind, or not yet"
    assert early.groups == ()

    def fails(*of: object) -> MetricTable:
        raise OSError("gone")

    assert bench.engine.explain("r", Sources(fails)).error == "OSError: gone"
    with pytest.raises(KeyError):
        bench.engine.explain("other", Sources(fails))


def test_explaining_changes_nothing(whole: Tables) -> None:
    bench = Bench(value='max_over(latency_p95, "5m")', warning={"above": 1000})
    bench.explain(whole(latency_p95=1))
    sources = Sources(lambda *_: whole(latency_p95=50))
    before = bench.engine.alerts()
    assert dict(bench.engine.explain("r", sources).groups[0].parts)["latency_p95"] == 50
    assert bench.engine.alerts() == before
    (group,) = bench.explain(whole(latency_p95=2), after_s=60).groups
    assert dict(group.parts)['max_over(latency_p95, "5m")'] == 2
