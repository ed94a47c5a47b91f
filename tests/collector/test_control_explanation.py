"""Why a rule fires or not: what ``explain`` answers, and how ``llmmon rules explain`` says it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from click.testing import CliRunner

from llmmon.errors import ControlError
from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.snapshot import AlertView
from llmmon_collector.alerts.record import Notice
from llmmon_collector.control.explanation import Present, explanation_document
from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.view import alert_view
from llmmon_collector.series import Where
from llmmon_collector.tools.commands import rules as group
from llmmon_collector.tools.explanation import explanation_lines

NOON_NS = 1_795_521_600 * 10**9
RULE = RuleSpec.model_validate(
    {
        "name": "slow",
        "value": "latency_p95 / 2",
        "by": ["model"],
        "warning": {"above": 1000, "clear_below": 800},
        "critical": {"above": 2000},
        "for": "1m",
        "min_requests": 10,
    }
)
DOWN = RuleSpec.model_validate(
    {"name": "down", "value": "check_failing", "critical": {"above": 0.5}}
)


class Rig:
    """An engine that was told the same values every half minute."""

    def __init__(self, values: dict[str, float], requests: int = 50) -> None:
        labels = tuple({"model": model} for model in values)
        columns = {"latency_p95": np.array([*values.values()], np.float64)}
        counts = np.full(len(values), requests, np.int64)
        self._table = MetricTable(labels, columns, counts)
        self.engine = RuleEngine([RULE, DOWN])
        self.mono_s = 0.0

    def run(self, seconds: float) -> Rig:
        for _ in range(round(seconds / 30) + 1):
            self.engine.evaluate(self.sources(), self.mono_s, self._wall_ns())
            self.mono_s += 30
        self.mono_s -= 30
        return self

    def sources(self) -> Sources:
        return Sources(self._read, {"checks": self._checks})

    def document(
        self,
        rule: str = "slow",
        labels: dict[str, str] | None = None,
        told: dict[str, Notice] | None = None,
        **flags: Any,
    ) -> dict[str, Any]:
        """As it arrives; ``told`` and ``flags`` are of every alert."""
        views: list[AlertView] = [
            replace(alert_view(alert, f"id-{i}"), **flags)
            for i, alert in enumerate(self.engine.alerts())
        ]
        found = self.engine.explain(rule, self.sources(), labels)
        notices = {view.id: told or {} for view in views}
        now = Present(self.mono_s, self._wall_ns())
        made = explanation_document(found, views, notices, now)
        arrived: dict[str, Any] = unpack(pack(made))
        return arrived

    def _wall_ns(self) -> int:
        return NOON_NS + round(self.mono_s * 1e9)

    def _read(self, window_s: int, by: tuple[str, ...], where: Where | None) -> MetricTable:
        return self._table

    def _checks(self) -> MetricTable:
        labels = ({"check": "redis", "type": "redis"}, {"check": "db", "type": "sql"})
        values = {"check_failing": np.array([1.0, 0.0])}
        return MetricTable(labels, values, np.ones(2, np.int64))


def test_a_firing_group_has_its_parts_limits_and_alert() -> None:
    document = Rig({"a": 5000.0, "b": 100.0}).run(120).document()
    assert (document["rule"], document["family"], document["groups_total"]) == (
        "slow",
        "requests",
        2,
    )
    bad, good = document["groups"]
    assert (bad["labels"], bad["state"], bad["requests"]) == ({"model": "a"}, "firing", 50)
    assert bad["parts"] == [
        {"text": "latency_p95 / 2", "value": 2500.0},
        {"text": "latency_p95", "value": 5000.0},
    ]
    assert [(limit["severity"], limit["state"]) for limit in bad["limits"]] == [
        ("warning", "firing"),
        ("critical", "firing"),
    ]
    assert bad["alert"]["severity"] == "critical"
    assert bad["alert"]["fired_ns"] == NOON_NS + 60 * 10**9
    assert (good["state"], good["alert"]) == ("inactive", None)


def test_a_pending_group_tells_how_far_it_is() -> None:
    lines = explanation_lines(Rig({"a": 3000.0}).run(30).document())
    text = "\n".join(lines)
    assert "{model=a}: pending since 2026-11-24 12:00:00 UTC (30s ago)" in text
    assert "pending: latency_p95 / 2 = 1500 is above 1000, for 30s of 1m" in text
    assert "warning: above 1000 until 800, pending, first breached 30s ago, for 1m needed" in text


def test_few_requests_are_told_as_no_data() -> None:
    lines = explanation_lines(Rig({"a": 9000.0}, requests=3).run(120).document())
    assert any("3 requests, at least 10 are needed" in line for line in lines)
    assert "  3 requests, 10 needed" in lines


def test_what_keeps_people_from_being_told_is_said() -> None:
    rig = Rig({"a": 5000.0}).run(120)
    until_ns = NOON_NS + (120 + 3600) * 10**9
    told = {
        "team": Notice(open=True, told_s=60.0, severity="critical"),
        "night": Notice(),
    }
    lines = explanation_lines(
        rig.document(
            told=told,
            acknowledged_by="ann",
            silenced_until_ns=until_ns,
            inhibited_by="outage",
            muted_until_ns=until_ns,
            flapping=True,
        )
    )
    for said in (
        "  acknowledged by ann",
        "  silenced until 2026-11-24 13:02:00 UTC (1h from now)",
        "  muted by the alert of outage",
        "  quiet hours until 2026-11-24 13:02:00 UTC (1h from now)",
        "  flapping: told less often",
        "  team: last told (critical) 2026-11-24 12:01:00 UTC (1m ago), knows it fires",
        "  night: not told",
    ):
        assert said in lines


def test_a_firing_alert_that_nobody_was_told_of_says_so() -> None:
    assert "  no channel was told" in explanation_lines(Rig({"a": 5000.0}).run(120).document())


def test_groups_can_be_picked_even_if_twenty_are_worse() -> None:
    rig = Rig({f"m{i}": 5000.0 + i for i in range(30)} | {"fine": 10.0}).run(120)
    document = rig.document()
    assert (len(document["groups"]), document["groups_total"]) == (20, 31)
    assert "11 more groups, none of them worse: name one with --by" in explanation_lines(document)
    document = rig.document(labels={"model": "fine"})
    [one] = document["groups"]
    assert (one["labels"], document["groups_total"]) == ({"model": "fine"}, 1)
    assert rig.document(labels={"model": "none"})["groups"] == []


def test_other_families_are_explained_by_their_rows() -> None:
    rig = Rig({}).run(0)
    redis, _ = rig.document("down")["groups"]
    assert redis["labels"] == {"check": "redis", "type": "redis"}
    [database] = rig.document("down", labels={"check": "db"})["groups"]
    assert database["state"] == "inactive"
    text = "\n".join(explanation_lines(rig.document("down")))
    assert "down: check_failing of checks" in text
    assert "critical: above 0.5, firing" in text
    assert "requests" not in text


def test_a_rule_without_groups_says_why() -> None:
    assert "  no group has requests in the window" in explanation_lines(Rig({}).run(0).document())


class _Host:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.asked: list[Any] = []

    @contextmanager
    def control(self, connect: str | None, key_file: str | None) -> Iterator[_Host]:
        self.asked.append((connect, key_file))
        yield self

    def call(self, method: str, params: dict[str, Any] | None = None, more_s: float = 0.0) -> Any:
        self.asked.append((method, params))
        if (params or {}).get("name") != "slow":
            raise ControlError("not_found", "no such rule")
        return self.document


def test_the_command_asks_the_collector() -> None:
    host = _Host(Rig({"a": 5000.0}).run(120).document())
    arguments = ["explain", "slow", "--by", "model=a", "--connect", "ipc:///x"]
    done = CliRunner().invoke(group, arguments, obj=host)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("slow: latency_p95 / 2 over 5m by model\n\n{model=a}: firing")
    assert host.asked == [
        ("ipc:///x", None),
        ("explain", {"name": "slow", "labels": {"model": "a"}}),
    ]
    done = CliRunner().invoke(group, [*arguments, "--json"], obj=host)
    assert json.loads(done.output) == host.document


def test_wrong_labels_are_a_usage_error() -> None:
    done = CliRunner().invoke(group, ["explain", "slow", "--by", "model"], obj=_Host({}))
    assert (done.exit_code, "expected NAME=VALUE" in done.output) == (2, True)
